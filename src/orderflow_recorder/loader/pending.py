"""A batch that a loader has in memory."""

from itertools import chain, repeat
from typing import Final

from orderflow_recorder.core.batching import Batcher, BatchPolicy
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import BookSnapshot, Record
from orderflow_recorder.loader.blocks import Origin, Parsed

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
        self.start = self.end = start
        self.records: list[Record] = []
        self.unparsable = 0
        self.bytes = 0
        self._origins: list[tuple[Origin | None, int]] = []

    def add(self, parsed: Parsed, now: float) -> None:
        """Take what a block or an entry says.

        Args:
            parsed: Its bytes count even if it says nothing: the position moves.
            now: Monotonic seconds.
        """
        origin, records = parsed.origin, parsed.records
        self.records += records
        self._origins.append((origin, len(records)))
        self.unparsable += not parsed.readable
        self.end = origin.end
        self.last_time = parsed.receive_time or self.last_time
        size = origin.end.offset - origin.start.offset
        self.bytes += size
        self._batcher.add(len(records), size, now)

    def add_own(self, record: Record, now: float) -> None:
        """Take a record of the loader's own making; the position does not move, but its size counts."""
        self.records.append(record)
        self._origins.append((None, 1))
        self._batcher.add(1, _size(record), now)

    def is_due(self, now: float) -> bool:
        """Say whether it must be written now."""
        return self._batcher.should_flush(now)

    def seconds_left(self, now: float) -> float | None:
        """Return the seconds until it is due by age; none while it is empty."""
        return self._batcher.seconds_left(now)

    @property
    def room(self) -> tuple[int, int]:
        """Return how many more rows and bytes make it due, at least one of each."""
        return self._batcher.room

    def origins(self) -> dict[int, Origin | None]:
        """Return what each record was parsed from, if it was, by the record's `id`."""
        origins = chain.from_iterable(repeat(origin, count) for origin, count in self._origins)
        return {id(record): origin for record, origin in zip(self.records, origins, strict=True)}


def _size(record: Record) -> int:
    if not isinstance(record, BookSnapshot):
        return 0
    return _LEVEL_BYTES * (len(record.bid_prices) + len(record.ask_prices))
