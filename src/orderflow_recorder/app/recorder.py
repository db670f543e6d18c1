"""The recorder: checks, database, collector and loader, from start to clean stop."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from typing import Final, TypeAlias

from loguru import logger
from rich.console import Console
from rich.live import Live
from rich.text import Text

from orderflow_recorder import __version__
from orderflow_recorder.app import logs
from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.database import database
from orderflow_recorder.app.health import CollectorHealth, LoaderReport, SupervisorHealth, read_health
from orderflow_recorder.app.health_port import health_port
from orderflow_recorder.app.journals import keep_left_journals, prepare_journals
from orderflow_recorder.app.preflight import (
    JOURNAL_PATIENCE_S,
    VENUE_PATIENCE_S,
    check_journal,
    check_venue,
    has_recorded,
    lock_instance,
    prepare_folders,
)
from orderflow_recorder.app.processes import SUPERVISOR, publisher
from orderflow_recorder.app.settings import Settings, unknown_names
from orderflow_recorder.app.shard_health import all_collectors, all_loaders
from orderflow_recorder.app.shards import COLLECTOR, FORWARDER, LOADER, collectors, left_loaders, loaders
from orderflow_recorder.app.status_line import status_lines
from orderflow_recorder.app.storage import keep_storage
from orderflow_recorder.app.supervisor import EXIT_FAILED, ChildSpec, Supervisor
from orderflow_recorder.domain.errors import OrderflowError, SettingsError

Show: TypeAlias = Callable[[CollectorHealth | None, LoaderReport | None], None]
"""Takes the newest health of collector and loader; either may be missing or old."""

COLLECTOR_DRAIN_S: Final = 3.0
FORWARDER_DRAIN_S: Final = 0.5
LOADER_DRAIN_S: Final = 4.5
"""With the embedded server's stop, a recorder is gone within 10 s of SIGTERM, whatever happens."""

_LOG_EVERY: Final = 60
_TICK_S: Final = 1.0


class Half(StrEnum):
    """What may run on a machine of its own."""

    COLLECTOR = "collector"
    LOADER = "loader"


