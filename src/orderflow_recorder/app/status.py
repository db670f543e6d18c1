"""How a recorder is: what its processes say, and what arrived in the database last."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

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
from orderflow_recorder.app.processes import COLLECTOR, FORWARDER, LOADER, SUPERVISOR, health_path
from orderflow_recorder.app.settings import ALL_SYMBOLS, Settings
from orderflow_recorder.app.storage_status import DiskOutlook, TableStatus, read_outlook, read_tables
from orderflow_recorder.domain.errors import OrderflowError
from orderflow_recorder.journal.retention import JournalSize, journal_size
from orderflow_recorder.postgres.activity import StreamActivity, stream_activity
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.errors import sink_error

_STATEMENT_TIMEOUT: Final = "SET statement_timeout = '10s'"
_RECORDING: Final = "recording"
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
        collector: Its report, if it runs.
        forwarder: Its report, if it runs.
        loader: Its report, if it runs.
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
    journal: JournalSize
    streams: Sequence[StreamActivity] = ()
    tables: Sequence[TableStatus] = ()
    disk: DiskOutlook | None = None


def read_status(settings: Settings) -> Status:
    """Return how the recorder of ``settings`` is; changes nothing."""
    now = SystemClock().now_ns()
    supervisor = _living(settings, SUPERVISOR, SupervisorHealth, now)
    collector = _living(settings, COLLECTOR, CollectorHealth, now)
    forwarder = _living(settings, FORWARDER, ForwarderHealth, now)
    loader = _living(settings, LOADER, LoaderReport, now)
    problems = list(find_problems(settings.instance_id, supervisor, collector, loader, forwarder))
    streams: Sequence[StreamActivity] = ()
    tables: Sequence[TableStatus] = ()
    disk: DiskOutlook | None = None
    if settings.db_url or (supervisor is not None and LOADER in supervisor.parts):
        try:
            streams, tables, disk = _read_database(settings, now)
        except OrderflowError as error:
            problems.append(str(error))
    return Status(
        instance=settings.instance_id,
        time=now,
        problems=problems,
        supervisor=supervisor,
        collector=collector,
        forwarder=forwarder,
        loader=loader,
        journal=journal_size(settings.journal_directory, now_ns=now),
        streams=streams,
        tables=tables,
        disk=disk,
    )


def only_half(supervisor: SupervisorHealth) -> str | None:
    """Return which half of a recorder runs here alone; none if both do."""
    halves = [half for half, part in (("collector", COLLECTOR), ("loader", LOADER)) if part in supervisor.parts]
    return halves[0] if len(halves) == 1 else None


def find_problems(
    instance: str,
    supervisor: SupervisorHealth | None,
    collector: CollectorHealth | None,
    loader: LoaderReport | None,
    forwarder: ForwarderHealth | None = None,
) -> Iterator[str]:
    """Return what is wrong with a recorder, a line each.

    Args:
        instance: For the text.
        supervisor: Its report, if it runs.
        collector: Its report, if it runs.
        loader: Its report, if it runs.
        forwarder: Its report, if it runs.
    """
    if supervisor is None:
        yield f"no recorder with INSTANCE_ID {instance!r} runs on this DATA_DIR"
        return
    running = {COLLECTOR: collector, FORWARDER: forwarder, LOADER: loader}
    for part in supervisor.parts:
        if running.get(part) is None:
            yield f"the {part.partition('-')[0]} does not run"
    if collector is not None:
        yield from _collector_problems(collector)
    if forwarder is not None and not forwarder.figures.connected:
        yield f"the journal is not published: {forwarder.last_error or 'the forwarder connects'}"
    if loader is not None and not loader.figures.connected:
        yield f"the loader has no database: {loader.last_error or 'it connects'}"
    if loader is not None and loader.journal_error:
        yield f"the loader has no journal: {loader.journal_error}"


def _collector_problems(collector: CollectorHealth) -> Iterator[str]:
    if collector.ingestion not in {_RECORDING, _ASLEEP}:
        yield f"the collector does not record: {collector.ingestion}"
    elif collector.ingestion == _RECORDING and collector.connections_open < collector.connections_wanted:
        yield f"sockets: {collector.connections_open} of {collector.connections_wanted} are open"
    if collector.streams_silent:
        yield f"streams: {collector.streams_silent} of {collector.streams} have not sent what they should"


def _living(settings: Settings, process: str, kind: type[HealthT], now_ns: int) -> HealthT | None:
    """Return the report of a process that is there and wrote it a moment ago."""
    health = read_health(health_path(settings, process), kind)
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
