"""What readers are told, as it goes over the wire; docs/live.md has it in words."""

from typing import Final, TypeAlias

import msgspec

from orderflow_recorder.core.rollup import Rollup, plain, trade_id
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import AggTrade, DecimalText, Trade
from orderflow_recorder.live.times import iso
from orderflow_recorder.live.values import Best

_SECOND: Final = 1_000_000_000


class TradeEvent(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="trade"):
    """A trade, or an aggregate of trades; times as text."""

    market: Market
    symbol: str
    stream: str
    trade_id: int
    price: DecimalText
    quantity: DecimalText
    side: str
    """The taker's: ``buy`` or ``sell``."""
    trade_time: str
    receive_time: str


class TopEvent(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="top"):
    """The best levels of a book, best first; none on both sides: there is no book without holes now."""

    market: Market
    symbol: str
    last_update_id: int | None
    bids: list[tuple[DecimalText, DecimalText]]
    asks: list[tuple[DecimalText, DecimalText]]
    event_time: str | None
    receive_time: str | None


class CandleEvent(msgspec.Struct, frozen=True, gc=False, tag_field="type", tag="candle"):
    """A candle of a second, as it is so far or as it was in the end."""

    market: Market
    symbol: str
    resolution: str
    bucket: str
    open: str
    high: str
    low: str
    close: str
    volume: str
    buy_volume: str
    sell_volume: str
    delta: str
    trade_count: int
    final: bool


Event: TypeAlias = TradeEvent | TopEvent | CandleEvent


def trade_event(trade: Trade | AggTrade) -> TradeEvent:
    """Return a trade as it is told."""
    return TradeEvent(
        market=trade.market,
        symbol=trade.symbol,
        stream="aggTrade" if isinstance(trade, AggTrade) else "trade",
        trade_id=trade_id(trade),
        price=trade.price,
        quantity=trade.quantity,
        side="sell" if trade.buyer_is_maker else "buy",
        trade_time=iso(trade.trade_time),
        receive_time=iso(trade.receive_time),
    )


def top_event(market: Market, symbol: str, best: Best | None) -> TopEvent:
    """Return the best levels as they are told."""
    if best is None:
        return TopEvent(market, symbol, None, [], [], None, None)
    return TopEvent(
        market=market,
        symbol=symbol,
        last_update_id=best.last_update_id,
        bids=best.bids,
        asks=best.asks,
        event_time=None if best.event_time is None else iso(best.event_time),
        receive_time=iso(best.receive_time),
    )


def candle_event(market: Market, symbol: str, second: int, candle: Rollup, *, final: bool) -> CandleEvent:
    """Return a candle as it is told.

    Args:
        market: The market.
        symbol: The symbol.
        second: Its begin, s since the epoch.
        candle: What it adds up to.
        final: Whether it is over.
    """
    return CandleEvent(
        market=market,
        symbol=symbol,
        resolution="1s",
        bucket=iso(second * _SECOND),
        open=plain(candle.open),
        high=plain(candle.high),
        low=plain(candle.low),
        close=plain(candle.close),
        volume=plain(candle.volume),
        buy_volume=plain(candle.buy_volume),
        sell_volume=plain(candle.sell_volume),
        delta=plain(candle.delta),
        trade_count=candle.trade_count,
        final=final,
    )
