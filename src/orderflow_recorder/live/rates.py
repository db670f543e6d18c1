"""How many a second, of late."""

from collections import deque
from typing import Final

SPAN_S: Final = 10
"""Whole seconds that a rate is made of."""


class Rate:
    """Counts by the second of receipt."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._second = 0
        self._count = 0
        self._before: deque[tuple[int, int]] = deque(maxlen=SPAN_S)

    def add(self, second: int) -> None:
        """Count one (hot path).

        Args:
            second: When it was received, s since the epoch.
        """
        if second != self._second:
            if self._count:
                self._before.append((self._second, self._count))
            self._second, self._count = second, 0
        self._count += 1

    def per_second(self, now: int, since: int) -> float:
        """Return the mean of the last `SPAN_S` whole seconds.

        Args:
            now: The second that is not over yet.
            since: When counting began: a mean is not made of what was before.
        """
        span = min(SPAN_S, max(now - since, 1))
        counts = (*self._before, (self._second, self._count))
        return sum(count for second, count in counts if now - span <= second < now) / span
