"""Typed records: what one frame or REST answer says, in full words.

Times are integer nanoseconds since the Unix epoch. Prices and quantities are the venue's own
decimal text, checked but never converted (`DecimalText`), so that they reach ``numeric`` unchanged.
Each field's doc gives its unit and, in brackets, the venue's key.
"""

from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from orderflow_recorder.domain.events import RecorderEvent
from orderflow_recorder.domain.market import Market

DecimalText: TypeAlias = str
"""Digits with at most one point, e.g. ``61737.63000000``: no sign, exponent, NaN or space."""


class DepthIds(msgspec.Struct, frozen=True, gc=False):
    """The update ids of one depth diff (first U, final u, previous final pu)."""

    first: int
    final: int
    previous: int | None = None


class Trade(msgspec.Struct, frozen=True, gc=False):
    """One match (stream ``trade``; REST ``trades``, ``historicalTrades``)."""

    market: Market
    symbol: str
    trade_id: int
    """Venue's id, without holes per symbol [t]."""
    price: DecimalText
    quantity: DecimalText
    buyer_is_maker: bool
    """True where the aggressor sold [m]."""
    trade_time: int
    """The match [T], ns."""
    event_time: int | None
    """When the venue sent it [E], ns; none from REST."""
    receive_time: int
    """Our socket read, ns."""
    archived: bool = False
    """From the venue's archive files."""


class SpentTradeId(msgspec.Struct, frozen=True, gc=False):
    """A futures ``trade`` frame with price 0 (X = NA, INSURANCE_FUND): spends an id, is no trade."""

    market: Market
    symbol: str
    trade_id: int
    trade_time: int
    event_time: int | None
    receive_time: int


class AggTrade(msgspec.Struct, frozen=True, gc=False):
    """Matches of one taker order at one price (stream and REST ``aggTrade(s)``)."""

    market: Market
    symbol: str
    agg_trade_id: int
    """[a]"""
    first_trade_id: int
    """[f]"""
    last_trade_id: int
    """[l]"""
    price: DecimalText
    quantity: DecimalText
    buyer_is_maker: bool
    trade_time: int
    event_time: int | None
    receive_time: int
    archived: bool = False
    """From the venue's archive files."""


class DepthDiff(msgspec.Struct, frozen=True, gc=False):
    """One depth update: absolute quantities, zero removes the level (stream ``depth``)."""

    market: Market
    symbol: str
    first_update_id: int
    """[U]"""
    final_update_id: int
    """[u]"""
    previous_final_update_id: int | None
    """[pu], futures only."""
    event_time: int
    transaction_time: int | None
    """[T], futures only, ns."""
    receive_time: int
    bid_prices: Sequence[DecimalText]
    bid_quantities: Sequence[DecimalText]
    ask_prices: Sequence[DecimalText]
    ask_quantities: Sequence[DecimalText]
    stream: str = ""
    """Wire name without the symbol, e.g. ``depth@100ms``; empty in what is read back from a table."""


class BookSnapshot(msgspec.Struct, frozen=True, gc=False):
    """A full book, best level first: from REST ``depth``, or cut from a local book (checkpoint)."""

    market: Market
    symbol: str
    last_update_id: int
    source: str
    """``rest`` or ``checkpoint``."""
    receive_time: int
    bid_prices: Sequence[DecimalText]
    bid_quantities: Sequence[DecimalText]
    ask_prices: Sequence[DecimalText]
    ask_quantities: Sequence[DecimalText]
    known_bid: DecimalText | None = None
    """The book is complete down to this price; none: to its lowest bid."""
    known_ask: DecimalText | None = None
    """The book is complete up to this price; none: to its highest ask."""


class BookTop(msgspec.Struct, frozen=True, gc=False):
    """The best levels, best first: 5, 10 or 20 (partial depth streams), or cut from a local book."""

    market: Market
    symbol: str
    last_update_id: int
    source: str
    """``stream`` or ``local``."""
    event_time: int | None
    """None on spot, whose frames carry no time."""
    receive_time: int
    bid_prices: Sequence[DecimalText]
    bid_quantities: Sequence[DecimalText]
    ask_prices: Sequence[DecimalText]
    ask_quantities: Sequence[DecimalText]
    stream: str = ""
    """Wire name without the symbol, e.g. ``depth5@100ms``; empty in our own and in what is read back from a table."""


class BookTicker(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask (stream ``bookTicker``); a one-sided book has price and quantity 0."""

    market: Market
    symbol: str
    update_id: int
    """[u]"""
    bid_price: DecimalText
    bid_quantity: DecimalText
    ask_price: DecimalText
    ask_quantity: DecimalText
    event_time: int | None
    """None on spot."""
    transaction_time: int | None
    """None on spot."""
    receive_time: int


class MarkPrice(msgspec.Struct, frozen=True, gc=False):
    """Mark price, index price and funding (stream ``markPrice``, futures)."""

    market: Market
    symbol: str
    mark_price: DecimalText
    """[p]"""
    average_mark_price: DecimalText | None
    """[ap], since 2026."""
    index_price: DecimalText
    """[i]"""
    estimated_settle_price: DecimalText | None
    """[P]"""
    funding_rate: str | None
    """[r], signed decimal text; none where the venue sends an empty one."""
    next_funding_time: int | None
    """[T], ns; none where no funding is scheduled (T = 0)."""
    event_time: int
    receive_time: int
    stream: str = ""
    """Wire name without the symbol, e.g. ``markPrice@1s``; empty in what is read back from a table."""


class Liquidation(msgspec.Struct, frozen=True, gc=False):
    """A liquidation order, sampled by the venue to one per symbol and second (``forceOrder``)."""

    market: Market
    symbol: str
    side: str
    """``BUY`` or ``SELL`` [S]."""
    order_type: str
    """[o]"""
    time_in_force: str
    """[f]"""
    price: DecimalText
    """[p]"""
    average_price: DecimalText
    """[ap]"""
    quantity: DecimalText
    """Original quantity [q]."""
    last_filled_quantity: DecimalText
    """[l]"""
    filled_quantity: DecimalText
    """Accumulated [z]."""
    status: str
    """[X]"""
    trade_time: int
    """[T], ns."""
    event_time: int
    receive_time: int


class Instrument(msgspec.Struct, frozen=True):
    """One symbol as ``exchangeInfo`` describes it."""

    market: Market
    symbol: str
    status: str
    """``TRADING`` while it trades."""
    base_asset: str
    quote_asset: str
    contract_type: str | None
    """Futures only, e.g. ``PERPETUAL``."""
    tick_size: DecimalText | None
    """PRICE_FILTER.tickSize: the price step."""
    step_size: DecimalText | None
    """LOT_SIZE.stepSize: the quantity step."""
    receive_time: int


MarketRecord: TypeAlias = (
    Trade | SpentTradeId | AggTrade | DepthDiff | BookSnapshot | BookTop | BookTicker | MarkPrice | Liquidation
)
Record: TypeAlias = MarketRecord | Instrument | RecorderEvent
