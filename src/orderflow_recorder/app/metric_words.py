"""What a metric is, and what metrics are read from beside the health of the processes."""

from collections.abc import Callable, Sequence
from typing import Final, Generic, TypeVar

import msgspec

from orderflow_recorder.journal.retention import JournalSize

PREFIX: Final = "orderflow_"

SourceT = TypeVar("SourceT")


class Metric(msgspec.Struct, Generic[SourceT], frozen=True):
    """One metric.

    Attributes:
        name: Without `PREFIX`.
        help: What it says.
        read: Its value in a report; none where there is none, or nobody knows.
    """

    name: str
    help: str
    read: Callable[[SourceT], float | None]

    @property
    def full_name(self) -> str:
        """Return what Prometheus calls it."""
        return PREFIX + self.name

    @property
    def is_counter(self) -> bool:
        """Say whether it only grows, but for restarts."""
        return self.name.endswith("_total")


class Group(msgspec.Struct, Generic[SourceT], frozen=True):
    """Metrics that are read from the same reports.

    Attributes:
        title: What they are about.
        labels: Of each of them.
        metrics: In the order in which they are told.
    """

    title: str
    labels: tuple[str, ...]
    metrics: Sequence[Metric[SourceT]]


class RecorderFigures(msgspec.Struct, frozen=True):
    """The recorder as a whole.

    Attributes:
        problems: What a person should look at.
    """

    problems: Sequence[str]


class ProcessFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One process; times are ns since the epoch, 0 for never.

    Attributes:
        up: It runs, and told of itself a moment ago.
        started_at: When it began.
        updated_at: When it told of itself last.
        last_error_at: When its newest error was told first.
        memory_bytes: Resident; none where it does not run.
        cpu_s: Processor time since it began, seconds; none where it does not run.
    """

    up: bool
    started_at: int = 0
    updated_at: int = 0
    last_error_at: int = 0
    memory_bytes: int | None = None
    cpu_s: float | None = None


class StateFigure(msgspec.Struct, frozen=True):
    """Whether a collector is in one state: 1 or 0."""

    value: int


class JournalFigures(msgspec.Struct, frozen=True):
    """One journal's files, as they are at ``now_s``, seconds since the epoch."""

    size: JournalSize
    now_s: float


class GapCount(msgspec.Struct, frozen=True):
    """How many gaps there are of one kind, and how many ids of trades and aggregate trades they span."""

    gaps: int
    missing_trades: int


class OldestGap(msgspec.Struct, frozen=True):
    """When a market's oldest open gap began, seconds since the epoch."""

    time_s: float


class DatabaseFigures(msgspec.Struct, frozen=True):
    """How the ledger was read.

    Attributes:
        answers: The last attempt succeeded.
        read_at_s: When the last one that did began, seconds since the epoch; none before the first.
    """

    answers: bool
    read_at_s: float | None


class TableFigure(msgspec.Struct, frozen=True):
    """What a table took on disk when it was measured."""

    size_bytes: int


class TablesFigures(msgspec.Struct, frozen=True):
    """When the tables were measured, seconds since the epoch."""

    measured_at_s: float


class DiskFigures(msgspec.Struct, frozen=True):
    """A disk."""

    free_bytes: int
    size_bytes: int
