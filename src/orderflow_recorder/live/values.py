"""What a tick store tells: frozen, prices and quantities in the venue's own digits, times in ns since the epoch."""

from typing import Literal

import msgspec

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DecimalText


class Level(msgspec.Struct, frozen=True, gc=False):
    """One price of a book."""

    price: DecimalText
    quantity: DecimalText


class LastTrade(msgspec.Struct, frozen=True, gc=False):
    """The newest trade, or aggregate of trades."""

    stream: Literal["trade", "aggTrade"]
    trade_id: int
    """Of its stream: the aggregate's own id for ``aggTrade``."""
    price: DecimalText
    quantity: DecimalText
    buyer_is_maker: bool
    """True where the taker sold."""
    trade_time: int
    """The match, ns."""
    receive_time: int
    """Our socket read, ns."""


class Best(msgspec.Struct, frozen=True):
    """The best levels of a book as they are kept: each a price and a quantity, best first."""

    last_update_id: int
    event_time: int | None
    receive_time: int
    bids: list[tuple[DecimalText, DecimalText]]
    asks: list[tuple[DecimalText, DecimalText]]


class Top(msgspec.Struct, frozen=True):
    """The best levels of a book, best first, at most 20 of each side."""

    last_update_id: int
    event_time: int | None
    """When the venue sent the last update, ns; none where it does not say, or the update is not known here."""
    receive_time: int
    """Our socket read, ns."""
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]

    @classmethod
    def of(cls, best: Best) -> "Top":
        """Return levels as they are told."""
        return cls(
            best.last_update_id,
            best.event_time,
            best.receive_time,
            tuple(Level(price, quantity) for price, quantity in best.bids),
            tuple(Level(price, quantity) for price, quantity in best.asks),
        )


class Day(msgspec.Struct, frozen=True, gc=False):
    """What was recorded of the last 24 hours, exact; of whole five minutes, so of up to five less."""

    since: int
    """Begin of the first five minutes with trades, ns."""
    open: DecimalText
    high: DecimalText
    low: DecimalText
    close: DecimalText
    volume: DecimalText
    """Of the base asset."""
    buy_volume: DecimalText
    """Where the taker bought."""
    sell_volume: DecimalText
    """Where the taker sold."""
    quote_volume: DecimalText
    """Sum of price times quantity."""
    trade_count: int
    """Trades, also where they came as aggregates."""
    change: str
    """Close minus open, signed."""


class Tick(msgspec.Struct, frozen=True):
    """The latest of one symbol."""

    market: Market
    symbol: str
    trade: LastTrade | None
    bid: Level | None
    """Of the book or the book ticker, whichever was received last."""
    ask: Level | None
    book: Top | None
    """None while there is no book without holes."""
    day: Day | None
    trades_per_s: float
    """Trades (or aggregates), mean of the last 10 s by receipt."""
    updates_per_s: float
    """Messages about the book, likewise."""
    updated_at: int
    """When the newest record was received, ns."""
