"""The book over time: quantity by price and time, and the best prices, from rebuilt books."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final, TypeAlias

import msgspec
import polars as pl

from orderflow_recorder.core.sequencing import Verdict, judge
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.plots.scales import PriceGrid, price_grid

MOST_PRICES: Final = 90
"""Price bins, at most."""
_AROUND: Final = 0.0025
"""Where there are no trades, the prices within this share of the first book's middle are shown."""


class Change(msgspec.Struct, frozen=True):
    """A depth diff as a picture takes it; prices and quantities are floats, a quantity of 0 removes the level."""

    time: datetime
    ids: DepthIds
    bids: Sequence[tuple[float, float]]
    asks: Sequence[tuple[float, float]]


class Base(msgspec.Struct, frozen=True):
    """A rebuilt book.

    Attributes:
        bids: Quantity by price.
        asks: Quantity by price.
        known_low: Below it the book is unknown, not empty; none where there are no bids.
        known_high: Above it the book is unknown.
    """

    bids: dict[float, float]
    asks: dict[float, float]
    known_low: float | None
    known_high: float | None


Answer: TypeAlias = Base | str
"""A trusted book, or why there is none."""


class Heat(msgspec.Struct, frozen=True):
    """What a picture shows of books.

    Attributes:
        diffs: How many were read.
        grid: The prices shown; none where no book could be rebuilt.
        cells: Where there is something: start, end, low, high, bids, asks, quantity; the book as it was at ``end``.
        quotes: Best prices at the end of each small step: time, bid, ask (null where that side is empty), run.
        unknown: Where no book is known: start, end, low, high, reason.
    """

    diffs: int
    grid: PriceGrid | None
    cells: pl.DataFrame
    quotes: pl.DataFrame
    unknown: pl.DataFrame


