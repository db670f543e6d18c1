"""REST bodies to domain records: pure functions, one per shape."""

from collections.abc import Sequence
from typing import Final

from msgspec.json import Decoder

from orderflow_recorder.binance.archive import ENTRY_PATH
from orderflow_recorder.binance.inspect import DECODE_ERRORS
from orderflow_recorder.binance.text import printable
from orderflow_recorder.binance.values import (
    check_decimals,
    check_optional_decimal,
    check_symbol,
    check_text,
    is_zero,
    split_levels,
    to_ns,
)
from orderflow_recorder.binance.wire import (
    BookWire,
    ExchangeInfoWire,
    RestAggTradeWire,
    RestTradeWire,
    ServerTimeWire,
    SymbolWire,
)
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import AggTrade, BookSnapshot, Instrument, Record, SpentTradeId, Trade

_COIN_MARGINED: Final = 2

_book = Decoder(BookWire).decode
_trades = Decoder(list[RestTradeWire]).decode
_agg_trades = Decoder(list[RestAggTradeWire]).decode
_exchange_info = Decoder(ExchangeInfoWire).decode
_server_time = Decoder(ServerTimeWire).decode


def parse_rest(market: Market, path: str, symbol: str | None, body: bytes, receive_time: int) -> Sequence[Record]:
    """Return what a REST body says.

    Args:
        market: Which host answered.
        path: E.g. ``/api/v3/depth``; its last part decides the shape. Rows from the archive look alike.
        symbol: The symbol asked for; bodies do not name it.
        body: JSON as received.
        receive_time: ns.

    Returns:
        A snapshot, trades, or instruments; nothing for other paths.

    Raises:
        FrameError: It is not what the venue documents.
    """
    endpoint = path.rpartition("/")[2]
    if endpoint not in {"depth", "trades", "historicalTrades", "aggTrades", "exchangeInfo"}:
        return ()
    try:
        if endpoint == "exchangeInfo":
            return parse_instruments(market, body, receive_time)
        if symbol is None:
            message = "expected a symbol beside the body, received none"
            raise FrameError(message)  # noqa: TRY301  # the path is added below
        name = check_symbol(symbol)
        archived = path.startswith(ENTRY_PATH)
        if endpoint == "depth":
            return (_snapshot(market, name, body, receive_time),)
        if endpoint == "aggTrades":
            return [_agg_trade(market, name, row, receive_time, archived=archived) for row in _agg_trades(body)]
        return [_trade(market, name, row, receive_time, archived=archived) for row in _trades(body)]
    except (FrameError, *DECODE_ERRORS) as error:
        asked = printable(f"{path} {symbol}" if symbol else path)
        message = f"{asked}: {printable(str(error))}; received {printable(body)}"
        raise FrameError(message) from error


def parse_instruments(market: Market, body: bytes, receive_time: int) -> list[Instrument]:
    """Return the symbols of an ``exchangeInfo`` body, without COIN-M rows.

    Raises:
        FrameError: It is not what the venue documents.
    """
    try:
        rows = _exchange_info(body).symbols
    except DECODE_ERRORS as error:
        message = f"expected an exchangeInfo body: {printable(str(error))}; received {printable(body)}"
        raise FrameError(message) from error
    return [_instrument(market, row, receive_time) for row in rows if row.security_type != _COIN_MARGINED]


def snapshot_id(body: bytes) -> int:
    """Return ``lastUpdateId`` of a ``depth`` body.

    Raises:
        FrameError: It is not one.
    """
    try:
        return _book(body).last_update_id
    except DECODE_ERRORS as error:
        message = f"expected a depth body: {printable(str(error))}; received {printable(body)}"
        raise FrameError(message) from error


def newest_trade_id(body: bytes) -> int | None:
    """Return the highest id of a ``trades`` body; none where it is empty.

    Raises:
        FrameError: It is not one.
    """
    return max(trade_ids("trades", body), default=None)


def newest_agg_trade_id(body: bytes) -> int | None:
    """Return the highest id of an ``aggTrades`` body; none where it is empty.

    Raises:
        FrameError: It is not one.
    """
    return max(trade_ids("aggTrades", body), default=None)


def trade_ids(path: str, body: bytes) -> list[int]:
    """Return the ids of a body with trades.

    Args:
        path: Ends with ``aggTrades``, ``trades`` or ``historicalTrades``.
        body: JSON as received.

    Raises:
        FrameError: It is not one.
    """
    endpoint = path.rpartition("/")[2]
    try:
        if endpoint == "aggTrades":
            return [row.agg_trade_id for row in _agg_trades(body)]
        return [row.trade_id for row in _trades(body)]
    except DECODE_ERRORS as error:
        message = f"expected a body of {endpoint}: {printable(str(error))}; received {printable(body)}"
        raise FrameError(message) from error


def server_time(body: bytes) -> int:
    """Return the venue's clock from a ``time`` body, ns.

    Raises:
        FrameError: It is not one.
    """
    try:
        return to_ns(_server_time(body).server_time)
    except DECODE_ERRORS as error:
        message = f"expected a time body: {printable(str(error))}; received {printable(body)}"
        raise FrameError(message) from error


def _snapshot(market: Market, symbol: str, body: bytes, receive_time: int) -> BookSnapshot:
    wire = _book(body)
    columns = split_levels(wire.bids, wire.asks)
    return BookSnapshot(market, symbol, wire.last_update_id, "rest", receive_time, *columns)


def _trade(
    market: Market, symbol: str, row: RestTradeWire, receive_time: int, *, archived: bool
) -> Trade | SpentTradeId:
    check_decimals((row.price, row.quantity))
    trade_time = to_ns(row.trade_time)
    if market is Market.USDM and is_zero(row.price):
        return SpentTradeId(market, symbol, row.trade_id, trade_time, None, receive_time)
    return Trade(
        market=market,
        symbol=symbol,
        trade_id=row.trade_id,
        price=row.price,
        quantity=row.quantity,
        buyer_is_maker=row.buyer_is_maker,
        trade_time=trade_time,
        event_time=None,
        receive_time=receive_time,
        archived=archived,
    )


def _agg_trade(market: Market, symbol: str, row: RestAggTradeWire, receive_time: int, *, archived: bool) -> AggTrade:
    check_decimals((row.price, row.quantity))
    return AggTrade(
        market=market,
        symbol=symbol,
        agg_trade_id=row.agg_trade_id,
        first_trade_id=row.first_trade_id,
        last_trade_id=row.last_trade_id,
        price=row.price,
        quantity=row.quantity,
        buyer_is_maker=row.buyer_is_maker,
        trade_time=to_ns(row.trade_time),
        event_time=None,
        receive_time=receive_time,
        archived=archived,
    )


def _instrument(market: Market, row: SymbolWire, receive_time: int) -> Instrument:
    filters = {entry.filter_type: entry for entry in row.filters}
    price, lot = filters.get("PRICE_FILTER"), filters.get("LOT_SIZE")
    return Instrument(
        market=market,
        symbol=check_symbol(row.symbol),
        status=check_text(row.status),
        base_asset=check_text(row.base_asset),
        quote_asset=check_text(row.quote_asset),
        contract_type=check_text(row.contract_type) if row.contract_type else None,
        tick_size=check_optional_decimal(price.tick_size if price else None),
        step_size=check_optional_decimal(lot.step_size if lot else None),
        receive_time=receive_time,
    )
