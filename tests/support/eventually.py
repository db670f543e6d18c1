"""Waiting for what a running task does."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any


async def eventually(happened: Callable[[], Any], *, within_s: float = 15, what: str) -> Any:  # noqa: ANN401  # its answer
    """Return the first true answer of ``happened``, asked fifty times a second."""
    never = asyncio.Event()
    for _ in range(round(within_s * 50)):
        if answer := happened():
            return answer
        with suppress(TimeoutError):
            await asyncio.wait_for(never.wait(), 0.02)
    message = f"waited {within_s:.0f} s in vain until {what}"
    raise AssertionError(message)
