"""An event loop that does not wake up for every packet.

With thousands of packets a second, waking up costs more than what is done then. So a loop that has just been awake
stays asleep for a moment, and finds the packets of all sockets together: their receive time is later by that at
most. A packet that comes after a quiet moment is taken at once, and a loop that has work to do never waits. Nor does
one with fewer packets, whose receive times are worth more than the time saved: each second begins with a look at
how many there are.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

PAUSE_S: Final = 0.002
"""Between two wakings; the clock itself is seldom that good."""

LOOK_EVERY_S: Final = 1.0
LOOK_S: Final = 0.05
"""For so long nothing waits, and wakings are counted."""
MANY: Final = 50
"""Wakings in that time: a thousand a second, above which they cost 5 % of a core."""

ResultT = TypeVar("ResultT")


class PacedSelector(selectors.DefaultSelector):
    """Waits for events like any selector, but where there are many, it pauses after it has waited.

    Args:
        pause_s: The pause, seconds.
        monotonic: Returns seconds.
        sleep: Blocks for so many seconds.
    """

    def __init__(
        self,
        pause_s: float = PAUSE_S,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Wait for nothing yet."""
        super().__init__()
        self._pause_s = pause_s
        self._monotonic = monotonic
        self._sleep = sleep
        self._paused_until = 0.0
        self._look_at = 0.0
        self._look_until = 0.0
        self._wakings = 0
        self._many = False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, waiting up to ``timeout`` seconds for it; none is for ever."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        pause_s = self._pause_left(self._monotonic())
        if timeout is not None:
            pause_s = min(pause_s, timeout)
        if pause_s > 0:
            self._sleep(pause_s)
            timeout = None if timeout is None else timeout - pause_s
        ready = super().select(timeout)
        self._paused_until = self._monotonic() + self._pause_s
        self._wakings += 1
        return ready

    def _pause_left(self, now: float) -> float:
        """Return how many seconds are left of the pause, not above 0 where there is none."""
        if now >= self._look_at:
            self._look_at, self._look_until = now + LOOK_EVERY_S, now + LOOK_S
            self._wakings = 0
        if now < self._look_until:
            return 0.0
        if self._look_until:
            self._many, self._look_until = self._wakings > MANY, 0.0
        return self._paused_until - now if self._many else 0.0


def run_paced(main: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run ``main`` as `asyncio.run` would, on a loop that is paced."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(PacedSelector())) as runner:
        return runner.run(main)
