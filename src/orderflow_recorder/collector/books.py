"""Keeps every book of one market in sync: runs the pure `BookSync` machines and asks for snapshots.

Only ids pass through here; the levels are in the journal. A snapshot is journaled before the
machine hears of it. Requests wait in one queue, books that lost their epoch before the planned
refresh of healthy ones, so that a cold start of hundreds of books and one gap share the budget. Where the budget does
not suffice for all of them, they are spread evenly: a minute's weight spent in seconds would bring the loader behind.
"""

import asyncio
from collections.abc import Callable, Container, Iterable, Sequence
from typing import Final

from loguru import logger

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.core.book_sync import (
    BookGap,
    BookSync,
    BufferGap,
    Effect,
    RequestSnapshot,
    SnapshotStale,
    Synced,
    SyncState,
)
from orderflow_recorder.domain.errors import FrameError, RateLimitedError, VenueError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.venue import Venue

SNAPSHOT_WORKERS: Final = 4
"""Snapshots in flight at once: enough to use the budget, few enough to stay polite."""

BUFFER_FIRST_S: Final = 0.3
"""Wait before a request: with two or more diffs buffered, few snapshots turn out too old."""

URGENT: Final = 0
REFRESH: Final = 1


class Book:
    """One symbol's sync machine and what its snapshot requests need."""

    def __init__(self, market: Market, symbol: str, backoff: Backoff) -> None:
        """Start without a book."""
        self.symbol = symbol
        self.sync = BookSync(market)
        self.backoff = backoff
        self.attempt = 0

    def has(self, ids: DepthIds) -> bool:
        """Say whether that diff, or a later one, was taken in."""
        return self.sync.last_final is not None and ids.final <= self.sync.last_final