class Recorder:
    """One recorder: `run` starts it and returns when it has stopped.

    Args:
        settings: What to record, and where to.
        only: The half of it that runs; none for both.
        take_line: Takes the children's log lines; none lets them write to standard error.
        show: Takes the newest health of collector and loader, once a second.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        only: Half | None = None,
        take_line: Callable[[str], None] | None = None,
        show: Show,
    ) -> None:
        """Start nothing yet."""
        self._settings = settings
        self._only = only
        self._take_line = take_line
        self._show = show
        self._stop = asyncio.Event()
        self._supervisor: Supervisor | None = None
        self._clock = SystemClock()

    def stop(self) -> None:
        """Stop cleanly; a second call kills what has not stopped yet."""
        if self._stop.is_set() and self._supervisor is not None:
            self._supervisor.hurry()
        self._stop.set()

    async def run(self) -> None:
        """Record until `stop`.

        Raises:
            OrderflowError: Something does not hold that must; the text says what to do.
        """
        recording = asyncio.create_task(self._record())
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait([recording, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if self._supervisor is None and not recording.done():
            recording.cancel()
        with suppress(asyncio.CancelledError):
            await recording

    async def _record(self) -> None:
        settings = self._settings
        prepare_folders(settings)
        lock = lock_instance(settings)
        try:
            async with health_port(settings, self._clock) as read_ledger:
                await self._record_in(read_ledger)
        finally:
            lock.release()

    async def _record_in(self, read_ledger: Callable[[str], None]) -> None:
        settings, only = self._settings, self._only
        loaded = [part.health_path for part in loaders(settings)]
        lenient = has_recorded(settings) or (only is Half.LOADER and any(path.is_file() for path in loaded))
        await check_journal(settings, patience_s=JOURNAL_PATIENCE_S, lenient=lenient)
        if only is not Half.LOADER:
            await prepare_journals(settings, self._clock)
            await check_venue(settings, patience_s=VENUE_PATIENCE_S, lenient=lenient)
        if only is Half.COLLECTOR:
            await self._keep_children(settings.db_url)
            return
        async with database(settings, lenient=lenient) as url:
            read_ledger(url)
            keeping = asyncio.create_task(keep_storage(settings, url, self._clock))
            tidying = asyncio.create_task(keep_left_journals(settings, self._clock))
            try:
                await self._keep_children(url)
            finally:
                keeping.cancel()
                tidying.cancel()

    async def _keep_children(self, url: str) -> None:
        specs = children(self._settings, url, self._only)
        self._supervisor = Supervisor(specs, take_line=self._take_line)
        watching = asyncio.create_task(self._watch(tuple(spec.name for spec in specs)))
        try:
            await self._supervisor.run(self._stop)
        finally:
            watching.cancel()

    async def _watch(self, parts: tuple[str, ...]) -> None:
        """Show how the children are, and say that the supervisor itself is well."""
        settings = self._settings
        publish = publisher(settings, SUPERVISOR)
        started_at = self._clock.now_ns()
        while True:
            now = self._clock.now_ns()
            publish(SupervisorHealth(pid=os.getpid(), started_at=started_at, updated_at=now, parts=parts))
            collecting = [read_health(part.health_path, CollectorHealth) for part in collectors(settings)]
            loading = [read_health(part.health_path, LoaderReport) for part in loaders(settings)]
            self._show(all_collectors(collecting, now), all_loaders(loading, now))
            await self._clock.sleep(_TICK_S)


def _require_whole(settings: Settings, only: Half | None) -> None:
    """Refuse a collector alone that nobody could load from: the files of this machine have no reader then.

    Raises:
        SettingsError: That is asked for.
    """
    if only is Half.COLLECTOR and not settings.journal_url:
        msg = (
            "JOURNAL_URL: expected a server such as nats://host:4222, because with --only collector another machine "
            "loads, got none"
        )
        raise SettingsError(msg)


def children(settings: Settings, url: str, only: Half | None = None) -> list[ChildSpec]:
    """Return the processes of a recorder, in the order in which they stop.

    Args:
        settings: Handed down to them as environment variables.
        url: Of the database; it goes the same way, where other users of the machine cannot read it.
        only: The half of them that runs here; none for both.
    """
    environment = {**os.environ, **settings.environment(), "DB_URL": url}

    def child(name: str, *arguments: str, drain_s: float, stage: str, finite: bool = False) -> ChildSpec:
        command = (sys.executable, "-m", "orderflow_recorder", *arguments)
        return ChildSpec(name, command, environment, drain_s, stage=stage, finite=finite)

    found = []
    if only is not Half.LOADER:
        for part in collectors(settings):
            arguments = ("_collect", "--shard", str(part.number))
            found.append(child(part.name, *arguments, drain_s=COLLECTOR_DRAIN_S, stage=COLLECTOR))
        if settings.journal_url:
            found.append(child(FORWARDER, "_forward", drain_s=FORWARDER_DRAIN_S, stage=FORWARDER))
    for part in [] if only is Half.COLLECTOR else [*loaders(settings), *left_loaders(settings)]:
        which = ("--journal", str(part.number), "--shard", str(part.shard.number))
        left = part.number > settings.collector_shards
        found.append(child(part.name, "_load", *which, drain_s=LOADER_DRAIN_S, stage=LOADER, finite=left))
    return found


def run(settings: Settings, only: Half | None = None) -> int:
    """Record, or do half of it, until SIGTERM, SIGINT or SIGHUP, and return the exit code; what ``run`` does."""
    _require_whole(settings, only)
    with _screen(settings, only) as (take_line, show):
        logger.info("orderflow-recorder {}: {}", __version__, _plan(settings))
        for line in unknown_names():
            logger.warning("{}", line)
        try:
            asyncio.run(_until_signal(settings, only, take_line, show))
        except OrderflowError as error:
            logger.opt(exception=settings.log_level in {"TRACE", "DEBUG"}).error("{}", error)
            return EXIT_FAILED
        logger.info("stopped")
        return 0


async def _until_signal(
    settings: Settings, only: Half | None, take_line: Callable[[str], None] | None, show: Show
) -> None:
    recorder = Recorder(settings, only=only, take_line=take_line, show=show)
    stop_on_signals(recorder)
    await recorder.run()


def stop_on_signals(recorder: Recorder) -> None:
    """Stop ``recorder`` on SIGTERM, SIGINT and SIGHUP; the second signal does not wait."""
    loop = asyncio.get_running_loop()

    def stop(name: str) -> None:
        logger.info("{}: stopping", name)
        recorder.stop()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stop, number.name)


@contextmanager
def _screen(settings: Settings, only: Half | None) -> Iterator[tuple[Callable[[str], None] | None, Show]]:
    """Set logs up, with a live status below them on a terminal and a line a minute elsewhere."""

    def configure(write: Callable[[str], None] | None) -> None:
        logs.configure(
            process=SUPERVISOR,
            level=settings.log_level,
            log_format=settings.log_format,
            directory=settings.log_dir,
            instance=settings.instance_id,
            write=write,
        )

    if settings.log_format == "json" or not sys.stderr.isatty():
        configure(None)
        yield None, _Periodic(only).show
        return
    console = Console(stderr=True, highlight=False)

    def take_line(line: str) -> None:
        console.print(Text(line.rstrip("\n")), soft_wrap=True)

    with Live(console=console, auto_refresh=False, transient=True) as live:

        def show(collector: CollectorHealth | None, loader: LoaderReport | None) -> None:
            text = "\n".join(status_lines(collector, loader, time.time_ns(), only=only))
            live.update(Text(text, style="bold", overflow="ellipsis"), refresh=True)

        configure(take_line)
        try:
            yield take_line, show
        finally:
            configure(None)


class _Periodic:
    """Logs the status once a minute."""

    def __init__(self, only: Half | None) -> None:
        self._only = only
        self._calls = 0

    def show(self, collector: CollectorHealth | None, loader: LoaderReport | None) -> None:
        self._calls += 1
        if self._calls % _LOG_EVERY == 0:
            lines = status_lines(collector, loader, time.time_ns(), only=self._only)
            logger.info("{}", " | ".join(" ".join(line.split()) for line in lines))


def _plan(settings: Settings) -> str:
    """Return what is recorded, in one line."""
    return "; ".join(
        f"{market} {', '.join(settings.symbols(market)[:5])}"
        f"{f' and {len(settings.symbols(market)) - 5} more' if len(settings.symbols(market)) > 5 else ''}"  # noqa: PLR2004  # as above
        f" ({', '.join(settings.streams(market))})"
        for market in settings.markets
    )
