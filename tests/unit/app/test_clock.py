"""The machine's clock."""

import time

from orderflow_recorder.app.clock import SystemClock


async def test_it_tells_the_time_in_nanoseconds_and_waits() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.001)
    assert clock.monotonic() > before
    assert abs(clock.now_ns() - time.time_ns()) < 1_000_000_000