class HeatReducer:
    """Takes diffs in the order of their time, and looks at the book at the end of each step.

    A book that is not there yet, or whose diffs have a hole, is asked for at the end of each column.
    """

    def __init__(
        self,
        market: Market,
        start: datetime,
        steps: Sequence[datetime],
        *,
        every: int,
        prices: tuple[float, float] | None,
        rebuild: Callable[[datetime], Answer],
    ) -> None:
        """Know no book yet.

        Args:
            market: Whose rules of continuity apply.
            start: Of the period.
            steps: Ends of the small steps, ascending.
            every: So many small steps are a column of cells.
            prices: The lowest and the highest to show; none takes those around the first book.
            rebuild: Gives the book at an instant.
        """
        self._market = market
        self._steps = steps
        self._every = every
        self._prices = prices
        self._grid: PriceGrid | None = None
        self._rebuild = rebuild
        self._step = 0
        self._drawn = start
        self._seen = start
        self._book: Base | None = None
        self._last_id: int | None = None
        self._diffs = 0
        self._run = 0
        self._cells: list[tuple[datetime, datetime, int, float, float]] = []
        self._quotes: list[tuple[datetime, float | None, float | None, int]] = []
        self._unknown: list[_Unknown] = []

    def take(self, change: Change) -> None:
        """Take the next diff."""
        self._diffs += 1
        verdict = Verdict.NEXT if self._last_id is None else judge(self._market, self._last_id, change.ids)
        if verdict is Verdict.GAP:
            self._lose()
        while self._step < len(self._steps) and self._steps[self._step] < change.time:
            self._look()
        self._seen = change.time
        if verdict is Verdict.STALE:
            return
        self._last_id = change.ids.final
        if self._book is not None:
            self._book.bids.update(change.bids)
            self._book.asks.update(change.asks)

    def result(self, last: Answer) -> Heat:
        """Return what the picture shows.

        Args:
            last: The book at the end of the period, or why there is none: the diffs alone cannot tell.
        """
        if self._book is not None and isinstance(last, str):
            self._lose()
            if self._drawn < self._steps[-1]:
                self._mark(self._steps[-1], None, None, last)
        else:
            while self._step < len(self._steps):
                self._look()
        grid = self._grid
        cells = [
            (start, end, grid.edge(row), grid.edge(row + 1), bids, asks)
            for start, end, row, bids, asks in self._cells
            if grid is not None
        ]
        return Heat(
            self._diffs,
            grid,
            pl.DataFrame(cells, _CELLS, orient="row").with_columns(quantity=pl.col("bids") + pl.col("asks")),
            pl.DataFrame(self._quotes, _QUOTES, orient="row"),
            pl.DataFrame([one.row(grid) for one in self._unknown], _UNKNOWN, orient="row"),
        )

    def _look(self) -> None:
        """Look at the book at the end of the step."""
        edge = self._steps[self._step]
        self._step += 1
        column_ends = self._step % self._every == 0 or self._step == len(self._steps)
        reason = ""
        if self._book is None and column_ends:
            answer = self._rebuild(edge)
            if isinstance(answer, str):
                reason = answer
            else:
                self._book = Base(dict(answer.bids), dict(answer.asks), answer.known_low, answer.known_high)
                self._run += 1
        if self._book is not None:
            self._quotes.append((edge, *_best(self._book), self._run))
        if not column_ends:
            return
        if self._book is None:
            self._mark(edge, None, None, reason)
        else:
            self._draw(edge)
        self._drawn = edge

    def _lose(self) -> None:
        """Go on without a book; it was known until the last diff."""
        if self._book is not None and self._seen > self._drawn:
            self._quotes.append((self._seen, *_best(self._book), self._run))
            self._draw(self._seen)
            self._drawn = self._seen
        self._book = None

    def _draw(self, end: datetime) -> None:
        book = self._book
        if book is None:
            return
        for side in (book.bids, book.asks):
            for price in [price for price, quantity in side.items() if not quantity]:
                del side[price]
        grid = self._grid = self._grid or _grid(book, self._prices)
        if grid is None:
            return
        rows: defaultdict[int, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for number, side in enumerate((book.bids, book.asks)):
            for price, quantity in side.items():
                row = grid.bin_of(price)
                if grid.first <= row <= grid.last:
                    rows[row][number] += quantity
        self._cells += [(self._drawn, end, row, bids, asks) for row, (bids, asks) in sorted(rows.items())]
        if book.known_low is None or book.known_low > grid.low:
            self._mark(end, None, book.known_low or min(book.asks, default=grid.high), _BEYOND)
        if book.known_high is None or book.known_high < grid.high:
            self._mark(end, book.known_high or max(book.bids, default=grid.low), None, _BEYOND)

    def _mark(self, end: datetime, low: float | None, high: float | None, reason: str) -> None:
        """Say that nothing is known since what was drawn last; what goes on unchanged is one mark."""
        for index in range(len(self._unknown) - 1, max(-1, len(self._unknown) - 3), -1):
            before = self._unknown[index]
            if (before.end, before.low, before.high, before.reason) == (self._drawn, low, high, reason):
                self._unknown[index] = msgspec.structs.replace(before, end=end)
                return
        self._unknown.append(_Unknown(self._drawn, end, low, high, reason))


class _Unknown(msgspec.Struct, frozen=True):
    start: datetime
    end: datetime
    low: float | None
    """None: from the lowest price shown."""
    high: float | None
    """None: to the highest price shown."""
    reason: str

    def row(self, grid: PriceGrid | None) -> tuple[datetime, datetime, float | None, float | None, str]:
        low, high = self.low, self.high
        if grid is not None:
            low = grid.low if low is None else max(low, grid.low)
            high = grid.high if high is None else min(high, grid.high)
        return self.start, self.end, low, high, self.reason


_BEYOND: Final = "beyond the outermost price that the venue's snapshot told"
_TIME: Final = pl.Datetime("us", "UTC")
_BOX: Final = {"start": _TIME, "end": _TIME, "low": pl.Float64(), "high": pl.Float64()}
_CELLS: Final = {**_BOX, "bids": pl.Float64(), "asks": pl.Float64()}
_QUOTES: Final = {"time": _TIME, "bid": pl.Float64(), "ask": pl.Float64(), "run": pl.UInt32()}
_UNKNOWN: Final = {**_BOX, "reason": pl.String()}


def _best(book: Base) -> tuple[float | None, float | None]:
    # Levels that were removed are still there, with a quantity of 0: `get` as a filter leaves them out.
    return max(filter(book.bids.get, book.bids), default=None), min(filter(book.asks.get, book.asks), default=None)


def _grid(book: Base, prices: tuple[float, float] | None) -> PriceGrid | None:
    """Return the prices to show, no finer than those of a book; none where nothing says which."""
    bid, ask = _best(book)
    if prices is None and bid is not None and ask is not None:
        middle = (bid + ask) / 2
        prices = middle * (1 - _AROUND), middle * (1 + _AROUND)
    if prices is None:
        return None
    levels = sorted({*book.bids, *book.asks})
    return price_grid(*prices, MOST_PRICES, least=min((after - one for one, after in pairwise(levels)), default=0.0))
