"""The life of a book as steps: it begins with a snapshot, changes, and is lost at a hole.

A backtest is fed with changes. It needs to be told where to begin, and that what it knows has become
worthless where changes are missing; from there on it knows nothing until a snapshot bridges into the diffs.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import msgspec
import pyarrow as pa

from orderflow_recorder.core.sequencing import Bridge, Verdict, bridge, judge
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.postgres.export_reads import Book


class Lost(msgspec.Struct, frozen=True):
    """The book is unknown from this diff on (a batch of one row)."""

    diff: pa.RecordBatch


class Begun(msgspec.Struct, frozen=True):
    """The book is known again: ``book``, to which this diff (a batch of one row) is the first to apply."""

    book: Book
    diff: pa.RecordBatch


class Changed(msgspec.Struct, frozen=True):
    """Diffs that follow each other without a hole."""

    diffs: pa.RecordBatch


Step: TypeAlias = Lost | Begun | Changed

NextSnapshot: TypeAlias = Callable[[int], Book | None]
"""Gives the snapshot with the lowest update id that is not below one."""


class BookSteps:
    """Turns diffs, in the order of their ids, into steps."""

    def __init__(self, market: Market, opening: Book | None, next_snapshot: NextSnapshot) -> None:
        """Begin before the first diff.

        Args:
            market: Whose rules of continuity apply.
            opening: The book that the first diff continues, if it is known.
            next_snapshot: Asked where the book is not known.
        """
        self._market = market
        self._next_snapshot = next_snapshot
        self._candidate = opening
        self._last: int | None = None
        self._started = False
        self._exhausted = False

    def run(self, batches: Iterable[pa.RecordBatch]) -> Iterator[Step]:
        """Yield the steps of ``batches`` of rows of ``depth_diffs``."""
        for batch in batches:
            yield from self._batch(batch)

    def _batch(self, batch: pa.RecordBatch) -> Iterator[Step]:
        start = 0
        columns = ("first_update_id", "final_update_id", "previous_final_update_id")
        for row, ids in enumerate(map(DepthIds, *(batch[name].to_pylist() for name in columns))):
            lost = not self._started
            self._started = True
            if self._last is not None:
                verdict = judge(self._market, self._last, ids)
                if verdict is Verdict.NEXT:
                    self._last = ids.final
                    continue
                yield from _changed(batch, start, row)
                start = row + 1
                if verdict is Verdict.STALE:
                    continue
                lost = True
            self._last = None
            start = row + 1
            book = self._bridging(ids)
            if book is not None:
                yield Begun(book, batch.slice(row, 1))
                self._last = ids.final
                start = row
            elif lost:
                yield Lost(batch.slice(row, 1))
        if self._last is not None:
            yield from _changed(batch, start, batch.num_rows)

    def _bridging(self, ids: DepthIds) -> Book | None:
        """Return the snapshot on which this diff is the first to apply; none where there is none, or not yet."""
        while not self._exhausted:
            if self._candidate is not None:
                stands = bridge(self._market, self._candidate.last_update_id, ids)
                if stands is not Bridge.AFTER:
                    return self._candidate if stands is Bridge.SPANS else None
            self._candidate = self._next_snapshot(self._lowest(ids))
            self._exhausted = self._candidate is None
        return None

    def _lowest(self, ids: DepthIds) -> int:
        """Return the lowest id of a snapshot that this diff or a later one bridges."""
        if self._market is Market.SPOT:
            return ids.first - 1
        return ids.first if ids.previous is None else ids.previous


def _changed(batch: pa.RecordBatch, start: int, end: int) -> Iterator[Step]:
    if end > start:
        yield Changed(batch.slice(start, end - start))
