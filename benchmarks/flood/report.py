"""What a flood has done."""

import asyncio
import time
from typing import Any

from benchmarks.flood.market import FloodMarket, StreamKey
from benchmarks.flood.plan import kind_of


class Report:
    """Counts; also the starting shot."""

    def __init__(self, market: FloodMarket) -> None:
        """Begin before the start."""
        self.started = asyncio.Event()
        self.finished = asyncio.Event()
        self.start_monotonic = 0.0
        self.streams: dict[StreamKey, None] = {}
        self.subscribed: dict[str, int] = {}
        self._market = market
        self._sent: dict[str, int] = {}
        self._bytes = 0
        self._first_at = 0.0
        self._last_at = 0.0
        self._cpu_before = 0.0
        self._cpu = 0.0
        self._pumping = 0
        self._behind = 0.0
        self.lost_sockets = 0

    def start(self) -> None:
        """Fire the starting shot."""
        if not self.started.is_set():
            for key in self.streams:
                self.subscribed[kind_of(key.stream)] = self.subscribed.get(kind_of(key.stream), 0) + 1
            self.start_monotonic = time.monotonic()
            self._first_at = time.time()
            self._cpu_before = time.process_time()
            self.started.set()

    def on_pump(self, change: int) -> None:
        """Count pumps that still have something to send; after the last one the flood is over."""
        self._pumping += change
        if self._pumping == 0 and change < 0:
            self._cpu = time.process_time() - self._cpu_before
            self.finished.set()

    def on_sent(self, kind: str, frames: int, size: int) -> None:
        """Count a block of frames that the socket took."""
        self._sent[kind] = self._sent.get(kind, 0) + frames
        self._bytes += size
        self._last_at = time.time()

    def on_behind(self, seconds: float) -> None:
        """Remember the longest time that frames were late because the socket did not take them."""
        self._behind = max(self._behind, seconds)

    def figures(self) -> dict[str, Any]:
        """Return everything, as JSON has it; ids and frames of each stream once it is over."""
        over = self.finished.is_set()
        return {
            "subscribed": len(self.streams),
            "started": self.started.is_set(),
            "finished": over,
            "sent": self._sent,
            "bytes": self._bytes,
            "first_at": self._first_at,
            "last_at": self._last_at,
            "cpu_s": self._cpu if over else time.process_time() - self._cpu_before,
            "behind_s": self._behind,
            "lost_sockets": self.lost_sockets,
            "streams": {
                f"{key.market}:{key.stream}": [self._market.newest(key), self._market.frames_sent(key)]
                for key in self.streams
            }
            if over
            else {},
        }
