"""Arithmetic of id ranges: which ids are there, which are not.

A set of ids is a list of inclusive ranges, sorted, disjoint and not touching (`normal`). Every
function takes and returns such lists.
"""

from collections.abc import Iterable, Sequence

import msgspec


class Interval(msgspec.Struct, frozen=True, order=True, gc=False):
    """The ids from ``first`` to ``last``, both included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """Return how many ids there are."""
        return self.last - self.first + 1


def normal(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the same ids as a sorted list of ranges that neither overlap nor touch."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if merged and interval.first <= merged[-1].last + 1:
            if interval.last > merged[-1].last:
                merged[-1] = Interval(merged[-1].first, interval.last)
        else:
            merged.append(interval)
    return merged


def intersect(left: Sequence[Interval], right: Sequence[Interval]) -> list[Interval]:
    """Return the ids in both."""
    common: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        first, last = max(left[i].first, right[j].first), min(left[i].last, right[j].last)
        if first <= last:
            common.append(Interval(first, last))
        if left[i].last < right[j].last:
            i += 1
        else:
            j += 1
    return common


def subtract(left: Sequence[Interval], right: Sequence[Interval]) -> list[Interval]:
    """Return the ids of ``left`` that are not in ``right``."""
    rest: list[Interval] = []
    j = 0
    for interval in left:
        first = interval.first
        while j < len(right) and right[j].last < first:
            j += 1
        k = j
        while k < len(right) and right[k].first <= interval.last:
            if right[k].first > first:
                rest.append(Interval(first, right[k].first - 1))
            first = right[k].last + 1
            k += 1
        if first <= interval.last:
            rest.append(Interval(first, interval.last))
    return rest
