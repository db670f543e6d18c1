"""An event loop that does not wake up for every packet.

With thousands of packets a second, waking up costs more than what is done then. So a loop that has just been awake
stays asleep for a moment, and finds the packets of all sockets together: their receive time is later by that at
most. A packet that comes after a quiet moment is taken at once, and a loop that has work to do never waits.
"""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

PAUSE_S: Final = 0.002
"""Between two wakings; the clock itself is seldom that good."""

ResultT = TypeVar("ResultT")


class PacedSelector(selectors.DefaultSelector):
    """Waits for events like any selector, but starts to wait no sooner than a pause after it has waited.

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

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, waiting up to ``timeout`` seconds for it; none is for ever."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        pause_s = self._paused_until - self._monotonic()
        if timeout is not None:
            pause_s = min(pause_s, timeout)
        if pause_s > 0:
            self._sleep(pause_s)
            timeout = None if timeout is None else timeout - pause_s
        ready = super().select(timeout)
        self._paused_until = self._monotonic() + self._pause_s
        return ready


def run_paced(main: Coroutine[Any, Any, ResultT]) -> ResultT:
    """Run ``main`` as `asyncio.run` would, on a loop that is paced."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(PacedSelector())) as runner:
        return runner.run(main)
