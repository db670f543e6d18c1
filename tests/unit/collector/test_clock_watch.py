"""The clock is measured and told; a process that stood still is on record."""

import asyncio

import pytest
from loguru import logger

from orderflow_recorder.collector.clock_watch import MEASURE_S, OffsetWatch, watch_progress
from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.core.clock_quality import ClockOffset
from orderflow_recorder.domain.errors import VenueUnreachableError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from tests.support.fake_clock import FakeClock
from tests.support.fake_venue import FakeVenue
from tests.support.memory_journal import MemoryJournal

MS = 1_000_000


class Venue(FakeVenue):
    """A venue whose clock is ``ahead_ms`` of ours."""

    def __init__(self, clock: FakeClock, ahead_ms: int) -> None:
        """Follow ``clock``."""
        super().__init__(market=Market.USDM)
        self.clock = clock
        self.ahead_ms = ahead_ms
        self.readings = 0

    async def server_time(self) -> int:
        if self.error is not None:
            raise self.error
        self.readings += 1
        return self.clock.now_ns() + self.ahead_ms * MS


class Bench:
    """A watch on a venue's clock."""

    def __init__(self, *, ahead_ms: int) -> None:
        """Start nothing."""
        self.clock = FakeClock()
        self.journal = MemoryJournal()
        self.intake = Intake(self.journal, self.clock, instance="main", run_id="r")
        self.venue = Venue(self.clock, ahead_ms)
        self.watch = OffsetWatch(self.venue, self.intake, self.clock)
        self.warnings: list[str] = []


@pytest.fixture
def warnings() -> list[str]:
    """Collect what is warned of."""
    lines: list[str] = []
    logger.add(lambda message: lines.append(str(message)), level="WARNING", format="{message}")
    return lines


async def test_the_offset_is_measured_now_and_then_and_is_on_record(warnings: list[str]) -> None:
    bench = Bench(ahead_ms=12)
    running = asyncio.create_task(bench.watch.run())
    await bench.clock.advance(2 * MEASURE_S + 1)
    running.cancel()
    assert bench.watch.offset == ClockOffset(offset_ms=-12.0, round_trip_ms=0.0)
    assert bench.venue.readings == 15
    assert [event.event for event in bench.journal.events] == [EventKind.CLOCK_OFFSET] * 3
    assert bench.journal.events[0].market is Market.USDM
    assert bench.journal.events[0].detail == {"offset_ms": -12.0, "round_trip_ms": 0.0}
    assert warnings == []


@pytest.mark.parametrize(("ahead_ms", "words"), [(1270, "1,270 ms behind"), (-2500, "2,500 ms ahead of")])
async def test_a_clock_that_is_far_off_is_a_warning_that_says_what_to_do(
    warnings: list[str], ahead_ms: int, words: str
) -> None:
    bench = Bench(ahead_ms=ahead_ms)
    running = asyncio.create_task(bench.watch.run())
    await bench.clock.advance(1)
    running.cancel()
    (warning,) = warnings
    assert words in warning
    assert "chrony" in warning


async def test_a_venue_that_does_not_answer_is_asked_again_later() -> None:
    bench = Bench(ahead_ms=0)
    bench.venue.error = VenueUnreachableError("no route to host")
    running = asyncio.create_task(bench.watch.run())
    await bench.clock.advance(1)
    assert bench.watch.offset is None
    bench.venue.error = None
    await bench.clock.advance(MEASURE_S)
    running.cancel()
    assert bench.watch.offset == ClockOffset(offset_ms=0.0, round_trip_ms=0.0)


class SuspendedClock(FakeClock):
    """A clock that goes on while nothing runs."""

    suspended_s = 0.0

    def now_ns(self) -> int:
        return super().now_ns() + round(self.suspended_s * 1e9)

    def monotonic(self) -> float:
        return super().monotonic() + self.suspended_s


async def test_a_host_that_slept_is_on_record_once() -> None:
    clock = SuspendedClock()
    journal = MemoryJournal()
    watching = asyncio.create_task(watch_progress(Intake(journal, clock, instance="main", run_id="r"), clock))
    await clock.advance(10)
    fell_asleep = clock.now_ns()
    clock.suspended_s = 3600.0
    await clock.advance(10)
    watching.cancel()
    (event,) = journal.events
    assert event.event is EventKind.HOST_ASLEEP
    assert event.detail == {"from_time": fell_asleep, "to_time": fell_asleep + 3601 * 1_000_000_000}
