"""Measures the host's clock against the venue's, and notices when the process stood still.

The judgement is the pure `orderflow_recorder.core.clock_quality`; this asks, logs, and writes the events.
"""

from typing import Final

from loguru import logger

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.core.clock_quality import ClockOffset, ClockSample, ProgressWatch, best_offset
from orderflow_recorder.domain.errors import VenueError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.venue import Venue

LOOK_S: Final = 1.0
MEASURE_S: Final = 600.0
"""The venue's clock is read that often ..."""
SAMPLES: Final = 5
"""... and so many times in a row, of which the quickest counts. Each weighs 1."""


class OffsetWatch:
    """Knows how far the host's clock is from that of one market."""

    def __init__(self, venue: Venue, intake: Intake, clock: Clock) -> None:
        """Know nothing yet."""
        self.offset: ClockOffset | None = None
        self._venue = venue
        self._intake = intake
        self._clock = clock
        self._log = logger.bind(market=str(venue.market))

    async def run(self) -> None:
        """Measure now and every `MEASURE_S`, until cancelled."""
        while True:
            await self._measure()
            await self._clock.sleep(MEASURE_S)

    async def _measure(self) -> None:
        try:
            samples = [await self._sample() for _ in range(SAMPLES)]
        except VenueError as error:
            self._log.warning("the venue's clock could not be read: {}", error)
            return
        self.offset = offset = best_offset(samples)
        detail = {"offset_ms": offset.offset_ms, "round_trip_ms": offset.round_trip_ms}
        self._intake.event(EventKind.CLOCK_OFFSET, market=self._venue.market, detail=detail)
        if offset.is_off:
            self._log.warning(
                "this machine's clock is {:,.0f} ms {} the venue's, and so are all receive times (nothing is lost): "
                "let NTP set it, e.g. install chrony and look at `chronyc tracking`",
                abs(offset.offset_ms),
                "ahead of" if offset.offset_ms > 0 else "behind",
            )

    async def _sample(self) -> ClockSample:
        sent_at, began = self._clock.now_ns(), self._clock.monotonic()
        venue_time = await self._venue.server_time()
        return ClockSample(sent_at, self._clock.monotonic() - began, venue_time)


async def watch_progress(intake: Intake, clock: Clock) -> None:
    """Put on record each time that the process stood still, until cancelled."""
    watch = ProgressWatch(period_s=LOOK_S, now=clock.monotonic())
    while True:
        await clock.sleep(LOOK_S)
        still = watch.on_look(clock.monotonic(), clock.now_ns())
        if still is not None:
            intake.event(EventKind.HOST_ASLEEP, detail={"from_time": still.from_time, "to_time": still.to_time})
            logger.warning(
                "nothing ran for {:.0f} s: this machine was suspended, or far too busy; what was missed is a gap",
                (still.to_time - still.from_time) / 1e9,
            )
