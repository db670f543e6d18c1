"""Request weight, counted before a request is sent.

The venue counts in minutes aligned to its own clock. We count in a sliding window of the same
length, which is stricter: if no 60 s whatever hold more than the limit, no aligned minute does.
The same class keeps the limit on new connections (300 in 5 min: limit 300, window 300 s, weight 1).
"""

from collections import deque
from typing import Final

SHORTEST_WAIT_S: Final = 0.001
"""A wait is never shorter, so that rounding cannot make a caller spin on the spot."""

_SPREAD: Final = 0.9
"""Of the window; the rest makes up for requests that are late, so that no weight goes unused."""


class RequestBudget:
    """Weight sent in the last window, and when there is room for more."""

    def __init__(self, limit: int, *, window_s: float = 60.0, now: float, others: int = 0) -> None:
        """Start with nothing sent.

        Args:
            limit: Weight allowed in any window.
            window_s: Length of the window, seconds.
            now: Monotonic seconds.
            others: What processes of ours that share the address may send in a window, together.
        """
        if limit < 1 or not window_s > 0:
            message = f"expected limit and window_s above 0, got limit={limit}, window_s={window_s}"
            raise ValueError(message)
        self._limit = limit
        self._window_s = window_s
        self._others = others
        self._sent: deque[tuple[float, int]] = deque()
        self._used = 0
        self._blocked_until = now

    @property
    def limit(self) -> int:
        """Return the weight allowed in any window."""
        return self._limit

    @property
    def used(self) -> int:
        """Return the weight in the window, as of the last call."""
        return self._used

    @property
    def blocked_until(self) -> float:
        """Return the time (monotonic seconds) before which the venue wants no request."""
        return self._blocked_until

    def reserve(self, weight: int, now: float, *, keep_free: int = 0) -> float:
        """Book ``weight`` if it may be sent now.

        Args:
            weight: The request's weight.
            now: Monotonic seconds.
            keep_free: Weight that must be left afterwards, for requests that matter more.

        Returns:
            0.0 if it is booked and must be sent now; else the seconds to wait before asking
            again, and nothing is booked.

        Raises:
            ValueError: No window can hold ``weight`` beside ``keep_free``.
        """
        if not 1 <= weight <= self._limit - keep_free:
            message = f"expected a weight from 1 to the limit {self._limit - keep_free}, got {weight}"
            raise ValueError(message)
        self._forget(now)
        free_at = max(self._blocked_until, self._room_at(weight + keep_free, now))
        if free_at > now:
            return max(free_at - now, SHORTEST_WAIT_S)
        self._book(weight, now)
        return 0.0

    def spacing(self, weight: int, requests: int, now: float) -> float:
        """Return how many seconds to leave between so many requests of ``weight``.

        Returns:
            0.0 where the window has room for all of them; else what spreads a window's worth over the window, nearly:
            in a row, they would come all at once again whenever the window frees them.
        """
        self._forget(now)
        if self._used + weight * requests <= self._limit:
            return 0.0
        return _SPREAD * self._window_s * weight / self._limit

    def on_used_weight(self, used: int, now: float) -> None:
        """Learn the venue's own count; if it is higher than ours can be, a stranger spends from this address.

        Args:
            used: ``X-MBX-USED-WEIGHT-1M``.
            now: Monotonic seconds.
        """
        self._forget(now)
        if used > self._used + self._others:
            self._book(used - self._used - self._others, now)

    def on_rate_limited(self, retry_after_s: float, now: float) -> None:
        """Send nothing until ``retry_after_s`` seconds have passed (429, 418)."""
        self._blocked_until = max(self._blocked_until, now + retry_after_s)

    def _book(self, weight: int, now: float) -> None:
        self._sent.append((now, weight))
        self._used += weight

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0][0] + self._window_s <= now:
            self._used -= self._sent.popleft()[1]

    def _room_at(self, weight: int, now: float) -> float:
        """Return the time from which the window has room for ``weight``."""
        excess = self._used + weight - self._limit
        free_at = now
        for sent_at, sent_weight in self._sent:
            if excess <= 0:
                break
            excess -= sent_weight
            free_at = sent_at + self._window_s
        return free_at
