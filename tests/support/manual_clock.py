"""A clock that a test sets."""


class ManualClock:
    """Wall and monotonic time for synchronous code; nothing moves unless the test moves it."""

    def __init__(self, *, start_ns: int = 1_700_000_000_000_000_000) -> None:
        """Start at ``start_ns`` of wall time and 0 s of monotonic time."""
        self._start_ns = start_ns
        self.elapsed_s = 0.0

    def now_ns(self) -> int:
        """Return wall time, ns."""
        return self._start_ns + round(self.elapsed_s * 1e9)

    def monotonic(self) -> float:
        """Return seconds since the start."""
        return self.elapsed_s

    async def sleep(self, seconds: float) -> None:
        """Move time on at once."""
        self.elapsed_s += seconds
