"""Blocking work beside the event loop."""

import asyncio
import threading

import pytest

from orderflow_recorder.app.threads import in_thread


async def test_the_result_comes_back_from_another_thread() -> None:
    assert await in_thread(threading.get_ident) != threading.get_ident()


async def test_an_error_comes_back_too() -> None:
    with pytest.raises(ZeroDivisionError):
        await in_thread(lambda: 1 / 0)


async def test_nobody_has_to_wait_for_the_end() -> None:
    release, left = threading.Event(), threading.Event()

    def work() -> None:
        release.wait(10)
        left.set()

    waiting = asyncio.ensure_future(in_thread(work))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()
    assert left.wait(10)
