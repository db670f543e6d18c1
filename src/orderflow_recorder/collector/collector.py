"""The collector's run: all markets into one journal, flushed, synced, and stopped cleanly."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Final

import msgspec
from loguru import logger

from orderflow_recorder.collector.clock_watch import watch_progress
from orderflow_recorder.collector.intake import Counters, Intake
from orderflow_recorder.collector.market_client import MarketClient, MarketStats
from orderflow_recorder.collector.windows import WindowKeeper
from orderflow_recorder.core.window import RecordingWindow
from orderflow_recorder.domain.errors import DiskFullError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.journal import JournalWriter

RESUME_POLL_S: Final = 1.0
"""A full disk is looked at again that often."""


class CollectorStats(msgspec.Struct, frozen=True):
    """How the collector does right now."""

    state: str
    """``recording``, ``asleep``, ``disk full`` or ``stopped``."""
    asleep_until: int | None
    """When the recording window opens, ns since the epoch; none while it is open."""
    counters: Counters
    markets: Mapping[str, MarketStats]
    last_error: str | None


class Collector:
    """Records every market of ``clients`` until told to stop.

    Args:
        clients: One per market.
        writer: The journal.
        intake: The way into it (same writer).
        clock: Time.
        flush_s: The journal is flushed that often.
        fsync_s: And made durable that often.
        run_detail: What `RUN_STARTED` says: version, settings without secrets.
        window: When to record; none for always.
    """

    def __init__(
        self,
        clients: Sequence[MarketClient],
        writer: JournalWriter,
        intake: Intake,
        clock: Clock,
        *,
        flush_s: float,
        fsync_s: float,
        run_detail: Mapping[str, Any],
        window: RecordingWindow | None = None,
    ) -> None:
        """Connect nothing yet."""
        self._clients = clients
        self._writer = writer
        self._intake = intake
        self._clock = clock
        self._flush_s = flush_s
        self._fsync_s = fsync_s
        self._run_detail = run_detail
        self._window = WindowKeeper(window, intake, clock)
        self._state = "recording"
        self._last_error: str | None = None

    def stats(self) -> CollectorStats:
        """Return how the collector does."""
        markets = {str(client.plan.market): client.stats() for client in self._clients}
        errors = [market.last_error for market in markets.values() if market.last_error]
        return CollectorStats(
            state=self._state,
            asleep_until=self._window.asleep_until,
            counters=self._intake.counters,
            markets=markets,
            last_error=self._last_error or (errors[0] if errors else None),
        )

    async def run(self, stop: asyncio.Event) -> bool:
        """Record until ``stop`` is set, then close sockets and journal.

        Returns:
            False where it was stopped while the disk was full, true otherwise.
        """
        stopping = asyncio.create_task(stop.wait())
        try:
            started = False
            while not stop.is_set():
                try:
                    if not started:
                        self._begin()
                        started = True
                    if self._window.is_open():
                        await self._record(stopping)
                    else:
                        await self._sleep(stopping)
                except* DiskFullError as errors:
                    await self._wait_for_room(_first(errors), stop, stopping)
            return self._end()
        finally:
            stopping.cancel()
            self._writer.close()

    def _begin(self) -> None:
        self._intake.event(EventKind.RUN_STARTED, detail=self._run_detail)
        self._writer.flush()

    def _end(self) -> bool:
        room = self._state != "disk full"
        self._state = "stopped"
        if room:
            try:
                self._intake.event(EventKind.RUN_STOPPED, detail={"reason": "asked to stop"})
                self._writer.flush()
            except DiskFullError as error:
                logger.error("{}", error)
                return False
        return room

    async def _record(self, stopping: asyncio.Task[bool]) -> None:
        self._state = "recording"
        clients = [client.run() for client in self._clients]
        await self._run_beside_journal(
            stopping, *clients, watch_progress(self._intake, self._clock), self._window.wait_closed()
        )

    async def _sleep(self, stopping: asyncio.Task[bool]) -> None:
        self._state = "asleep"
        await self._run_beside_journal(stopping, self._window.sleep())

    async def _run_beside_journal(self, stopping: asyncio.Task[bool], *jobs: Coroutine[Any, Any, None]) -> None:
        """Run ``jobs`` until one ends, until asked to stop or until the disk is full; keep the journal meanwhile."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(job) for job in (*jobs, self._flush(), self._sync())]
                await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
                # First what is in hand: sockets may take their time to close.
                self._writer.flush()
                for task in tasks:
                    task.cancel()
        finally:
            self._writer.flush()

    async def _flush(self) -> None:
        while True:
            await self._clock.sleep(self._flush_s)
            self._writer.flush()

    async def _sync(self) -> None:
        while True:
            await self._clock.sleep(self._fsync_s)
            # fsync may take long on a busy disk: the sockets must be read meanwhile.
            await asyncio.to_thread(self._writer.sync)

    async def _wait_for_room(self, error: DiskFullError, stop: asyncio.Event, stopping: asyncio.Task[bool]) -> None:
        stopped_at = self._clock.now_ns()
        self._state, self._last_error = "disk full", str(error)
        logger.error("{}", error)
        detail = {"path": error.path, "free_bytes": error.free_bytes, "needed_bytes": error.needed_bytes}
        self._intake.last_words(EventKind.DISK_FULL, detail)
        while not stop.is_set():
            nap = asyncio.create_task(self._clock.sleep(RESUME_POLL_S))
            await asyncio.wait([nap, stopping], return_when=asyncio.FIRST_COMPLETED)
            nap.cancel()
            if not stop.is_set() and self._writer.resume():
                self._state, self._last_error = "recording", None
                logger.warning("there is room on the disk again: recording goes on")
                self._intake.event(EventKind.INGESTION_RESUMED, detail={"stopped_at": stopped_at})
                return


def _first(errors: BaseExceptionGroup[DiskFullError]) -> DiskFullError:
    """Return one error of a group that may be nested."""
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise ValueError("an exception group is never empty")
