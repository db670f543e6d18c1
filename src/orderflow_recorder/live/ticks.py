"""The latest of every symbol: where to ask for it, and who is told.

A store is fed with records in the order of a journal, or as they come from the venue. What came before is not
taken again, by the venue's ids. All of it may be used from any thread.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TypeAlias

from loguru import logger

from orderflow_recorder.core.intervals import Interval
from orderflow_recorder.core.rollup import Rollup
from orderflow_recorder.domain.events import RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import (
    AggTrade,
    BookSnapshot,
    BookTicker,
    BookTop,
    DepthDiff,
    Instrument,
    Liquidation,
    MarkPrice,
    Record,
    Trade,
)
from orderflow_recorder.live.seen import SeenIds
from orderflow_recorder.live.symbol import SymbolState
from orderflow_recorder.live.values import Best, Day, LastTrade, Level, Tick, Top
from orderflow_recorder.ports.books import BookSeed

__all__ = ["Day", "Key", "LastTrade", "Level", "News", "Tick", "TickStore", "Top"]

Key: TypeAlias = tuple[Market, str]
"""Market and symbol."""
News: TypeAlias = Callable[[Sequence[Trade | AggTrade], Collection[Key], int], None]
"""Is told the trades that are new, whose books were touched, and when the newest record was received, ns."""

_IGNORED = (MarkPrice, Liquidation, Instrument, RecorderEvent)


class TickStore:
    """The latest of every symbol.

    Attributes:
        failures: How often one who was told raised.
        newest: When the newest record was received, ns; 0 before the first.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.failures = 0
        self.newest = 0
        self._lock = threading.Lock()
        self._symbols: dict[Key, SymbolState] = {}
        self._subscribers: dict[tuple[Market | None, str | None], list[Callable[[Tick], None]]] = {}
        self._news: list[News] = []
        self._failed: set[int] = set()

    def take(self, records: Iterable[Record]) -> None:
        """Take records, and tell those who subscribed."""
        fresh: list[Trade | AggTrade] = []
        books: set[Key] = set()
        changed: set[Key] = set()
        with self._lock:
            for record in records:
                self._take(record, fresh, books, changed)
            told = [
                (tick, one)
                for tick in (self._ticks(changed) if self._subscribers else ())
                for one in self._told(tick.market, tick.symbol)
            ]
            news = tuple(self._news)
        for each in news:
            try:
                each(fresh, books, self.newest)
            except Exception:  # noqa: BLE001  # who listens must never stop the others, or the feeder
                self._note_failure(each)
        for tick, subscriber in told:
            try:
                subscriber(tick)
            except Exception:  # noqa: BLE001  # the same
                self._note_failure(subscriber)

    def get(self, market: Market | str, symbol: str) -> Tick | None:
        """Return the latest of a symbol; none where nothing was taken of it."""
        with self._lock:
            state = self._symbols.get((Market(market), symbol))
            return None if state is None else state.tick(self.newest)

    def get_all(self) -> dict[Key, Tick]:
        """Return the latest of every symbol: a copy, that nobody changes."""
        with self._lock:
            keys = list(self._symbols)
        ticks = {}
        for key in keys:  # one by one: whoever feeds the store waits for one symbol at most
            with self._lock:
                ticks[key] = self._symbols[key].tick(self.newest)
        return ticks

    def get_best(self, market: Market, symbol: str) -> Best | None:
        """Return the best levels alone, which is much cheaper than `get`; none where there is no book."""
        with self._lock:
            state = self._symbols.get((market, symbol))
            return None if state is None else state.best()

    def subscribe(
        self, told: Callable[[Tick], None], market: Market | str | None = None, symbol: str | None = None
    ) -> Callable[[], None]:
        """Tell ``told`` the latest of a symbol when it changes: in the feeder's thread, once for what is fed at once.

        Args:
            told: Called outside of the lock; what it raises reaches nobody, and is logged once.
            market: Only this one.
            symbol: Only this one.

        Returns:
            Ends it; may be called again.
        """
        key = (None if market is None else Market(market), symbol)
        with self._lock:
            self._subscribers.setdefault(key, []).append(told)

        def end() -> None:
            with self._lock:
                left = [one for one in self._subscribers.pop(key, ()) if one is not told]
                if left:
                    self._subscribers[key] = left

        return end

    def follow(self, news: News) -> Callable[[], None]:
        """Tell ``news`` after each `take`, in the feeder's thread; return what ends it."""
        with self._lock:
            self._news.append(news)

        def end() -> None:
            with self._lock:
                self._news = [one for one in self._news if one is not news]

        return end

    def seed_book(self, market: Market, symbol: str, seed: BookSeed, diffs: Iterable[DepthDiff]) -> None:
        """Take a book up where it was written; before its first diff. See `LiveBook.restore`."""
        later = list(diffs)  # may ask a database: not while others wait
        with self._lock:
            self._state((market, symbol)).book.restore(seed, later)

    def seed_ids(self, market: Market, symbol: str, taken: Iterable[Interval], *, aggregates: bool) -> None:
        """Know ids as taken: of trades, or of aggregates; before the first trade."""
        with self._lock:
            self._state((market, symbol)).seen[aggregates] = SeenIds(taken)

    def seed_trade(self, trade: Trade | AggTrade) -> None:
        """Know the newest trade of a symbol, without telling anybody."""
        with self._lock:
            self._state((trade.market, trade.symbol)).seed_trade(trade)

    def seed_day(self, market: Market, symbol: str, bucket: int, rollup: Rollup, *, aggregates: bool) -> None:
        """Know five minutes of a symbol; see `RollingDay.put`."""
        with self._lock:
            self._state((market, symbol)).day.put(bucket, rollup, aggregates=aggregates)

    def _take(self, record: Record, fresh: list[Trade | AggTrade], books: set[Key], changed: set[Key]) -> None:
        """Take one record (hot path)."""
        if isinstance(record, _IGNORED):
            return
        key = record.market, record.symbol
        state = self._symbols.get(key) or self._new(key)
        if isinstance(record, DepthDiff | BookSnapshot):
            state.take_book(record)
            books.add(key)
        elif isinstance(record, Trade | AggTrade):
            if not state.take_trade(record):
                return
            fresh.append(record)
        elif isinstance(record, BookTop):
            state.take_top(record)
            books.add(key)
        elif isinstance(record, BookTicker):
            state.take_ticker(record)
        else:
            state.take_spent(record)
            return
        self.newest = max(self.newest, record.receive_time)
        changed.add(key)

    def _new(self, key: Key) -> SymbolState:
        self._symbols[key] = state = SymbolState(*key)
        return state

    def _state(self, key: Key) -> SymbolState:
        return self._symbols.get(key) or self._new(key)

    def _told(self, market: Market, symbol: str) -> list[Callable[[Tick], None]]:
        keys = (market, symbol), (market, None), (None, symbol), (None, None)
        return [one for key in keys for one in self._subscribers.get(key, ())]

    def _ticks(self, changed: Iterable[Key]) -> list[Tick]:
        """Return the ticks of those symbols that somebody waits for."""
        return [self._symbols[key].tick(self.newest) for key in changed if self._told(*key)]

    def _note_failure(self, told: object) -> None:
        self.failures += 1
        if id(told) not in self._failed:
            self._failed.add(id(told))
            logger.bind(component="live").exception("{!r} raised when it was told, and is told on", told)
