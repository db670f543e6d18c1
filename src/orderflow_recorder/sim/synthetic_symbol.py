"""The endless flow of one made-up symbol, a tick of 100 ms at a time."""

import random
from collections.abc import Callable, Iterator
from typing import Final

from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.frames import KnownSnapshot, PlayedFrame
from orderflow_recorder.sim.synthetic_book import SyntheticBook
from orderflow_recorder.sim.synthetic_words import Dialect

TICK_MS: Final = 100
_MS: Final = 1_000_000
_SPEEDS: Final = {
    Market.SPOT: {"depth@100ms": 100, "depth@1000ms": 1000, "depth": 1000},
    Market.USDM: {"depth@100ms": 100, "depth": 250, "depth@250ms": 250, "depth@500ms": 500},
}
"""Period of each depth stream in ms; one that is no whole number of ticks is sent at the next tick."""
_PARTIAL: Final = {
    market: [
        (f"depth{levels}{name.removeprefix('depth')}", levels, period)
        for name, period in speeds.items()
        for levels in (5, 10, 20)
    ]
    for market, speeds in _SPEEDS.items()
}


class _DiffStream:
    """One depth stream: what changed since its last frame, and its own chain of ids."""

    def __init__(self, name: str, period: int, update_id: int) -> None:
        self.name = name
        self.period = period
        self.previous = update_id
        self.first: int | None = None
        self.changed: dict[tuple[bool, int], None] = {}


