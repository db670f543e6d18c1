"""The machine's clock."""

import sys
import time

import pytest

from orderflow_recorder.app.clock import SystemClock


async def test_it_tells_the_time_in_nanoseconds_and_waits() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.001)
    assert clock.monotonic() > before
    assert abs(clock.now_ns() - time.time_ns()) < 1_000_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="has no clock of that name")
def test_its_seconds_go_on_while_the_machine_sleeps() -> None:
    assert abs(SystemClock().monotonic() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 1
