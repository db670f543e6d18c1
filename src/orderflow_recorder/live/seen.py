"""Which ids of a stream were taken already: sockets overlap, and what was missing is healed later."""

from bisect import bisect_right
from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from orderflow_recorder.core.intervals import Interval, normal

MOST_HOLES: Final = 1000
"""Holes that are remembered for each stream; of more, the oldest counts as taken."""


class SeenIds:
    """The ids of one stream that were taken: from the first to the last, but for some holes."""

    def __init__(self, taken: Iterable[Interval] = ()) -> None:
        """Begin with what was taken elsewhere.

        Args:
            taken: E.g. what the database has; what is below its first id counts as taken, too.
        """
        known = normal(taken)
        self._first = known[0].first if known else None
        self._last = known[-1].last if known else None
        self._holes = [(left.last + 1, right.first - 1) for left, right in pairwise(known)]
        self._closed = bool(known)
        del self._holes[:-MOST_HOLES]

    def take(self, number: int) -> bool:
        """Say whether ``number`` is new, and know it from now on (hot path)."""
        last = self._last
        if last is not None and number == last + 1:
            self._last = number
            return True
        if last is None or self._first is None:
            self._first = self._last = number
            return True
        if number > last:
            self._add((last + 1, number - 1))
            self._last = number
            return True
        return self._take_late(number, self._first)

    def _take_late(self, number: int, first: int) -> bool:
        if number < first:
            if self._closed:
                return False
            if number < first - 1:
                self._holes.insert(0, (number + 1, first - 1))
            self._first = number
            return True
        place = bisect_right(self._holes, number, key=lambda hole: hole[0]) - 1
        if place < 0 or self._holes[place][1] < number:
            return False
        low, high = self._holes[place]
        self._holes[place : place + 1] = [
            rest for rest in ((low, number - 1), (number + 1, high)) if rest[0] <= rest[1]
        ]
        return True

    def _add(self, hole: tuple[int, int]) -> None:
        self._holes.append(hole)
        del self._holes[:-MOST_HOLES]
