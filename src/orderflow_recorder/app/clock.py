"""The clock of the machine."""

import asyncio
import time


class SystemClock:
    """Wall time, monotonic time and waiting, as `orderflow_recorder.ports.clock.Clock` asks for."""

    def now_ns(self) -> int:
        """Return wall time, ns since the Unix epoch."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await asyncio.sleep(seconds)
