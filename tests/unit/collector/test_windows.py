"""The recording window is kept, also when clocks are set meanwhile, and is on record."""

import asyncio
from datetime import time
from zoneinfo import ZoneInfo

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.collector.windows import WindowKeeper
from orderflow_recorder.core.window import RecordingWindow
from orderflow_recorder.domain.events import EventKind
from tests.support.fake_clock import FakeClock
from tests.support.memory_journal import MemoryJournal

HOUR = 3600 * 1_000_000_000
MIDNIGHT = 1_700_006_400 * 1_000_000_000  # 2023-11-15 00:00 UTC
WINDOW = RecordingWindow(time(9, 30), time(17), end_day_offset=0, zone=ZoneInfo("UTC"))


class Bench:
    """A keeper at some time of the day."""

    def __init__(self, *, hour: float, window: RecordingWindow | None = WINDOW) -> None:
        """Start at ``hour``."""
        self.clock = FakeClock(start_ns=MIDNIGHT + round(hour * HOUR))
        self.journal = MemoryJournal()
        self.keeper = WindowKeeper(window, Intake(self.journal, self.clock, instance="main", run_id="r"), self.clock)


async def test_without_a_window_it_is_always_open() -> None:
    bench = Bench(hour=3, window=None)
    closing = asyncio.create_task(bench.keeper.wait_closed())
    await bench.clock.advance(100)
    assert bench.keeper.is_open()
    assert not closing.done()
    closing.cancel()


async def test_the_window_closes_at_its_end() -> None:
    bench = Bench(hour=16.999)
    closing = asyncio.create_task(bench.keeper.wait_closed())
    await bench.clock.advance(3.5)
    assert not closing.done()
    await bench.clock.advance(0.1)
    assert closing.done()
    assert bench.clock.now_ns() == MIDNIGHT + 17 * HOUR


async def test_sleep_is_on_record_from_its_beginning_to_the_opening() -> None:
    bench = Bench(hour=9.499)
    sleeping = asyncio.create_task(bench.keeper.sleep())
    await bench.clock.advance(3)
    assert bench.keeper.asleep_until == MIDNIGHT + round(9.5 * HOUR)
    await bench.clock.advance(0.6)
    assert sleeping.done()
    closed, opened = bench.journal.events
    assert (closed.event, closed.detail) == (EventKind.WINDOW_CLOSED, {"until": MIDNIGHT + round(9.5 * HOUR)})
    assert (opened.event, opened.detail) == (EventKind.WINDOW_OPENED, {"closed_at": closed.time})
    assert opened.time == MIDNIGHT + round(9.5 * HOUR)


async def test_after_the_opening_it_is_awake() -> None:
    bench = Bench(hour=9.4999)
    sleeping = asyncio.create_task(bench.keeper.sleep())
    await bench.clock.advance(1)
    assert sleeping.done()
    assert bench.keeper.asleep_until is None
    assert bench.keeper.is_open()


async def test_a_sleep_that_was_interrupted_is_one_sleep() -> None:
    bench = Bench(hour=9.499)
    sleeping = asyncio.create_task(bench.keeper.sleep())
    await bench.clock.advance(1)
    sleeping.cancel()
    sleeping = asyncio.create_task(bench.keeper.sleep())
    await bench.clock.advance(3)
    assert sleeping.done()
    closed, opened = bench.journal.events
    assert opened.detail == {"closed_at": closed.time}
