"""Time, passed in."""

from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time, and waiting."""

    def now_ns(self) -> int:
        """Return wall time, ns since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, and go on while the machine sleeps."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that many seconds."""
        ...
