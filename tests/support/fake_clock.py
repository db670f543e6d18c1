"""A clock that only moves when a test moves it."""

import asyncio
import heapq


class FakeClock:
    """Time for tests: `advance` wakes the sleepers whose time has come, in order."""

    def __init__(self, *, start_ns: int = 1_700_000_000_000_000_000) -> None:
        """Start at ``start_ns`` of wall time and 0 s of monotonic time."""
        self._start_ns = start_ns
        self._now_ns = 0
        self._order = 0
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []

    def now_ns(self) -> int:
        """Return wall time, ns."""
        return self._start_ns + self._now_ns

    def monotonic(self) -> float:
        """Return seconds since the start."""
        return self._now_ns / 1e9

    async def sleep(self, seconds: float) -> None:
        """Wait until the test has moved the clock that far."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._order += 1
        heapq.heappush(self._sleepers, (self._now_ns + round(seconds * 1e9), self._order, future))
        await future

    async def settle(self) -> None:
        """Let every task run until it waits for something."""
        for _ in range(50):
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        """Move time on; each sleeper wakes at its own moment."""
        target = self._now_ns + round(seconds * 1e9)
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            self._now_ns, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
            await self.settle()
        self._now_ns = target
