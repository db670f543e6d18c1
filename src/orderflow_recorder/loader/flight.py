"""A batch on its way into the sink, and what the loop needs of a clock."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol, TypeAlias

import msgspec

from orderflow_recorder.domain.records import Record
from orderflow_recorder.loader.pending import PendingBatch
from orderflow_recorder.ports.sink import WriteResult

Start: TypeAlias = Callable[[Callable[[], WriteResult]], Future[WriteResult]]


class Flight(msgspec.Struct, frozen=True):
    """A batch on its way into the sink.

    Attributes:
        pending: What it consists of.
        future: Its outcome.
    """

    pending: PendingBatch
    future: Future[WriteResult]


def unwritten(flight: Flight | None, pending: PendingBatch) -> Sequence[Record]:
    """Return the records that the database does not have, or may just be getting, in journal order."""
    return pending.records if flight is None else [*flight.pending.records, *pending.records]


class Times(Protocol):
    """What the loop needs of a clock."""

    def now_ns(self) -> int:
        """Return wall time, ns since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...
