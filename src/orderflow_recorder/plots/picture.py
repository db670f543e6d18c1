"""What a picture shows, as plain data: everything the charts are made of, nothing about how they look."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from orderflow_recorder.domain.market import Market
from orderflow_recorder.plots.flow import Flow
from orderflow_recorder.plots.heat import Heat
from orderflow_recorder.plots.holes import Hole


class Strip(msgspec.Struct, frozen=True):
    """From where to where a stream is recorded within the period, by the venue's clock.

    Attributes:
        stream: Wire name without the symbol.
        start: First record, or the period's start.
        end: Last record, or the period's end.
    """

    stream: str
    start: datetime
    end: datetime


class Picture(msgspec.Struct, frozen=True, kw_only=True):
    """The order flow of one symbol over a period; times are the venue's.

    Attributes:
        market: The market.
        symbol: Upper case.
        base: Asset of quantities, e.g. BTC.
        quote: Asset of prices, e.g. USDT.
        start: First instant.
        end: First instant after it.
        bar: Length of the bars of volume.
        column: Length of a column of the book.
        prices: Lowest and highest price shown; none where there is neither trade nor book.
        trade_stream: Stream of the trades shown; none where none is recorded.
        depth_stream: Stream of the book changes shown; none where none is recorded.
        flow: Of the trades.
        heat: Of the books.
        strips: One per recorded stream, in the order shown.
        holes: What is missing of them.
    """

    market: Market
    symbol: str
    base: str
    quote: str
    start: datetime
    end: datetime
    bar: timedelta
    column: timedelta
    prices: tuple[float, float] | None
    trade_stream: str | None
    depth_stream: str | None
    flow: Flow
    heat: Heat
    strips: Sequence[Strip]
    holes: Sequence[Hole]

    def holes_of(self, stream: str | None) -> list[Hole]:
        """Return what is missing of one stream."""
        return [hole for hole in self.holes if hole.stream == stream]
