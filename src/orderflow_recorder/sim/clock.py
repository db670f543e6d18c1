"""The real clock, for a simulator that runs by itself."""

import asyncio
import time


class SystemClock:
    """`ports.clock.Clock` on the operating system's clocks."""

    def now_ns(self) -> int:
        """Return wall time, ns since the Unix epoch."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await asyncio.sleep(seconds)
