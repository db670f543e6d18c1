"""``export``: recorded data as files, day by day; what is finished and still true is not made again."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias

import msgspec
import psycopg

from orderflow_recorder.export.errors import ExportError, writing
from orderflow_recorder.export.folder import is_there, own_folder, publish
from orderflow_recorder.export.formats import ExportFormat
from orderflow_recorder.export.holes import report_table
from orderflow_recorder.export.nautilus import precisions_of, require_library
from orderflow_recorder.export.nautilus_instrument import write_instrument
from orderflow_recorder.export.request import ExportRequest, Partition, check_request, datasets, partitions
from orderflow_recorder.export.rows import TIME_OF
from orderflow_recorder.export.sidecar import (
    SUMMARY,
    VERSION,
    PartitionReport,
    TableReport,
    read_report,
    require_same_format,
    sidecar_path,
    summarise,
    write_json,
)
from orderflow_recorder.export.writers import Job, span_of, write_partition
from orderflow_recorder.postgres.export_reads import Span, days_with_rows, read_listing, read_stock
from orderflow_recorder.postgres.ledger_reads import one_moment
from orderflow_recorder.research.batches import TIMES

Observe: TypeAlias = Callable[[str, float, int], None]
"""Told what is being written, how many partitions are done (with a fraction), and how many there are."""

_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


class Exported(msgspec.Struct, frozen=True):
    """What became of an export.

    Attributes:
        reports: Of every partition that was asked for.
        kept: How many of them were there already, and still true.
        holes_path: What says what is missing.
    """

    reports: list[PartitionReport]
    kept: int
    holes_path: Path


def export(url: str, request: ExportRequest, folder: Path, observe: Observe) -> Exported:
    """Write what is wanted into a folder.

    Args:
        url: Of the database.
        request: What is wanted.
        folder: Where; made if it is not there.
        observe: Told how far it is.

    Raises:
        SettingsError: The request contradicts itself.
        ExportError: There is nothing to export, or the files cannot be written.
        ResearchError: A number does not fit an exact decimal.
        SinkError: The database cannot be read.
    """
    check_request(request)
    if request.format is ExportFormat.NAUTILUS:
        require_library()
    planned = _plan(url, request)
    with own_folder(folder) as work:
        require_same_format(folder, request.format)
        write_json(folder / SUMMARY, summarise(folder, request.format, finished=False))
        worker = _Worker(url, request, folder, work)
        for number, partition in enumerate(planned):
            worker.bring(partition, _Progress(observe, partition.name, number, len(planned)))
        worker.finish()
        observe("finished", len(planned), len(planned))
        write_json(folder / SUMMARY, summarise(folder, request.format, finished=True))
    return Exported(worker.reports, worker.kept, folder / SUMMARY)


class _Progress:
    """Tells how far a partition is."""

    def __init__(self, observe: Observe, name: str, number: int, total: int) -> None:
        self._observe = observe
        self._name = name
        self._number = number
        self._total = total
        self._done = 0
        self.rows = 0
        observe(name, number, total)

    def more(self, rows: int) -> None:
        self._done += rows
        self._observe(self._name, self._number + min(1.0, self._done / max(1, self.rows)), self._total)


class _Worker:
    """Brings one partition after another up to date, each as the database is at one moment."""

    def __init__(self, url: str, request: ExportRequest, folder: Path, work: Path) -> None:
        self.reports: list[PartitionReport] = []
        self.kept = 0
        self._url = url
        self._request = request
        self._folder = folder
        self._work = work

    def bring(self, partition: Partition, progress: _Progress) -> None:
        """Make a partition, unless it is there and still true."""
        older = read_report(sidecar_path(self._folder, partition))
        with one_moment(self._url) as connection:
            tables = [_table(connection, partition, table) for table in partition.tables]
            if older is not None and self._holds(older, partition, tables):
                self.reports.append(older)
                self.kept += 1
                return
            progress.rows = sum(table.rows for table in tables)
            job = Job(
                connection=connection,
                url=self._url,
                partition=partition,
                numbers=self._request.numbers,
                work=self._work,
                observe=progress.more,
            )
            with writing(self._folder):
                files = write_partition(self._request.format, job)
                sizes = {name: path.stat().st_size for path, name in files.places.items()}
            (now,) = connection.execute("SELECT now()").fetchone() or (None,)
        report = PartitionReport(
            version=VERSION,
            format=self._request.format,
            numbers=self._request.numbers,
            partition=partition,
            exported_at=now or datetime.now(UTC),
            files=sizes,
            tables=tables,
            notes=files.notes,
        )
        publish(self._folder, report, files.places, older)
        self.reports.append(report)

    def finish(self) -> None:
        """Write what a format needs once a symbol."""
        if self._request.format is not ExportFormat.NAUTILUS:
            return
        for symbol in {report.partition.symbol: None for report in self.reports}:
            notes = [report.notes for report in self.reports if report.partition.symbol == symbol]
            with one_moment(self._url) as connection:
                listing = read_listing(connection, self._request.market, symbol)
            known = precisions_of(listing)
            price = max(known[0], *(note["price_precision"] for note in notes))
            size = max(known[1], *(note["size_precision"] for note in notes))
            with writing(self._folder):
                write_instrument(
                    self._folder, self._work / "catalog", self._request.market, symbol, listing, (price, size)
                )

    def _holds(self, older: PartitionReport, partition: Partition, tables: list[TableReport]) -> bool:
        """Say whether what is there was made of the same request and the same rows and holes."""
        asked = (VERSION, self._request.format, self._request.numbers, partition)
        return (
            (older.version, older.format, older.numbers, older.partition) == asked
            and [_what(table) for table in older.tables] == [_what(table) for table in tables]
            and is_there(self._folder, older.files)
        )


def _plan(url: str, request: ExportRequest) -> list[Partition]:
    """Return the partitions that have rows.

    Raises:
        ExportError: None has.
    """
    planned: list[Partition] = []
    tables = request.tables or tuple(TIMES)
    with one_moment(url) as connection:
        for symbol in request.symbols:
            days = {
                table: days_with_rows(
                    connection,
                    Span(table, TIME_OF[table], request.market, symbol, request.start or _FIRST, request.end or _LAST),
                )
                for table in tables
            }
            made_of = datasets(request, [table for table in tables if days[table]])
            planned += partitions(request, symbol, made_of, days)
    if not planned:
        raise ExportError(
            f"nothing to export: no rows of {request.market} {', '.join(request.symbols)} in {', '.join(tables)} "
            f"from {request.start or 'the first'} to {request.end or 'the last'}; "
            "`orderflow-recorder coverage` shows what is there"
        )
    return planned


def _table(connection: psycopg.Connection[Any], partition: Partition, table: str) -> TableReport:
    span = span_of(partition, table)
    return report_table(connection, span, read_stock(connection, span))


def _what(table: TableReport) -> object:
    """Return what must not have changed; coverage grows as long as the recorder runs."""
    return table.table, table.rows, table.first, table.last, table.holes
