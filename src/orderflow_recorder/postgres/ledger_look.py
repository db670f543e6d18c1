"""One stream of a batch, looked at closely: what must be loaded before its ledger can be run."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import Final

import msgspec

from orderflow_recorder.core.intervals import Interval
from orderflow_recorder.postgres.ledger_refusals import Refusal
from orderflow_recorder.postgres.ledger_store import Coverage
from orderflow_recorder.postgres.ledger_streams import StreamRecords

_MICROSECOND_NS: Final = 1000


def cut(time: int) -> int:
    """Return a time as the database holds it: to the microsecond."""
    return time // _MICROSECOND_NS * _MICROSECOND_NS


class Look(msgspec.Struct, dict=True):
    """One stream of the batch, and what is stored of it.

    Attributes:
        records: What the batch brings of it.
        coverage: What is stored.
        rejected: Which of the records the database refused.
    """

    records: StreamRecords
    coverage: Coverage
    rejected: AbstractSet[int]

    @cached_property
    def indexes(self) -> list[int]:
        """Return which of the records arrive: those that are not rejected."""
        return [index for index in range(len(self.records.records)) if index not in self.rejected]

    @cached_property
    def times(self) -> list[int]:
        """Return the receive time of each record, ns."""
        return [cut(record.receive_time) for record in self.records.records]

    @cached_property
    def ranges(self) -> list[tuple[int, int]]:
        """Return the first and last id of each record."""
        return self.records.ranges()

    def ids_to_load(self, refused: Sequence[Refusal]) -> Interval | None:
        """Return from where to where entries may change; none if nothing arrives late and nothing is refused."""
        cover = self.coverage.cover
        arriving = [self.ranges[index] for index in self.indexes]
        first = min([first for first, _ in arriving] + [one.ids.first for one in refused], default=0)
        last = max([last for _, last in arriving] + [one.ids.last for one in refused], default=-1)
        return None if cover is None or first > cover.last or last < first else Interval(first, last)

    def doubtful_since(self, interrupted_at: int) -> int | None:
        """Return from when on causes may be needed, ns; none if nothing is missing."""
        cover, mark = self.coverage.cover, self.coverage.mark
        if not self.indexes:
            return None
        times = [self.times[index] for index in self.indexes]
        if not self.records.has_ids:
            since = times[0] if mark is None else mark.last_time
            return since if interrupted_at > since else None
        reached = None if cover is None else cover.last
        begins = None if cover is None else cover.first
        for index in self.indexes:
            first, last = self.ranges[index]
            if reached is None or begins is None:
                reached, begins = last, first
            elif first > reached + 1 or last < begins - 1:
                return min([*times, *([] if cover is None else [cover.last_time])])
            reached, begins = max(reached, last), min(begins, first)
        return None
