"""What an export says of itself, beside the data: one file a partition, and ``holes.json`` of all of them.

The data's own folders hold nothing but data, so that tools can be pointed at them; everything else is
below ``_export``.
"""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from orderflow_recorder.export.errors import ExportError, writing
from orderflow_recorder.export.formats import ExportFormat, NumberKind
from orderflow_recorder.export.request import Partition

STATE: Final = "_export"
"""Folder of everything that is not data."""

SUMMARY: Final = "holes.json"
"""File that says what every exported day has and misses."""

VERSION: Final = 1
"""Of the files' contents: days that another version wrote are made again."""


class Hole(msgspec.Struct, frozen=True, kw_only=True):
    """A gap of the ledger that is not healed and touches a partition.

    Attributes:
        stream: Wire name without the symbol.
        first_missing_id: First id that is missing; none for streams without ids.
        last_missing_id: Last one.
        time_before: Time of the row before it by the table's own time; none where there is no row.
        time_after: Time of the row after it.
        from_time: When the row before it was received, by the recorder's clock.
        to_time: When the row after it was received.
        cause: Why it is missing.
        status: ``open`` or ``unrecoverable``.
        reason: Why no source has it, if it is unrecoverable.
    """

    stream: str
    first_missing_id: int | None
    last_missing_id: int | None
    time_before: datetime | None
    time_after: datetime | None
    from_time: datetime | None
    to_time: datetime | None
    cause: str
    status: str
    reason: str | None

    @property
    def ids(self) -> int:
        """Return how many ids are missing; 0 for streams without ids."""
        if self.first_missing_id is None or self.last_missing_id is None:
            return 0
        return self.last_missing_id - self.first_missing_id + 1


class Covered(msgspec.Struct, frozen=True):
    """From where to where a stream is recorded at all: ids (if it has any), and receive times."""

    stream: str
    first_id: int | None
    last_id: int | None
    first_time: datetime
    last_time: datetime


class TableReport(msgspec.Struct, frozen=True):
    """What a partition has of one table.

    Attributes:
        table: Its name.
        rows: Number of rows.
        first: Lowest id; the lowest receive time (µs since 1970) where the table's streams have no ids.
        last: Highest one.
        coverage: The streams that feed the table.
        holes: What is missing, by stream and id.
    """

    table: str
    rows: int
    first: int | None
    last: int | None
    coverage: list[Covered]
    holes: list[Hole]


class PartitionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a partition.

    Attributes:
        version: `VERSION` that made it.
        format: What reads its files.
        numbers: How prices and quantities are written.
        partition: Which one.
        exported_at: When the database was seen, by its clock.
        files: Paths below the folder of the export, and their bytes.
        tables: What it has, and misses.
        notes: What the format adds, e.g. a shift of clocks.
    """

    version: int
    format: ExportFormat
    numbers: NumberKind
    partition: Partition
    exported_at: datetime
    files: dict[str, int]
    tables: list[TableReport]
    notes: dict[str, Any]

    @property
    def rows(self) -> int:
        """Return the rows of all its tables."""
        return sum(table.rows for table in self.tables)


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of ``holes.json``: every partition in the folder, whichever export made it.

    Attributes:
        format: What reads the files.
        finished: Whether the last export came to its end.
        rows: Of all partitions.
        holes: How many are listed; one that touches two days counts in both.
        missing_ids: How many ids are in them.
        partitions: By name.
    """

    format: ExportFormat
    finished: bool
    rows: int
    holes: int
    missing_ids: int
    partitions: list[PartitionReport]


def sidecar_path(folder: Path, partition: Partition) -> Path:
    """Return where a partition's report is."""
    return folder / STATE / f"{partition.name}.json"


def read_report(path: Path) -> PartitionReport | None:
    """Return a report; none where there is none, or one of another version."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=PartitionReport)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def read_reports(folder: Path) -> Iterator[PartitionReport]:
    """Yield the reports of a folder, by name."""
    for path in sorted((folder / STATE).rglob("date=*.json")):
        report = read_report(path)
        if report is not None:
            yield report


def summarise(folder: Path, kind: ExportFormat, *, finished: bool) -> Summary:
    """Return what a folder holds."""
    reports = list(read_reports(folder))
    holes = [hole for report in reports for table in report.tables for hole in table.holes]
    return Summary(
        format=kind,
        finished=finished,
        rows=sum(report.rows for report in reports),
        holes=len(holes),
        missing_ids=sum(hole.ids for hole in holes),
        partitions=reports,
    )


def require_same_format(folder: Path, kind: ExportFormat) -> None:
    """Refuse a folder whose files another format's reader is meant for.

    Raises:
        ExportError: It is one.
    """
    for report in read_reports(folder):
        if report.format is not kind:
            raise ExportError(
                f"{folder} holds an export to {report.format}: expected {kind}; choose another folder with --to"
            )
        return


def write_json(path: Path, content: msgspec.Struct) -> None:
    """Write a file as a whole, or not at all.

    Raises:
        ExportError: It cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(content)) + b"\n")
        partial.replace(path)
