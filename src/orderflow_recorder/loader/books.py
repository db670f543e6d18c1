"""The local books of a loader: what they say goes into the batch of the records that they follow from.

A book is a function of the journal. What it needs of the journal's past is in the batch at hand or in the
database: so it does not matter where batches are cut, and when the loader begins anew it takes each book
up again where the database says it stood.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import closing
from heapq import merge
from typing import Any, TypeAlias

from loguru import logger

from orderflow_recorder.core.book_levels import Pace
from orderflow_recorder.core.local_book import Effect, LocalBook, Remark
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, BookTop, DepthDiff, Record
from orderflow_recorder.ports.books import BookSource

_Key: TypeAlias = tuple[Market, str]
_PACE = Pace()


class LocalBooks:
    """One book a market and symbol.

    Lifecycle: `forget` whenever the sink is opened, `take_all` (or `take`) of every record in journal order, `rest`
    now and then.
    """

    def __init__(self, source: BookSource, *, top_levels: int, pace: Pace = _PACE) -> None:
        """Start without books.

        Args:
            source: What was written before.
            top_levels: How many of the best levels to tell after each diff that changed them; 0 for none.
            pace: When a checkpoint is due.
        """
        self._source = source
        self._top_levels = top_levels
        self._pace = pace
        self._log = logger.bind(component="loader")
        self.forget()

    def forget(self) -> None:
        """Forget all books: the sink may stand elsewhere than they do."""
        self._books: dict[_Key, LocalBook] = {}
        self._early: dict[_Key, BookSnapshot] = {}
        self._failed: set[_Key] = set()
        self.rest()

    def rest(self) -> None:
        """Keep no connection where nothing is asked."""
        self._source.close()

    def take_all(
        self, records: Sequence[Record], pending: Callable[[], Sequence[Record]]
    ) -> Sequence[BookSnapshot | BookTop]:
        """Return what follows from records, book by book: a book is in the processor's memory then, not only its head.

        Args:
            records: The next ones of the journal.
            pending: Returns those before them that the database may not have yet; asked for snapshots alone.

        Raises:
            SinkUnavailableError: As `take`.
        """
        of_books: defaultdict[_Key, list[Any]] = defaultdict(list)
        snapshots = set[_Key]()
        for record in records:
            if type(record) is DepthDiff:
                of_books[record.market, record.symbol].append(record)
            elif type(record) is BookSnapshot:
                of_books[record.market, record.symbol].append(record)
                snapshots.add((record.market, record.symbol))
        own: list[BookSnapshot | BookTop] = []
        for key, of_book in of_books.items():
            begin = 0
            for place, record in enumerate(of_book if key in snapshots else ()):
                if type(record) is BookSnapshot:
                    own += self._take_diffs(key, of_book[begin:place])
                    own += self.take(record, (*pending(), *of_book[:place]))
                    begin = place + 1
            own += self._take_diffs(key, of_book[begin:])
        return own

    def take(self, record: Record, pending: Sequence[Record]) -> Sequence[BookSnapshot | BookTop]:
        """Return what follows from a record for its book (hot path).

        Args:
            record: The next one of the journal; those that say nothing of a full book follow to nothing.
            pending: The records that the database may not have yet, in journal order; one that it has meanwhile is
                stale when it comes again.

        Raises:
            SinkUnavailableError: The book must be taken up again, and the database is away.
        """
        if not isinstance(record, DepthDiff) and not isinstance(record, BookSnapshot):
            return ()
        key = (record.market, record.symbol)
        try:
            if isinstance(record, DepthDiff):
                effects = (self._books.get(key) or self._taken_up(key, record)).take_diff(record)
                return self._told(key, effects) if effects else ()
            self._take_snapshot(key, record, pending)
        except SinkUnavailableError:
            raise
        except Exception:  # noqa: BLE001  # no book is worth the recording of all symbols
            self._drop(key)
        return ()

    def _take_diffs(self, key: _Key, diffs: Sequence[DepthDiff]) -> list[BookSnapshot | BookTop]:
        """Return what follows from diffs for their book (hot path)."""
        own: list[BookSnapshot | BookTop] = []
        if diffs and key not in self._books:
            own += self.take(diffs[0], ())
            diffs = diffs[1:]
        if not diffs:
            return own
        try:
            effects = self._books[key].take_diffs(diffs)
        except Exception:  # noqa: BLE001  # as above
            self._drop(key).take_diffs(diffs)
            return own
        return own + self._told(key, effects) if effects else own

    def _drop(self, key: _Key) -> LocalBook:
        """Begin a book anew because of the exception at hand."""
        self._books[key] = book = self._new_book()
        if key not in self._failed:
            self._failed.add(key)
            self._log.exception("{} {}: the local book is dropped until the next snapshot", *key)
        return book

    def _take_snapshot(self, key: _Key, snapshot: BookSnapshot, pending: Sequence[Record]) -> None:
        book = self._books.get(key)
        if book is None:
            self._early[key] = snapshot  # what came before it is told by the first diff
        elif book.newest is None:
            book.take_snapshot(snapshot, ())
        else:
            waiting = sorted(
                (one for one in pending if isinstance(one, DepthDiff) and (one.market, one.symbol) == key), key=_final
            )
            self._catch_up(book, snapshot, book.newest, waiting)

    def _taken_up(self, key: _Key, diff: DepthDiff) -> LocalBook:
        """Return the book of a symbol whose first diff since `forget` this is, as it was when it came."""
        self._books[key] = book = self._new_book()
        seed = self._source.seed(diff)
        if seed.checkpoint is not None:
            with closing(self._source.diffs(diff, after=seed.checkpoint.last_update_id)) as later:
                book.restore(seed.checkpoint, later)
        snapshot = self._early.pop(key, seed.snapshot)
        if snapshot is not None:
            self._catch_up(book, snapshot, diff, ())
        return book

    def _catch_up(
        self, book: LocalBook, snapshot: BookSnapshot, until: DepthDiff, waiting: Sequence[DepthDiff]
    ) -> None:
        """Give a book a snapshot, with the diffs that came before it and are newer than it."""
        after = snapshot.last_update_id
        waiting = [diff for diff in waiting if diff.final_update_id > after]
        with closing(self._source.diffs(until, after=after)) as written:
            book.take_snapshot(snapshot, merge(written, waiting, key=_final))

    def _new_book(self) -> LocalBook:
        return LocalBook(top_levels=self._top_levels, pace=self._pace)

    def _told(self, key: _Key, effects: Sequence[Effect]) -> list[BookSnapshot | BookTop]:
        """Log the remarks, return the records."""
        records: list[BookSnapshot | BookTop] = []
        for effect in effects:
            if isinstance(effect, Remark):
                self._log.warning("{} {}: {}", *key, effect.text)
            else:
                records.append(effect)
        return records


def _final(diff: DepthDiff) -> int:
    return diff.final_update_id