class BookKeeper:
    """The books of one market.

    Args:
        market: The market.
        venue: Where snapshots come from.
        intake: Where answers and events go.
        clock: Time.
        random: Uniform numbers in [0, 1), for jitter.
    """

    def __init__(
        self, market: Market, venue: Venue, intake: Intake, clock: Clock, *, random: Callable[[], float]
    ) -> None:
        """Start without symbols."""
        self.gaps = 0
        self._market = market
        self._venue = venue
        self._intake = intake
        self._clock = clock
        self._random = random
        self._books: dict[str, Book] = {}
        self._wanted: asyncio.PriorityQueue[tuple[int, int, str]] = asyncio.PriorityQueue()
        self._order = 0
        self._next_turn = clock.monotonic()
        self._delayed: set[asyncio.Task[None]] = set()
        self._log = logger.bind(market=str(market))

    @property
    def total(self) -> int:
        """Return how many books are kept."""
        return len(self._books)

    @property
    def synced(self) -> int:
        """Return how many of them are in sync."""
        return sum(1 for book in self._books.values() if book.sync.state is SyncState.SYNCED)

    def add(self, wire: str, symbol: str) -> None:
        """Keep the book of ``symbol``, whose diffs come as stream ``wire``."""
        if wire not in self._books:
            self._books[wire] = Book(self._market, symbol, Backoff(0.5, 30.0, self._random))

    def keep_only(self, wires: Container[str]) -> None:
        """Give up the books whose diffs come as none of ``wires``."""
        for wire in [wire for wire in self._books if wire not in wires]:
            del self._books[wire]

    def on_diffs(self, diffs: Iterable[tuple[str, DepthIds]], *, skip_known: bool = False) -> None:
        """Take in the ids of diffs that are already in the journal (hot path).

        Args:
            diffs: Wire name and ids of each, in order of arrival.
            skip_known: Whether those are left out that a book has, or has a later one of: what a replacement
                socket held back comes in a row, and must not look as if ids had begun anew.
        """
        books = self._books
        for wire, ids in diffs:
            book = books.get(wire)
            if book is None or (skip_known and book.has(ids)):
                continue
            if effects := book.sync.on_diff(ids):
                self._apply(wire, book, effects)

    def refresh_all(self) -> None:
        """Ask for a fresh snapshot of every synced book, behind all that is urgent."""
        for wire, book in self._books.items():
            if book.sync.state is SyncState.SYNCED:
                self._enqueue(REFRESH, wire)

    def refresh(self, symbol: str) -> None:
        """Ask for a fresh snapshot of the book of ``symbol``; its epoch goes on."""
        for wire, book in self._books.items():
            if book.symbol == symbol:
                self._enqueue(URGENT, wire)

    async def run(self) -> None:
        """Serve snapshot requests until cancelled."""
        self._wanted = asyncio.PriorityQueue()
        for wire, book in self._books.items():
            # A request that was in flight when an earlier run was cancelled is made again.
            if book.attempt and book.sync.state is SyncState.BUFFERING:
                self._apply(wire, book, book.sync.on_snapshot_failed())
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(SNAPSHOT_WORKERS):
                    group.create_task(self._work())
        finally:
            for task in self._delayed:
                task.cancel()

    def _enqueue(self, priority: int, wire: str) -> None:
        self._order += 1
        self._wanted.put_nowait((priority, self._order, wire))

    def _request(self, wire: str, book: Book, delay_s: float) -> None:
        book.attempt += 1

        async def later() -> None:
            await self._clock.sleep(delay_s)
            self._enqueue(URGENT, wire)

        task = asyncio.get_running_loop().create_task(later())
        self._delayed.add(task)
        task.add_done_callback(self._delayed.discard)

    async def _work(self) -> None:
        while True:
            _, _, wire = await self._wanted.get()
            book = self._books.get(wire)
            if book is not None:
                await self._take_turn()
                await self._fetch(wire, book)

    async def _take_turn(self) -> None:
        """Wait where more snapshots are wanted than may be had now; each keeps sockets, loader and database busy."""
        now = self._clock.monotonic()
        turn = max(now, self._next_turn)
        wanted = 1 + self._wanted.qsize() + len(self._delayed)
        self._next_turn = turn + self._venue.snapshot_spacing_s(wanted)
        if turn > now:
            await self._clock.sleep(turn - now)

    async def _fetch(self, wire: str, book: Book) -> None:
        if book.attempt:
            self._event(EventKind.SNAPSHOT_REQUESTED, book, attempt=book.attempt)
        try:
            answer = await self._venue.snapshot(book.symbol)
            last_update_id = self._venue.snapshot_id(answer)
        except (VenueError, FrameError) as error:
            self._failed(wire, book, error)
            return
        self._intake.rest(answer)
        if book.attempt:
            self._apply(wire, book, book.sync.on_snapshot(last_update_id))

    def _failed(self, wire: str, book: Book, error: Exception) -> None:
        if not book.attempt:
            self._log.warning("snapshot refresh of {} failed: {}", book.symbol, error)
            return
        if isinstance(error, RateLimitedError):
            self._event(EventKind.RATE_LIMITED, book, status=error.status, retry_s=error.retry_after_s)
        delay_s = book.backoff.next()
        self._log.warning("snapshot of {} failed, next try in {:.1f} s: {}", book.symbol, delay_s, error)
        self._event(EventKind.SNAPSHOT_FAILED, book, reason=str(error), retry_s=round(delay_s, 3))
        self._apply(wire, book, book.sync.on_snapshot_failed(), delay_s=delay_s)

    def _apply(self, wire: str, book: Book, effects: Sequence[Effect], *, delay_s: float = BUFFER_FIRST_S) -> None:
        for effect in effects:
            match effect:
                case RequestSnapshot():
                    self._request(wire, book, delay_s)
                case SnapshotStale(last_update_id=last, first_buffered=first):
                    delay_s = book.backoff.next()
                    self._event(EventKind.SNAPSHOT_STALE, book, last_update_id=last, first_buffered_update_id=first)
                case Synced(last_update_id=last, first_final=final):
                    book.backoff.reset()
                    book.attempt = 0
                    self._event(EventKind.BOOK_SYNCED, book, last_update_id=last, first_final_update_id=final)
                case BookGap(after=after, next_ids=ids) | BufferGap(after=after, next_ids=ids):
                    self.gaps += 1
                    self._log.warning("{}: depth gap after update {}, next is {}-{}", wire, after, ids.first, ids.final)
                    self._event(EventKind.BOOK_GAP, book, after_update_id=after, next_update_id=ids.first)

    def _event(self, kind: EventKind, book: Book, **detail: object) -> None:
        self._intake.event(kind, market=self._market, symbol=book.symbol, epoch=book.sync.epoch, detail=detail)
