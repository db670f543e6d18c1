"""Waiting for what a collector says of itself."""

import asyncio
from collections.abc import Callable

from orderflow_recorder.app.health import CollectorHealth


class Reports:
    """Takes the reports of a collector in this process, one a second."""

    def __init__(self) -> None:
        """Have heard nothing yet."""
        self.last = CollectorHealth(pid=0, started_at=0, updated_at=0)
        self._heard = asyncio.Event()

    def publish(self, health: CollectorHealth) -> None:
        """Take a report."""
        self.last = health
        self._heard.set()

    async def until(self, happened: Callable[[], bool], *, within_s: float = 20) -> None:
        """Wait for a report at which it is so."""
        async with asyncio.timeout(within_s):
            while not happened():
                self._heard.clear()
                await self._heard.wait()
