"""Composes the forwarder: the spool, the journal's server, and what it says of itself."""

import asyncio
import os
import random
from collections.abc import Callable

from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.collect import HEALTH_S, repeat, run_beside
from orderflow_recorder.app.health import ForwarderHealth
from orderflow_recorder.app.loader_journal import SERVER_BACKOFF_MAX_S, SERVER_BACKOFF_S
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.shards import sinks
from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.journal.jetstream.forwarder import Forwarder, ForwarderFigures


async def run_forwarder(settings: Settings, stop: asyncio.Event, publish: Callable[[ForwarderHealth], None]) -> None:
    """Publish this instance's journal until ``stop`` is set and its end is on the server.

    Args:
        settings: Where journal and server are.
        stop: Set to end cleanly.
        publish: Takes the health once a second.
    """
    clock = SystemClock()
    started_at = clock.now_ns()
    figures = ForwarderFigures()

    def observe(newest: ForwarderFigures) -> None:
        nonlocal figures
        figures = newest

    async def tell() -> None:
        publish(
            ForwarderHealth(
                pid=os.getpid(),
                started_at=started_at,
                updated_at=clock.now_ns(),
                last_error=figures.last_error,
                figures=figures,
            )
        )

    forwarder = Forwarder(
        settings.journal_directory,
        url=settings.journal_url,
        instance=settings.instance_id,
        clock=clock,
        backoff=Backoff(SERVER_BACKOFF_S, SERVER_BACKOFF_MAX_S, random.random),
        retention_hours=settings.journal_retention_hours,
        sinks=sinks(settings),
        observe=observe,
    )

    async def forward() -> bool:
        await forwarder.run(stop)
        return True

    await run_beside(forward(), stop, repeat("health is not told", tell, HEALTH_S, clock))
