"""The one batch a loader holds in memory."""

from collections.abc import Sequence
from typing import Final

from orderflow_recorder.core.batching import Batcher, BatchPolicy
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import BookSnapshot, Record
from orderflow_recorder.ports.journal import JournalEntry

_LEVEL_BYTES: Final = 24
"""Of price and quantity, as in a journal: a book is as much work whether it came from there or from us."""


class PendingBatch:
    """Records that were read and not written yet.

    Attributes:
        start: Where the sink stands.
        end: Place after the last entry added.
        records: In journal order.
        unparsable: Entries among them that could not be parsed.
        bytes: Of the journal that they came from.
        last_time: Receive time of the last entry that has one, ns; 0 before the first.
    """

    def __init__(self, start: Position, policy: BatchPolicy) -> None:
        """Begin empty at ``start``."""
        self._batcher = Batcher(policy)
        self.last_time = 0
        self.begin(start)

    def begin(self, start: Position) -> None:
        """Begin the next batch at ``start``."""
        self.start = self.end = start
        self.records: list[Record] = []
        self.unparsable = 0
        self.bytes = 0
        self._origins: list[JournalEntry | None] = []
        self._batcher.reset()

    def add_entry(self, entry: JournalEntry, records: Sequence[Record], *, parsed: bool, now: float) -> None:
        """Take what one entry says.

        Args:
            entry: It counts with its bytes even if it says nothing: the position moves.
            records: What it says.
            parsed: False where ``records`` only tells that it could not be parsed.
            now: Monotonic seconds.
        """
        self.records += records
        self._origins += [entry] * len(records)
        self.unparsable += not parsed
        self.end = entry.end
        self.last_time = entry.receive_time or self.last_time
        size = entry.end.offset - entry.start.offset
        self.bytes += size
        self._batcher.add(len(records), size, now)

    def add_own(self, record: Record, now: float) -> None:
        """Take a record of the loader's own making; the position does not move, but its size counts."""
        self.records.append(record)
        self._origins.append(None)
        self._batcher.add(1, _size(record), now)

    def is_due(self, now: float) -> bool:
        """Say whether it must be written now."""
        return self._batcher.should_flush(now)

    def seconds_left(self, now: float) -> float | None:
        """Return the seconds until it is due by age; none while it is empty."""
        return self._batcher.seconds_left(now)

    def origins(self) -> dict[int, JournalEntry | None]:
        """Return the entry each record came from, if from one, by the record's `id`."""
        return {id(record): entry for record, entry in zip(self.records, self._origins, strict=True)}


def _size(record: Record) -> int:
    if not isinstance(record, BookSnapshot):
        return 0
    return _LEVEL_BYTES * (len(record.bid_prices) + len(record.ask_prices))
