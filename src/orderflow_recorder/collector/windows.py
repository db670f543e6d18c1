"""Keeps the recording window: sleeps outside of it, and says so in the journal.

Boundaries are moments of the wall clock, which may be set and goes on while the host is suspended: so
it is looked at again every second, however far the boundary is.
"""

from datetime import UTC, datetime
from typing import Final

from loguru import logger

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.core.window import RecordingWindow
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.ports.clock import Clock

LOOK_S: Final = 1.0
_NS: Final = 1_000_000_000


class WindowKeeper:
    """Tells when to record.

    Args:
        window: When; none for always.
        intake: Where the events go.
        clock: Time.
    """

    def __init__(self, window: RecordingWindow | None, intake: Intake, clock: Clock) -> None:
        """Be awake."""
        self.asleep_until: int | None = None
        """ns since the epoch, while asleep."""
        self._window = window
        self._intake = intake
        self._clock = clock
        self._closed_at = 0

    def is_open(self) -> bool:
        """Say whether now is a time to record."""
        return self._window is None or self._window.at(self._clock.now_ns()).is_open

    async def wait_closed(self) -> None:
        """Wait until the window closes; for ever where there is none."""
        while self.is_open():
            await self._nap()

    async def sleep(self) -> None:
        """Put on record that recording pauses, wait until the window opens, and put that on record."""
        if self._window is None:
            return
        if self.asleep_until is None:
            self._closed_at = self._clock.now_ns()
            self.asleep_until = self._window.at(self._closed_at).until
            self._intake.event(EventKind.WINDOW_CLOSED, detail={"until": self.asleep_until})
            opens = datetime.fromtimestamp(self.asleep_until // _NS, UTC).astimezone(self._window.zone)
            logger.info("outside of the recording window: asleep until {:%Y-%m-%d %H:%M %Z}", opens)
        while not self.is_open():
            await self._nap()
        self._intake.event(EventKind.WINDOW_OPENED, detail={"closed_at": self._closed_at})
        logger.info("the recording window opens")
        self.asleep_until = None

    async def _nap(self) -> None:
        seconds = LOOK_S
        if self._window is not None:
            now = self._clock.now_ns()
            seconds = min(seconds, (self._window.at(now).until - now) / _NS)
        await self._clock.sleep(seconds)