class SyntheticSymbol:
    """Makes every frame of one symbol, the same ones for the same random source."""

    def __init__(self, dialect: Dialect, rng: random.Random, mid: int, trades_per_second: float) -> None:
        """Open the book around ``mid`` price steps."""
        self.dialect = dialect
        self.trading = True
        self._rng = rng
        self._rate = trades_per_second * TICK_MS / 1000
        self._book = SyntheticBook(rng, mid, 20 * 10**dialect.quantity_places // 10)
        self._update_id = rng.randrange(10**9, 10**10)
        self._trade_id = rng.randrange(10**8, 10**9)
        self._agg_id = self._trade_id // 3
        self._diffs = [_DiffStream(name, period, self._update_id) for name, period in _SPEEDS[dialect.market].items()]
        self._top = self._best()

    def snapshot(self, now: int) -> KnownSnapshot:
        """Return the whole book.

        Args:
            now: ms since the epoch.
        """
        bids, asks = self._levels(len(self._book.bids) + len(self._book.asks))
        body = self.dialect.snapshot(self._update_id, now, bids, asks)
        return KnownSnapshot(self.dialect.market, self.dialect.symbol, body)

    def frames(self, start: int, begin: int, wanted: Callable[[str], bool]) -> Iterator[PlayedFrame]:
        """Return frames without end.

        Args:
            start: Wall time of playback time 0, ms since the epoch.
            begin: Playback time of the first tick, ms.
            wanted: Whether a wire stream without truth has a subscriber.
        """
        tick = begin
        while True:
            if self.trading:
                yield from self._tick(start, tick, wanted)
            else:
                # Something must come, so that time goes on: a frame of a stream that nobody has.
                yield PlayedFrame((tick + TICK_MS) * _MS, self.dialect.market, "!silence", b"{}")
            tick += TICK_MS

    def _tick(self, start: int, tick: int, wanted: Callable[[str], bool]) -> Iterator[PlayedFrame]:
        rng = self._rng
        orders = sorted(rng.randrange(TICK_MS) for _ in range(_poisson(rng, self._rate)))
        for offset in orders:
            for name, payload in self._order(start + tick + offset):
                yield self._frame(tick + offset, name, payload)
            yield from self._ticker(start, tick + offset, wanted)
        self._changed(self._book.drift())
        end = tick + TICK_MS
        yield from self._ticker(start, end, wanted)
        for stream in self._diffs:
            diff = self._diff(stream, start, end)
            # The 100 ms stream is the truth of the book; slower ones repeat it.
            if diff is not None and (stream.period == TICK_MS or wanted(self._wire(stream.name))):
                yield self._frame(end, stream.name, diff)
        yield from self._beside(start, end, wanted)

    def _order(self, now: int) -> Iterator[tuple[str, str]]:
        rng, words = self._rng, self.dialect
        buy = rng.random() < 0.5  # noqa: PLR2004  # a coin
        times = (now + rng.randint(1, 4), now)
        if words.market is Market.USDM and rng.random() < 0.01:  # noqa: PLR2004  # now and then an id is spent on nothing
            self._trade_id += 1
            yield "trade", words.trade(self._trade_id, ("0", "0"), times, sold=not buy)
        fills, changed = self._book.take(buy=buy)
        self._changed(changed)
        while fills:
            price = fills[0].price
            same = [fill for fill in fills if fill.price == price]
            fills = fills[len(same) :]
            first = self._trade_id + 1
            for fill in same:
                self._trade_id += 1
                numbers = (words.price(price), words.quantity(fill.quantity))
                yield "trade", words.trade(self._trade_id, numbers, times, sold=not buy)
            self._agg_id += 1
            total = (words.price(price), words.quantity(sum(fill.quantity for fill in same)))
            yield "aggTrade", words.agg_trade((self._agg_id, first, self._trade_id), total, times, sold=not buy)

    def _changed(self, places: list[tuple[bool, int]]) -> None:
        for place in places:
            # Futures ids are shared by all symbols: ours jump.
            jump = 1 if self.dialect.market is Market.SPOT else self._rng.randint(1, 40)
            self._update_id += jump
            for stream in self._diffs:
                if stream.first is None:
                    stream.first = self._update_id
                stream.changed[place] = None

    def _diff(self, stream: _DiffStream, start: int, end: int) -> str | None:
        if end % stream.period >= TICK_MS or stream.first is None:
            return None
        book = self._book
        bids = self.dialect.levels((price, book.bids.get(price, 0)) for is_bid, price in stream.changed if is_bid)
        asks = self.dialect.levels((price, book.asks.get(price, 0)) for is_bid, price in stream.changed if not is_bid)
        ids = (stream.first, self._update_id, stream.previous)
        stream.previous, stream.first, stream.changed = self._update_id, None, {}
        return self.dialect.depth(ids, start + end, bids, asks)

    def _ticker(self, start: int, at: int, wanted: Callable[[str], bool]) -> Iterator[PlayedFrame]:
        top = self._best()
        if top != self._top:
            self._top = top
            if wanted(self._wire("bookTicker")):
                yield self._frame(at, "bookTicker", self.dialect.book_ticker(self._update_id, start + at, *top))

    def _beside(self, start: int, end: int, wanted: Callable[[str], bool]) -> Iterator[PlayedFrame]:
        words = self.dialect
        for name, levels, period in _PARTIAL[words.market]:
            if end % period < TICK_MS and wanted(self._wire(name)):
                ids = (self._update_id, self._update_id, self._diffs[0].previous)
                yield self._frame(end, name, words.partial_depth(ids, start + end, *self._levels(levels)))
        if words.market is Market.SPOT:
            return
        for name, period in (("markPrice@1s", 1000), ("markPrice", 3000)):
            if end % period < TICK_MS:
                yield self._frame(end, name, words.mark_price(start + end, words.price(self._book.best_bid)))
        if self._rng.random() < 0.01:  # noqa: PLR2004  # about one in ten seconds
            numbers = words.price(self._book.best_bid), words.quantity(self._rng.randint(1, 1000))
            yield self._frame(end, "forceOrder", words.force_order(start + end, "SELL", *numbers))

    def _best(self) -> tuple[tuple[int, int], tuple[int, int]]:
        book = self._book
        return (book.best_bid, book.bids[book.best_bid]), (book.best_ask, book.asks[book.best_ask])

    def _levels(self, limit: int) -> tuple[str, str]:
        bids = sorted(self._book.bids.items(), reverse=True)[:limit]
        return self.dialect.levels(bids), self.dialect.levels(sorted(self._book.asks.items())[:limit])

    def _wire(self, name: str) -> str:
        return f"{self.dialect.symbol.lower()}@{name}"

    def _frame(self, at: int, name: str, payload: str) -> PlayedFrame:
        stream, combined = self.dialect.wrap(name, payload)
        return PlayedFrame(at * _MS, self.dialect.market, stream, combined)


def _poisson(rng: random.Random, mean: float) -> int:
    count, left = 0, rng.expovariate(1.0)
    while left < mean:
        count += 1
        left += rng.expovariate(1.0)
    return count
