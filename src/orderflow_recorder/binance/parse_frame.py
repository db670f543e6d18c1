"""Combined-stream frames to domain records: pure functions, one per payload."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from msgspec import Raw
from msgspec.json import Decoder

from orderflow_recorder.binance.inspect import DECODE_ERRORS, ENVELOPE_DECODER, inspect
from orderflow_recorder.binance.names import Source, resolve
from orderflow_recorder.binance.text import printable
from orderflow_recorder.binance.values import (
    check_decimals,
    check_optional_decimal,
    check_signed_decimal,
    check_text,
    is_zero,
    split_levels,
    to_ns,
)
from orderflow_recorder.binance.wire import (
    AggTradeWire,
    BookWire,
    ForceOrderWire,
    MarkPriceWire,
    SpotBookTickerWire,
    SpotDepthWire,
    TradeWire,
    UsdmBookTickerWire,
    UsdmDepthWire,
)
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import (
    AggTrade,
    BookTicker,
    BookTop,
    DepthDiff,
    Liquidation,
    MarketRecord,
    MarkPrice,
    SpentTradeId,
    Trade,
)
from orderflow_recorder.domain.streams import StreamKind
from orderflow_recorder.ports.feed import BadNote

_COIN_MARGINED: Final = 2
"""``st`` of rows that the USD-M hosts also carry since 2026-06-30 and nobody records."""

_trade = Decoder(TradeWire).decode
_agg_trade = Decoder(AggTradeWire).decode
_spot_depth = Decoder(SpotDepthWire).decode
_usdm_depth = Decoder(UsdmDepthWire).decode
_book = Decoder(BookWire).decode
_spot_book_ticker = Decoder(SpotBookTickerWire).decode
_usdm_book_ticker = Decoder(UsdmBookTickerWire).decode
_mark_price = Decoder(MarkPriceWire).decode
_force_order = Decoder(ForceOrderWire).decode


def parse_frame(market: Market, frame: bytes, receive_time: int) -> Sequence[MarketRecord]:
    """Return what a frame says.

    Args:
        market: Where it was received.
        frame: As received.
        receive_time: Our socket read, ns.

    Returns:
        One record; none for control frames, streams nobody records, and COIN-M rows.

    Raises:
        FrameError: It is not what the venue documents; stream, expectation and payload are named.
    """
    try:
        envelope = ENVELOPE_DECODER.decode(frame)
    except DECODE_ERRORS as error:
        message = f"expected a JSON frame: {printable(str(error))}; received {printable(frame)}"
        raise FrameError(message) from error
    stream = envelope.stream
    if stream is None or not envelope.data:
        note = inspect(market, frame)
        if isinstance(note, BadNote):
            raise FrameError(note.reason, stream=stream)
        return ()
    try:
        source = resolve(market, stream)
        if source is None:
            return ()
        record = _READERS[market, source.kind](source, envelope.data, receive_time)
    except (FrameError, *DECODE_ERRORS) as error:
        message = f"{printable(stream)}: {printable(str(error))}; received {printable(bytes(envelope.data))}"
        raise FrameError(message, stream=printable(stream)) from error
    return () if record is None else (record,)


def _read_trade(source: Source, data: Raw, receive_time: int) -> MarketRecord | None:
    wire = _trade(data)
    source.check(wire.symbol)
    check_decimals((wire.price, wire.quantity))
    if wire.security_type == _COIN_MARGINED:
        return None
    trade_time, event_time = to_ns(wire.trade_time), to_ns(wire.event_time)
    if source.market is Market.USDM and is_zero(wire.price):
        return SpentTradeId(source.market, source.symbol, wire.trade_id, trade_time, event_time, receive_time)
    return Trade(
        market=source.market,
        symbol=source.symbol,
        trade_id=wire.trade_id,
        price=wire.price,
        quantity=wire.quantity,
        buyer_is_maker=wire.buyer_is_maker,
        trade_time=trade_time,
        event_time=event_time,
        receive_time=receive_time,
    )


def _read_agg_trade(source: Source, data: Raw, receive_time: int) -> MarketRecord | None:
    wire = _agg_trade(data)
    source.check(wire.symbol)
    check_decimals((wire.price, wire.quantity))
    if wire.security_type == _COIN_MARGINED:
        return None
    return AggTrade(
        market=source.market,
        symbol=source.symbol,
        agg_trade_id=wire.agg_trade_id,
        first_trade_id=wire.first_trade_id,
        last_trade_id=wire.last_trade_id,
        price=wire.price,
        quantity=wire.quantity,
        buyer_is_maker=wire.buyer_is_maker,
        trade_time=to_ns(wire.trade_time),
        event_time=to_ns(wire.event_time),
        receive_time=receive_time,
    )


def _check_range(first: int, final: int) -> None:
    if first > final:
        message = f"expected U <= u, received U {first} and u {final}"
        raise FrameError(message)


def _read_spot_depth(source: Source, data: Raw, receive_time: int) -> MarketRecord:
    wire = _spot_depth(data)
    source.check(wire.symbol)
    _check_range(wire.first_update_id, wire.final_update_id)
    return DepthDiff(
        source.market,
        source.symbol,
        wire.first_update_id,
        wire.final_update_id,
        None,
        to_ns(wire.event_time),
        None,
        receive_time,
        *split_levels(wire.bids, wire.asks),
        source.name,
    )


def _read_usdm_depth(source: Source, data: Raw, receive_time: int) -> MarketRecord | None:
    wire = _usdm_depth(data)
    source.check(wire.symbol)
    _check_range(wire.first_update_id, wire.final_update_id)
    if wire.security_type == _COIN_MARGINED:
        return None
    return DepthDiff(
        source.market,
        source.symbol,
        wire.first_update_id,
        wire.final_update_id,
        wire.previous_final_update_id,
        to_ns(wire.event_time),
        to_ns(wire.transaction_time),
        receive_time,
        *split_levels(wire.bids, wire.asks),
        source.name,
    )


def _read_spot_top(source: Source, data: Raw, receive_time: int) -> MarketRecord:
    wire = _book(data)
    columns = split_levels(wire.bids, wire.asks)
    return BookTop(
        source.market, source.symbol, wire.last_update_id, "stream", None, receive_time, *columns, source.name
    )


def _read_usdm_top(source: Source, data: Raw, receive_time: int) -> MarketRecord | None:
    wire = _usdm_depth(data)
    source.check(wire.symbol)
    if wire.security_type == _COIN_MARGINED:
        return None
    columns = split_levels(wire.bids, wire.asks)
    event_time = to_ns(wire.event_time)
    return BookTop(
        source.market, source.symbol, wire.final_update_id, "stream", event_time, receive_time, *columns, source.name
    )


def _read_spot_book_ticker(source: Source, data: Raw, receive_time: int) -> MarketRecord:
    wire = _spot_book_ticker(data)
    source.check(wire.symbol)
    prices = (wire.bid_price, wire.bid_quantity, wire.ask_price, wire.ask_quantity)
    check_decimals(prices)
    return BookTicker(source.market, source.symbol, wire.update_id, *prices, None, None, receive_time)


def _read_usdm_book_ticker(source: Source, data: Raw, receive_time: int) -> MarketRecord | None:
    wire = _usdm_book_ticker(data)
    source.check(wire.symbol)
    prices = (wire.bid_price, wire.bid_quantity, wire.ask_price, wire.ask_quantity)
    check_decimals(prices)
    if wire.security_type == _COIN_MARGINED:
        return None
    times = (to_ns(wire.event_time), to_ns(wire.transaction_time))
    return BookTicker(source.market, source.symbol, wire.update_id, *prices, *times, receive_time)


def _read_mark_price(source: Source, data: Raw, receive_time: int) -> MarketRecord | None:
    wire = _mark_price(data)
    source.check(wire.symbol)
    check_decimals((wire.mark_price, wire.index_price))
    if wire.security_type == _COIN_MARGINED:
        return None
    return MarkPrice(
        market=source.market,
        symbol=source.symbol,
        mark_price=wire.mark_price,
        average_mark_price=check_optional_decimal(wire.average_mark_price),
        index_price=wire.index_price,
        estimated_settle_price=check_optional_decimal(wire.estimated_settle_price),
        funding_rate=check_signed_decimal(wire.funding_rate),
        next_funding_time=to_ns(wire.next_funding_time) if wire.next_funding_time else None,
        event_time=to_ns(wire.event_time),
        receive_time=receive_time,
        stream=source.name,
    )


def _read_force_order(source: Source, data: Raw, receive_time: int) -> MarketRecord | None:
    wire = _force_order(data)
    order = wire.order
    source.check(order.symbol)
    check_decimals(
        (order.price, order.average_price, order.quantity, order.last_filled_quantity, order.filled_quantity)
    )
    if _COIN_MARGINED in (wire.security_type, order.security_type):
        return None
    return Liquidation(
        market=source.market,
        symbol=source.symbol,
        side=order.side,
        order_type=check_text(order.order_type),
        time_in_force=check_text(order.time_in_force),
        price=order.price,
        average_price=order.average_price,
        quantity=order.quantity,
        last_filled_quantity=order.last_filled_quantity,
        filled_quantity=order.filled_quantity,
        status=check_text(order.status),
        trade_time=to_ns(order.trade_time),
        event_time=to_ns(wire.event_time),
        receive_time=receive_time,
    )


_Reader: TypeAlias = Callable[[Source, Raw, int], MarketRecord | None]

_READERS: Final[dict[tuple[Market, StreamKind], _Reader]] = {
    (Market.SPOT, StreamKind.TRADE): _read_trade,
    (Market.SPOT, StreamKind.AGG_TRADE): _read_agg_trade,
    (Market.SPOT, StreamKind.DEPTH): _read_spot_depth,
    (Market.SPOT, StreamKind.PARTIAL_DEPTH): _read_spot_top,
    (Market.SPOT, StreamKind.BOOK_TICKER): _read_spot_book_ticker,
    (Market.USDM, StreamKind.TRADE): _read_trade,
    (Market.USDM, StreamKind.AGG_TRADE): _read_agg_trade,
    (Market.USDM, StreamKind.DEPTH): _read_usdm_depth,
    (Market.USDM, StreamKind.PARTIAL_DEPTH): _read_usdm_top,
    (Market.USDM, StreamKind.BOOK_TICKER): _read_usdm_book_ticker,
    (Market.USDM, StreamKind.MARK_PRICE): _read_mark_price,
    (Market.USDM, StreamKind.FORCE_ORDER): _read_force_order,
}
