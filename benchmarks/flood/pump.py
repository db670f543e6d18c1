"""Sends one socket's frames, at their rate or as fast as the socket takes them."""

import asyncio
import socket
import time
from collections.abc import Sequence
from typing import Final

from benchmarks.flood.market import FloodMarket, StreamKey
from benchmarks.flood.plan import MAX, kind_of
from benchmarks.flood.reel import Reel
from benchmarks.flood.report import Report

BLOCK_BYTES: Final = 128 * 1024
"""Sent at once: few calls a frame, and yet times that are true to a millisecond."""
_TICK_S: Final = 0.002


class _Lane:
    """The streams of one kind on one socket."""

    def __init__(self, kind: str, keys: Sequence[StreamKey], reel: Reel) -> None:
        self.kind = kind
        self.keys = keys
        self.reel = reel
        self.sent_before = 0


class Pump:
    """Sends what a socket is subscribed to, once the flood has started."""

    def __init__(
        self, connection: socket.socket, turn: asyncio.Lock, market: FloodMarket, report: Report, *, microseconds: bool
    ) -> None:
        """Take over the sending side of a socket.

        Args:
            connection: After the handshake.
            turn: Held while bytes go out that must stay together.
            market: Makes the frames.
            report: Counts them.
            microseconds: The unit of their times.
        """
        self._connection = connection
        self._turn = turn
        self._market = market
        self._report = report
        self._microseconds = microseconds
        self._lanes: list[_Lane] = []
        self._counted = False

    def subscribe(self, keys: Sequence[StreamKey]) -> None:
        """Send these streams; what more was sent before is given up."""
        by_kind: dict[str, list[StreamKey]] = {}
        for key in keys:
            by_kind.setdefault(kind_of(key.stream), []).append(key)
            self._report.streams[key] = None
        lanes = []
        for kind, members in by_kind.items():
            old = next((lane for lane in self._lanes if lane.kind == kind), None)
            if old is not None and list(old.keys) == members:
                lanes.append(old)
                continue
            if old is not None:
                self._market.give_up(old.reel)
            lane = _Lane(kind, members, self._market.reel(members, microseconds=self._microseconds))
            lane.sent_before = int(self._due(lane, time.monotonic())) if self._report.started.is_set() else 0
            lanes.append(lane)
        for lane in self._lanes:
            if lane.kind not in by_kind:
                self._market.give_up(lane.reel)
        self._lanes = lanes
        if lanes and not self._counted:
            self._counted = True
            self._report.on_pump(1)

    def close(self) -> None:
        """Give up what is left to send."""
        for lane in self._lanes:
            self._market.give_up(lane.reel)
        if self._counted:
            self._counted = False
            self._report.lost_sockets += 1
            self._report.on_pump(-1)

    async def run(self) -> None:
        """Send until the plan's time is over."""
        await self._report.started.wait()
        plan, loop = self._market.plan, asyncio.get_running_loop()
        end = self._report.start_monotonic + plan.seconds
        while True:
            now = time.monotonic()
            late = 0.0
            for lane in tuple(self._lanes):
                if plan.rates.get(lane.kind) == MAX:
                    if now < end:
                        await self._send(lane, lane.reel.size)
                    continue
                due = int(self._due(lane, now)) - lane.sent_before - lane.reel.sent
                while due > 0 and lane in self._lanes:
                    due -= await self._send(lane, due)
                late = max(late, time.monotonic() - now)
            self._report.on_behind(late)
            if now >= end:
                break
            is_max = any(plan.rates.get(lane.kind) == MAX for lane in self._lanes)
            await asyncio.sleep(0 if is_max else max(_TICK_S - (loop.time() - now), 0))
        if self._counted:
            self._counted = False
            self._report.on_pump(-1)

    def _due(self, lane: _Lane, now: float) -> float:
        plan = self._market.plan
        everyone = max(self._report.subscribed.get(lane.kind, 0), len(lane.keys))
        return plan.due(lane.kind, now - self._report.start_monotonic) * len(lane.keys) / everyone

    async def _send(self, lane: _Lane, frames: int) -> int:
        """Send at most ``frames``, and return how many were sent."""
        async with self._turn:
            if lane not in self._lanes:
                return frames
            block, count = lane.reel.take(frames, BLOCK_BYTES, time.time_ns() // 1000)
            await asyncio.get_running_loop().sock_sendall(self._connection, block)
        self._report.on_sent(lane.kind, count, len(block))
        return count
