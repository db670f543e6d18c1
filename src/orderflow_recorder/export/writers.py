"""A partition's files, by format."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
import pyarrow as pa

from orderflow_recorder.export import nautilus
from orderflow_recorder.export.book_steps import BookSteps, Step
from orderflow_recorder.export.formats import ExportFormat, NumberKind
from orderflow_recorder.export.hft_events import EventSpool
from orderflow_recorder.export.hftbacktest import spool_book, spool_trades
from orderflow_recorder.export.nautilus_instrument import instrument_id
from orderflow_recorder.export.parquet import write_parquet
from orderflow_recorder.export.request import Partition
from orderflow_recorder.export.rows import TIME_OF, read_rows, schema_of
from orderflow_recorder.postgres.export_reads import (
    Span,
    copy_csv,
    read_listing,
    read_neighbours,
    read_next_snapshot,
    read_opening_book,
    same_moment,
)

_REPORT_EVERY: Final = 10_000
_IDS: Final = {"trades": "trade_id", "agg_trades": "agg_trade_id"}


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A partition to write.

    Attributes:
        connection: At one moment for everything.
        url: Of the same database.
        partition: Which one.
        numbers: How prices and quantities are written.
        work: Folder for unfinished files.
        observe: Told how many more rows are written.
    """

    connection: psycopg.Connection[Any]
    url: str
    partition: Partition
    numbers: NumberKind
    work: Path
    observe: Callable[[int], None]


class Files(msgspec.Struct, frozen=True):
    """Finished files: where each is, and its place below the folder; and what is to be said of them."""

    places: dict[Path, str]
    notes: dict[str, Any]


def write_partition(kind: ExportFormat, job: Job) -> Files:
    """Write the files of a partition.

    Raises:
        ExportError: A number does not fit the format.
        ResearchError: A number does not fit an exact decimal.
        psycopg.Error: The database failed.
        OSError: The disk did.
    """
    match kind:
        case ExportFormat.PARQUET:
            return _parquet(job)
        case ExportFormat.CSV:
            return _csv(job)
        case ExportFormat.HFTBACKTEST:
            return _hftbacktest(job)
        case ExportFormat.NAUTILUS:
            return _nautilus(job)


def span_of(partition: Partition, table: str) -> Span:
    """Return the rows of a table that belong to a partition."""
    return Span(table, TIME_OF[table], partition.market, partition.symbol, partition.start, partition.end)


def _parquet(job: Job) -> Files:
    (table,) = job.partition.tables
    path = job.work / "part-0.parquet"
    with _rows(job, table) as rows:
        write_parquet(path, schema_of(table, job.numbers), rows)
    return Files({path: f"{job.partition.name}/{path.name}"}, {})


def _csv(job: Job) -> Files:
    (table,) = job.partition.tables
    path = job.work / "part-0.csv"
    floats = job.numbers is NumberKind.FLOAT
    with (
        path.open("wb") as file,
        closing(copy_csv(job.connection, span_of(job.partition, table), floats=floats)) as text,
    ):
        for number, piece in enumerate(text):
            file.write(piece)
            if number % _REPORT_EVERY == _REPORT_EVERY - 1:
                job.observe(_REPORT_EVERY)
    return Files({path: f"{job.partition.name}/{path.name}"}, {})


def _hftbacktest(job: Job) -> Files:
    partition = job.partition
    path = job.work / f"{partition.symbol}_{partition.day:%Y%m%d}.npz"
    with closing(EventSpool(job.work / "events")) as spool:
        for table in partition.tables:
            if table == "depth_diffs":
                with _steps(job) as steps:
                    spool_book(spool, steps)
            else:
                with _rows(job, table) as rows:
                    spool_trades(spool, rows)
        events, lowest_latency = spool.pack(path)
    listing = read_listing(job.connection, partition.market, partition.symbol)
    notes = {
        "events": events,
        "lowest_latency_ns": lowest_latency,
        "local_ts_shift_ns": max(0, -lowest_latency),
        "tick_size": listing and listing.tick_size,
        "lot_size": listing and listing.step_size,
    }
    return Files({path: f"{partition.market}/{path.name}"}, notes)


def _nautilus(job: Job) -> Files:
    partition = job.partition
    (table,) = partition.tables
    listing = read_listing(job.connection, partition.market, partition.symbol)
    name = instrument_id(partition.market, partition.symbol, listing)
    folder = nautilus.FOLDERS[table]
    path = job.work / "ticks.parquet"
    precisions = nautilus.precisions_of(listing)
    if table == "depth_diffs":
        with _steps(job) as steps:
            written = nautilus.write_ticks(path, folder, name, precisions, nautilus.book_deltas(steps))
    else:
        with _rows(job, table) as rows:
            ticks = nautilus.trade_ticks(rows, _IDS[table])
            written = nautilus.write_ticks(path, folder, name, precisions, ticks)
    place = f"data/{folder}/{name}/{nautilus.file_name(written)}"
    notes = {"price_precision": written.price_precision, "size_precision": written.size_precision}
    return Files({path: place}, notes)


@contextmanager
def _rows(job: Job, table: str) -> Iterator[Iterator[pa.RecordBatch]]:
    """Give the rows of a table; at the end, whatever it is, the connection is free again."""
    reading = read_rows(job.connection, span_of(job.partition, table), job.numbers)
    # Left to the garbage collector, it would talk to the server in the middle of something else.
    with closing(reading) as batches:
        yield _observed(batches, job.observe)


def _observed(batches: Iterator[pa.RecordBatch], observe: Callable[[int], None]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch
        observe(batch.num_rows)


@contextmanager
def _steps(job: Job) -> Iterator[Iterator[Step]]:
    """Give the life of the book; a second connection answers while the first one streams diffs."""
    span = span_of(job.partition, "depth_diffs")
    with same_moment(job.connection, job.url) as second, _rows(job, "depth_diffs") as rows:
        before, _ = read_neighbours(second, span)
        opening = None if before is None else read_opening_book(second, span, before.position)
        steps = BookSteps(
            span.market, opening, lambda lowest: read_next_snapshot(second, span.market, span.symbol, lowest)
        )
        yield steps.run(rows)
