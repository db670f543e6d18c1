"""Loads a journal of diffs and snapshots through local books, batch by batch, with restarts."""

from collections.abc import Sequence

from orderflow_recorder.core.book_levels import Pace
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.domain.records import BookSnapshot, BookTop, Record
from orderflow_recorder.loader.books import LocalBooks
from orderflow_recorder.ports.sink import Batch
from tests.support.memory_books import MemoryBooks
from tests.support.memory_sink import MemorySink, MemoryStore


def load(
    journal: Sequence[Record],
    *,
    top_levels: int,
    pace: Pace,
    batches: Sequence[int] = (),
    restarts: Sequence[int] = (),
) -> MemoryStore:
    """Return what is in the sink at the end.

    Args:
        journal: One record an entry.
        top_levels: As `LocalBooks` takes it.
        pace: As `LocalBooks` takes it.
        batches: After which entries a batch is written; the last one always is.
        restarts: Before which entries the loader is killed; what it had not written is read again.
    """
    store = MemoryStore()
    sink = MemorySink(store)
    position = sink.open("main")
    books = LocalBooks(MemoryBooks(store), top_levels=top_levels, pace=pace)
    pending: list[Record] = []
    kills = set(restarts)
    index = 0
    while index < len(journal):
        if index in kills:
            kills.remove(index)
            books.forget()
            pending, position = [], store.positions.get("main", JOURNAL_START)
            index = position.offset
        record = journal[index]
        index += 1
        pending.append(record)
        pending += books.take(record, pending)
        if index in batches or index == len(journal):
            end = Position(position.segment, index)
            sink.write(Batch("main", position, end, pending))
            pending, position = [], end
    return store


def checkpoints(store: MemoryStore) -> list[BookSnapshot]:
    """Return the checkpoints in order."""
    rows = [row for row in store.tables["book_snapshots"].values() if isinstance(row, BookSnapshot)]
    return sorted((row for row in rows if row.source == "checkpoint"), key=lambda row: row.last_update_id)


def tops(store: MemoryStore) -> list[BookTop]:
    """Return the local tops in order."""
    rows = [row for row in store.tables["book_tops"].values() if isinstance(row, BookTop)]
    return sorted((row for row in rows if row.source == "local"), key=lambda row: row.last_update_id)
