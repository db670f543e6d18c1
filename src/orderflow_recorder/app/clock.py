"""The clock of the machine."""

import asyncio
import time
from typing import Final

_STEADY: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux stops CLOCK_MONOTONIC while the machine sleeps; the venue's 24 h and its limits go on."""


class SystemClock:
    """Wall time, monotonic time and waiting, as `orderflow_recorder.ports.clock.Clock` asks for."""

    def now_ns(self) -> int:
        """Return wall time, ns since the Unix epoch."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Return seconds that never go back and go on while the machine sleeps."""
        return time.clock_gettime(_STEADY)

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        await asyncio.sleep(seconds)
