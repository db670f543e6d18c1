"""The loop that plays a source: waits for listeners, keeps the pace, tells the truth, applies faults."""

import asyncio
from collections.abc import Awaitable
from typing import Final

from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.sim.faults import StreamFaults
from orderflow_recorder.sim.frames import split_stream
from orderflow_recorder.sim.hub import Hub
from orderflow_recorder.sim.source import Source
from orderflow_recorder.sim.truth import Truth

_YIELD_EVERY: Final = 32
"""Frames sent without waiting before other tasks get their turn."""
_EARLY_S: Final = 0.001
"""A frame that is due sooner than this is sent now: timers are no finer."""
SETTLE_S: Final = 1.0
"""Playback begins when no new subscription came for this long, so that nobody misses the first frames."""


class Playback:
    """Plays a source once."""

    def __init__(self, *, source: Source, hub: Hub, truth: Truth, faults: StreamFaults, clock: Clock) -> None:
        """Take the parts; nothing runs before `run`."""
        self.played = 0
        """ns of the source's time."""
        self.frames = 0
        self.started = asyncio.Event()
        self.finished = asyncio.Event()
        self._source = source
        self._hub = hub
        self._truth = truth
        self._faults = faults
        self._clock = clock
        self._begin = asyncio.Event()
        self._running = asyncio.Event()
        self._running.set()
        self._paused_at = 0.0
        self._origin = 0.0

    def start(self) -> None:
        """Begin without waiting for listeners any longer."""
        self._begin.set()

    def pause(self) -> None:
        """Stand still."""
        if self._running.is_set():
            self._running.clear()
            self._paused_at = self._clock.monotonic()

    def resume(self) -> None:
        """Go on from where it stood."""
        if not self._running.is_set():
            self._origin += self._clock.monotonic() - self._paused_at
            self._running.set()

    @property
    def is_paused(self) -> bool:
        """Say whether it stands still."""
        return not self._running.is_set()

    async def run(self, speed: float, *, wait: bool) -> None:
        """Play.

        Args:
            speed: Source seconds per second; 0 is as fast as clients take it.
            wait: Begin only when every market has a subscriber, or at `start`.
        """
        if wait:
            await self._wait_for_subscribers()
        self.started.set()
        self._origin = self._clock.monotonic()
        for frame in self._source.frames(self._clock.now_ns(), self._hub.wanted):
            await self._keep_pace(frame.at / 1e9, speed)
            self._truth.apply(frame)
            self.played = frame.at
            self.frames += 1
            if self._source.is_trading(frame.market, split_stream(frame.stream)[0]):
                for delivery in self._faults.apply(frame, self._clock.monotonic()):
                    await self._hub.deliver(delivery)
            if self.frames % _YIELD_EVERY == 0:
                await asyncio.sleep(0)
        for delivery in self._faults.flush():
            await self._hub.deliver(delivery)
        self.finished.set()

    async def _keep_pace(self, at: float, speed: float) -> None:
        await self._running.wait()
        while speed > 0:
            ahead = at / speed - (self._clock.monotonic() - self._origin)
            if ahead < _EARLY_S:
                break
            await self._clock.sleep(ahead)
            await self._running.wait()

    async def _wait_for_subscribers(self) -> None:
        while not self._begin.is_set():
            self._hub.changed.clear()
            if self._source.markets() - self._hub.subscribed_markets():
                await first_of(self._hub.changed.wait(), self._begin.wait())
                continue
            left = self._hub.changed_at + SETTLE_S - self._clock.monotonic()
            if left <= 0:
                return
            await first_of(self._clock.sleep(left), self._begin.wait())


async def first_of(*waits: Awaitable[object]) -> None:
    """Wait until one of ``waits`` is over, and cancel the others."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
