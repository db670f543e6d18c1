"""What runs beside the collector: it survives the disk, and never fails in silence."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from loguru import logger

from orderflow_recorder.app.collect import repeat, run_beside
from tests.support.fake_clock import FakeClock


def failing(times: int, error: Exception, calls: list[int]) -> Callable[[], Awaitable[None]]:
    """Return a job that fails so many times and then works."""

    async def job() -> None:
        calls.append(len(calls))
        if len(calls) <= times:
            raise error

    return job


async def test_what_the_disk_refuses_is_logged_and_tried_again_at_the_next_interval() -> None:
    lines: list[str] = []
    handler = logger.add(lines.append, level="WARNING", format="{message}")
    clock, calls = FakeClock(), list[int]()
    task = asyncio.create_task(repeat("old segments stay", failing(2, OSError("read-only"), calls), 60, clock))
    await clock.advance(0)
    assert len(calls) == 1
    await clock.advance(59)
    assert len(calls) == 1
    for expected in (2, 3, 4):
        await clock.advance(60)
        assert len(calls) == expected
    task.cancel()
    logger.remove(handler)
    assert lines == ["old segments stay: read-only; next attempt in 60 s\n"] * 2


async def until(stop: asyncio.Event) -> bool:
    await stop.wait()
    return True


async def test_any_other_error_stops_the_work_cleanly_and_is_raised() -> None:
    stop, calls = asyncio.Event(), list[int]()
    job = repeat("health is not told", failing(1, KeyError("a bug"), calls), 1, FakeClock())
    async with asyncio.timeout(10):
        with pytest.raises(KeyError, match="a bug"):
            await run_beside(until(stop), stop, job)
    assert stop.is_set()


async def test_side_jobs_end_with_the_work_and_its_answer_counts() -> None:
    stop, calls = asyncio.Event(), list[int]()
    clock = FakeClock()
    running = asyncio.create_task(run_beside(until(stop), stop, repeat("", failing(0, OSError(), calls), 1, clock)))
    await clock.advance(3)
    stop.set()
    async with asyncio.timeout(10):
        assert await running is True
    before = len(calls)
    await clock.advance(3)
    assert len(calls) == before == 4


async def test_an_error_of_the_work_is_not_hidden() -> None:
    async def broken() -> bool:
        message = "no room"
        raise OSError(message)

    stop, calls = asyncio.Event(), list[int]()
    with pytest.raises(OSError, match="no room"):
        await run_beside(broken(), stop, repeat("", failing(0, OSError(), calls), 1, FakeClock()))
