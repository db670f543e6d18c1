"""How a recorder is: what its processes say, and what arrived in the database last."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

import msgspec
import psutil
import psycopg

from orderflow_recorder.app.admin import running_database
from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.health import (
    CollectorHealth,
    ForwarderHealth,
    LoaderReport,
    ProcessHealth,
    SupervisorHealth,
    is_fresh,
    read_health,
)
from orderflow_recorder.app.processes import SUPERVISOR
from orderflow_recorder.app.settings import ALL_SYMBOLS, Settings
from orderflow_recorder.app.shard_health import RECORDING, all_collectors, all_loaders
from orderflow_recorder.app.shards import (
    COLLECTOR,
    FORWARDER,
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


Stored: TypeAlias = tuple[Sequence[StreamActivity], Sequence[TableStatus], DiskOutlook]
"""What the database says."""


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """A recorder at one moment.

    Attributes:
        instance: Which one.
        time: ns since the epoch.
        problems: What a person should look at; empty if the recorder is well.
        supervisor: Its report, if it runs.
        collector: Its report, if it runs; of several, what they say together.
        forwarder: Its report, if it runs.
        loader: The same of the loaders.
        processes: Process id of each collector, forwarder and loader that runs, by name.
        journal: How much journal there is.
        streams: What arrived last, by symbol and table.
        tables: What the tables take on disk, and how they grow.
        disk: How long the disk lasts.
    """

    instance: str
    time: int
    problems: Sequence[str]
    supervisor: SupervisorHealth | None
    collector: CollectorHealth | None
    forwarder: ForwarderHealth | None = None
    loader: LoaderReport | None
    processes: Mapping[str, int] = {}
    journal: JournalSize
    streams: Sequence[StreamActivity] = ()
    tables: Sequence[TableStatus] = ()
    disk: DiskOutlook | None = None


def read_status(settings: Settings, stored: Callable[[Settings, int], Stored] | None = None) -> Status:
    """Return how the recorder of ``settings`` is; changes nothing.

    Args:
        settings: Of the recorder.
        stored: Reads the database; none: `read_stored`.
    """
    now = SystemClock().now_ns()
    supervisor = _living(health_path(settings, SUPERVISOR), SupervisorHealth, now)
    collecting = {part.name: _living(part.health_path, CollectorHealth, now) for part in collectors(settings)}
    forwarder = _living(health_path(settings, FORWARDER), ForwarderHealth, now)
    loading = {part.name: _living(part.health_path, LoaderReport, now) for part in loaders(settings)}
    left = {part.name: _living(part.health_path, LoaderReport, now) for part in left_loaders(settings)}
    problems = list(find_problems(settings.instance_id, supervisor, collecting, loading, forwarder))
    # Those of journals that were left end by themselves: one that does not run is no problem.
    still = [*loading.values(), *(one for one in left.values() if one is not None)]
    processes = {**collecting, FORWARDER: forwarder, **loading, **left}
    streams: Sequence[StreamActivity] = ()
    tables: Sequence[TableStatus] = ()
    disk: DiskOutlook | None = None
    if settings.db_url or (supervisor is not None and only_half(supervisor) != COLLECTOR):
        try:
            streams, tables, disk = (stored or read_stored)(settings, now)
        except OrderflowError as error:
            problems.append(str(error))
    return Status(
        instance=settings.instance_id,
        time=now,
        problems=problems,
        supervisor=supervisor,
        collector=all_collectors(list(collecting.values()), now),
        forwarder=forwarder,
        loader=all_loaders(still, now),
        processes={name: one.pid for name, one in processes.items() if one is not None},
        journal=_journal_size(settings, now),
        streams=streams,
        tables=tables,
        disk=disk,
    )


def only_half(supervisor: SupervisorHealth) -> str | None:
    """Return which half of a recorder runs here alone; none if both do."""
    halves = [half for half in (COLLECTOR, "loader") if any(part.startswith(half) for part in supervisor.parts)]
    return halves[0] if len(halves) == 1 else None


def find_problems(
    instance: str,
    supervisor: SupervisorHealth | None,
    collecting: Mapping[str, CollectorHealth | None],
    loading: Mapping[str, LoaderReport | None],
    forwarder: ForwarderHealth | None = None,
) -> Iterator[str]:
    """Return what is wrong with a recorder, a line each.

    Args:
        instance: For the text.
        supervisor: Its report, if it runs.
        collecting: The report of each collector there should be, if it runs, by name.
        loading: The same of the loaders.
        forwarder: Its report, if it runs.
    """
    if supervisor is None:
        yield f"no recorder with INSTANCE_ID {instance!r} runs on this DATA_DIR"
        return
    running = {**collecting, FORWARDER: forwarder, **loading}
    for name in supervisor.parts:
        if name in running and running[name] is None:
            yield f"the {name} does not run"
    for name, collector in collecting.items():
        if collector is not None:
            yield from _collector_problems(name, collector)
    if forwarder is not None and not forwarder.figures.connected:
        yield f"the journal is not published: {forwarder.last_error or 'the forwarder connects'}"
    for name, loader in loading.items():
        if loader is not None and not loader.figures.connected:
            yield f"the {name} has no database: {loader.last_error or 'it connects'}"
        if loader is not None and loader.journal_error:
            yield f"the {name} has no journal: {loader.journal_error}"


def _collector_problems(name: str, collector: CollectorHealth) -> Iterator[str]:
    whose = "" if name == COLLECTOR else f" ({name})"
    if collector.ingestion not in {RECORDING, _ASLEEP}:
        yield f"the {name} does not record: {collector.ingestion}"
    elif collector.ingestion == RECORDING and collector.connections_open < collector.connections_wanted:
        yield f"sockets: {collector.connections_open} of {collector.connections_wanted} are open{whose}"
    if collector.wishes_error:
        yield f"streams that were asked for{whose}: {collector.wishes_error}"
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


def read_stored(settings: Settings, now_ns: int) -> Stored:
    """Return what arrived in the database last, what its tables take, and how long the disk lasts.

    Args:
        settings: Where the database is.
        now_ns: Wall time, ns since the epoch.

    Raises:
        OrderflowError: The database is away, or refuses.
    """
    named = {*settings.symbols_spot, *settings.symbols_futures}
    symbols = None if ALL_SYMBOLS in named else sorted(named)
    with running_database(settings) as url, connect(url) as connection:
        try:
            connection.execute(_STATEMENT_TIMEOUT)
            tables = read_tables(settings, connection, now_ns)
            return stream_activity(connection, symbols), tables, read_outlook(settings, connection, tables)
        except psycopg.Error as error:
            raise sink_error(error, "database") from error
