"""Interval arithmetic against plain sets."""

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.core.intervals import Interval, intersect, normal, subtract

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: Interval(pair[0], sum(pair))))


def ids(intervals: Iterable[Interval]) -> set[int]:
    return {number for interval in intervals for number in range(interval.first, interval.last + 1)}


def is_normal(intervals: list[Interval]) -> bool:
    apart = all(left.last + 1 < right.first for left, right in pairwise(intervals))
    return apart and all(interval.first <= interval.last for interval in intervals)


@given(RANGES)
def test_normal_keeps_the_ids(ranges: list[Interval]) -> None:
    result = normal(ranges)
    assert ids(result) == ids(ranges)
    assert is_normal(result)


@given(RANGES, RANGES)
def test_intersection_and_difference_are_those_of_sets(left: list[Interval], right: list[Interval]) -> None:
    one, two = normal(left), normal(right)
    assert ids(intersect(one, two)) == ids(left) & ids(right)
    assert ids(subtract(one, two)) == ids(left) - ids(right)
    assert is_normal(subtract(one, two))


def test_size_counts_both_ends() -> None:
    assert Interval(3, 3).size == 1
    assert Interval(3, 7).size == 5
