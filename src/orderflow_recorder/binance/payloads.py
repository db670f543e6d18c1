"""Payloads to domain records: pure functions, one per payload."""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from orderflow_recorder.binance.names import Source
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
    event_decoder,
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

COIN_MARGINED: Final = 2
"""``st`` of rows that the USD-M hosts also carry since 2026-06-30 and nobody records."""


def _trade(source: Source, wire: TradeWire, receive_time: int) -> MarketRecord | None:
    source.check(wire.symbol)
    check_decimals((wire.price, wire.quantity))
    if wire.security_type == COIN_MARGINED:
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


def _agg_trade(source: Source, wire: AggTradeWire, receive_time: int) -> MarketRecord | None:
    source.check(wire.symbol)
    check_decimals((wire.price, wire.quantity))
    if wire.security_type == COIN_MARGINED:
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


def _spot_depth(source: Source, wire: SpotDepthWire, receive_time: int) -> MarketRecord:
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


def _usdm_depth(source: Source, wire: UsdmDepthWire, receive_time: int) -> MarketRecord | None:
    source.check(wire.symbol)
    _check_range(wire.first_update_id, wire.final_update_id)
    if wire.security_type == COIN_MARGINED:
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


def _spot_top(source: Source, wire: BookWire, receive_time: int) -> MarketRecord:
    columns = split_levels(wire.bids, wire.asks)
    return BookTop(
        source.market, source.symbol, wire.last_update_id, "stream", None, receive_time, *columns, source.name
    )


def _usdm_top(source: Source, wire: UsdmDepthWire, receive_time: int) -> MarketRecord | None:
    source.check(wire.symbol)
    if wire.security_type == COIN_MARGINED:
        return None
    columns = split_levels(wire.bids, wire.asks)
    event_time = to_ns(wire.event_time)
    return BookTop(
        source.market, source.symbol, wire.final_update_id, "stream", event_time, receive_time, *columns, source.name
    )


def _spot_book_ticker(source: Source, wire: SpotBookTickerWire, receive_time: int) -> MarketRecord:
    source.check(wire.symbol)
    prices = (wire.bid_price, wire.bid_quantity, wire.ask_price, wire.ask_quantity)
    check_decimals(prices)
    return BookTicker(source.market, source.symbol, wire.update_id, *prices, None, None, receive_time)


def _usdm_book_ticker(source: Source, wire: UsdmBookTickerWire, receive_time: int) -> MarketRecord | None:
    source.check(wire.symbol)
    prices = (wire.bid_price, wire.bid_quantity, wire.ask_price, wire.ask_quantity)
    check_decimals(prices)
    if wire.security_type == COIN_MARGINED:
        return None
    times = (to_ns(wire.event_time), to_ns(wire.transaction_time))
    return BookTicker(source.market, source.symbol, wire.update_id, *prices, *times, receive_time)


def _mark_price(source: Source, wire: MarkPriceWire, receive_time: int) -> MarketRecord | None:
    source.check(wire.symbol)
    check_decimals((wire.mark_price, wire.index_price))
    if wire.security_type == COIN_MARGINED:
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


def _force_order(source: Source, wire: ForceOrderWire, receive_time: int) -> MarketRecord | None:
    order = wire.order
    source.check(order.symbol)
    check_decimals(
        (order.price, order.average_price, order.quantity, order.last_filled_quantity, order.filled_quantity)
    )
    if COIN_MARGINED in (wire.security_type, order.security_type):
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


class Reading(msgspec.Struct, frozen=True):
    """How the payloads of one market and kind of stream are read.

    Attributes:
        decode: Returns the payload.
        build: Returns the record of a payload that came at a receive time (ns); none for COIN-M rows.
            Raises `FrameError` for what is not as documented.
    """

    decode: Callable[[Raw], Any]
    build: Callable[[Source, Any, int], MarketRecord | None]


READINGS: Final[dict[tuple[Market, StreamKind], Reading]] = {
    (Market.SPOT, StreamKind.TRADE): Reading(event_decoder(TradeWire), _trade),
    (Market.SPOT, StreamKind.AGG_TRADE): Reading(event_decoder(AggTradeWire), _agg_trade),
    (Market.SPOT, StreamKind.DEPTH): Reading(event_decoder(SpotDepthWire), _spot_depth),
    (Market.SPOT, StreamKind.PARTIAL_DEPTH): Reading(Decoder(BookWire).decode, _spot_top),
    (Market.SPOT, StreamKind.BOOK_TICKER): Reading(Decoder(SpotBookTickerWire).decode, _spot_book_ticker),
    (Market.USDM, StreamKind.TRADE): Reading(event_decoder(TradeWire), _trade),
    (Market.USDM, StreamKind.AGG_TRADE): Reading(event_decoder(AggTradeWire), _agg_trade),
    (Market.USDM, StreamKind.DEPTH): Reading(event_decoder(UsdmDepthWire), _usdm_depth),
    (Market.USDM, StreamKind.PARTIAL_DEPTH): Reading(event_decoder(UsdmDepthWire), _usdm_top),
    (Market.USDM, StreamKind.BOOK_TICKER): Reading(event_decoder(UsdmBookTickerWire), _usdm_book_ticker),
    (Market.USDM, StreamKind.MARK_PRICE): Reading(event_decoder(MarkPriceWire), _mark_price),
    (Market.USDM, StreamKind.FORCE_ORDER): Reading(event_decoder(ForceOrderWire), _force_order),
}
