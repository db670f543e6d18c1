"""How a recorder is: what its processes say, and what arrived in the database last."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import psutil
import psycopg

from orderflow_recorder.app.admin import running_database
from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.health import CollectorHealth, LoaderReport, ProcessHealth, is_fresh, read_health
from orderflow_recorder.app.processes import SUPERVISOR
from orderflow_recorder.app.settings import ALL_SYMBOLS, Settings
from orderflow_recorder.app.shard_health import RECORDING, all_collectors, all_loaders
from orderflow_recorder.app.shards import (
    COLLECTOR,
    collectors,
    health_path,
    journals,
    left_loaders,
    loaders,
    with_journal,
)
from orderflow_recorder.app.storage_status import DiskOutlook, TableStatus, read_outlook, read_tables
from orderflow_recorder.domain.errors import OrderflowError
from orderflow_recorder.journal.retention import JournalSize, journal_size
from orderflow_recorder.postgres.activity import StreamActivity, stream_activity
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.errors import sink_error

_STATEMENT_TIMEOUT: Final = "SET statement_timeout = '10s'"
_ASLEEP: Final = "asleep"
"""Outside of the recording window: wanted, no problem."""

HealthT = TypeVar("HealthT", bound=ProcessHealth)


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A recorder at one moment.

    Attributes:
        instance: Which one.
        time: ns since the epoch.
        problems: What a person should look at; empty if the recorder is well.
        supervisor: Its report, if it runs.
        collector: Its report, if it runs; of several, what they say together.
        loader: The same of the loaders.
        processes: Process id of each collector and loader that runs, by name.
        journal: How much journal there is.
        streams: What arrived last, by symbol and table.
        tables: What the tables take on disk, and how they grow.
        disk: How long the disk lasts.
    """

    instance: str
    time: int
    problems: Sequence[str]
    supervisor: ProcessHealth | None
    collector: CollectorHealth | None
    loader: LoaderReport | None
    processes: Mapping[str, int] = {}
    journal: JournalSize
    streams: Sequence[StreamActivity] = ()
    tables: Sequence[TableStatus] = ()
    disk: DiskOutlook | None = None


def read_status(settings: Settings) -> Status:
    """Return how the recorder of ``settings`` is; changes nothing."""
    now = SystemClock().now_ns()
    supervisor = _living(health_path(settings, SUPERVISOR), ProcessHealth, now)
    collecting = {part.name: _living(part.health_path, CollectorHealth, now) for part in collectors(settings)}
    loading = {part.name: _living(part.health_path, LoaderReport, now) for part in loaders(settings)}
    left = {part.name: _living(part.health_path, LoaderReport, now) for part in left_loaders(settings)}
    problems = list(find_problems(settings.instance_id, supervisor, collecting, loading))
    # Those of journals that were left end by themselves: one that does not run is no problem.
    still = [*loading.values(), *(one for one in left.values() if one is not None)]
    streams: Sequence[StreamActivity] = ()
    tables: Sequence[TableStatus] = ()
    disk: DiskOutlook | None = None
    if settings.db_url or supervisor is not None:
        try:
            streams, tables, disk = _read_database(settings, now)
        except OrderflowError as error:
            problems.append(str(error))
    return Status(
        instance=settings.instance_id,
        time=now,
        problems=problems,
        supervisor=supervisor,
        collector=all_collectors(list(collecting.values()), now),
        loader=all_loaders(still, now),
        processes={name: one.pid for name, one in {**collecting, **loading, **left}.items() if one is not None},
        journal=_journal_size(settings, now),
        streams=streams,
        tables=tables,
        disk=disk,
    )


def find_problems(
    instance: str,
    supervisor: ProcessHealth | None,
    collecting: Mapping[str, CollectorHealth | None],
    loading: Mapping[str, LoaderReport | None],
) -> Iterator[str]:
    """Return what is wrong with a recorder, a line each.

    Args:
        instance: For the text.
        supervisor: Its report, if it runs.
        collecting: The report of each collector there should be, if it runs, by name.
        loading: The same of the loaders.
    """
    if supervisor is None:
        yield f"no recorder with INSTANCE_ID {instance!r} runs on this DATA_DIR"
        return
    for name, collector in collecting.items():
        yield from _collector_problems(name, collector)
    for name, loader in loading.items():
        if loader is None:
            yield f"the {name} does not run"
        elif not loader.figures.connected:
            yield f"the {name} has no database: {loader.last_error or 'it connects'}"


def _collector_problems(name: str, collector: CollectorHealth | None) -> Iterator[str]:
    if collector is None:
        yield f"the {name} does not run"
        return
    whose = "" if name == COLLECTOR else f" ({name})"
    if collector.ingestion not in {RECORDING, _ASLEEP}:
        yield f"the {name} does not record: {collector.ingestion}"
    elif collector.ingestion == RECORDING and collector.connections_open < collector.connections_wanted:
        yield f"sockets: {collector.connections_open} of {collector.connections_wanted} are open{whose}"
    if collector.streams_silent:
        yield f"streams: {collector.streams_silent} of {collector.streams} have not sent what they should{whose}"


def _journal_size(settings: Settings, now_ns: int) -> JournalSize:
    """Return how much there is of all journals together."""
    numbers = journals(settings)
    found = [journal_size(with_journal(settings, one).journal_directory, now_ns=now_ns) for one in numbers]
    return JournalSize(
        segments=sum(one.segments for one in found),
        bytes=sum(one.bytes for one in found),
        oldest_age_s=max((one.oldest_age_s for one in found), default=0),
    )


def _living(path: Path, kind: type[HealthT], now_ns: int) -> HealthT | None:
    """Return the report of a process that is there and wrote it a moment ago."""
    health = read_health(path, kind)
    return health if health is not None and is_fresh(health, now_ns) and psutil.pid_exists(health.pid) else None


def _read_database(
    settings: Settings, now_ns: int
) -> tuple[Sequence[StreamActivity], Sequence[TableStatus], DiskOutlook]:
    named = {*settings.symbols_spot, *settings.symbols_futures}
    symbols = None if ALL_SYMBOLS in named else sorted(named)
    with running_database(settings) as url, connect(url) as connection:
        try:
            connection.execute(_STATEMENT_TIMEOUT)
            tables = read_tables(settings, connection, now_ns)
            return stream_activity(connection, symbols), tables, read_outlook(settings, connection, tables)
        except psycopg.Error as error:
            raise sink_error(error, "database") from error
