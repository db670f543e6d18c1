"""The venue's limits as pure counters; the time is passed in, in seconds that never go back."""

from collections import deque
from typing import Final

import msgspec

from orderflow_recorder.domain.market import Market

MESSAGES_PER_SECOND: Final = {Market.SPOT: 5, Market.USDM: 10}
CONNECTIONS: Final = 300
CONNECTIONS_WINDOW_S: Final = 300.0
WEIGHT_PER_MINUTE: Final = {Market.SPOT: 6000, Market.USDM: 2400}
_PATIENCE: Final = 10
"""Requests after the first 429 of a minute until the IP is banned."""
_BAN_S: Final = 120.0
_MINUTE_S: Final = 60.0


class SlidingWindow:
    """At most ``limit`` events in any ``seconds``."""

    def __init__(self, limit: int, seconds: float) -> None:
        """Begin with none."""
        self._limit = limit
        self._seconds = seconds
        self._times: deque[float] = deque()

    def admit(self, now: float) -> bool:
        """Count an event at ``now``; false if it is one too many."""
        while self._times and self._times[0] <= now - self._seconds:
            self._times.popleft()
        self._times.append(now)
        return len(self._times) <= self._limit


class WeightVerdict(msgspec.Struct, frozen=True):
    """What the venue says to a request.

    Attributes:
        status: None if it is served, else 429 or 418.
        used: Weight used in this minute.
        retry_after: Seconds to stay away.
    """

    status: int | None
    used: int
    retry_after: int = 0


class WeightBudget:
    """Request weight of one market per minute: 429 above it, 418 for who goes on."""

    def __init__(self, limit: int) -> None:
        """Begin unused.

        Args:
            limit: Weight per minute.
        """
        self._limit = limit
        self._minute = -1
        self._used = 0
        self._refusals = 0
        self._banned_until = 0.0

    def charge(self, weight: int, now: float) -> WeightVerdict:
        """Charge a request of ``weight`` at ``now``."""
        minute = int(now // _MINUTE_S)
        if minute != self._minute:
            self._minute, self._used, self._refusals = minute, 0, 0
        if now < self._banned_until:
            return WeightVerdict(418, self._used, int(self._banned_until - now) + 1)
        self._used += weight
        if self._used <= self._limit:
            return WeightVerdict(None, self._used)
        self._refusals += 1
        if self._refusals > _PATIENCE:
            self._banned_until = now + _BAN_S
            return WeightVerdict(418, self._used, int(_BAN_S))
        return WeightVerdict(429, self._used, int(_MINUTE_S - now % _MINUTE_S) + 1)
