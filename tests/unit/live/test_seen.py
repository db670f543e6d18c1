"""Ids that were taken."""

import random

import pytest

from orderflow_recorder.core.intervals import Interval
from orderflow_recorder.live.seen import MOST_HOLES, SeenIds


def test_each_id_is_new_once_in_whatever_order_they_come() -> None:
    dice = random.Random(1)  # noqa: S311  # the same each time
    ids = [dice.randrange(1, 400) for _ in range(2000)]
    seen, known = SeenIds(), set[int]()
    for number in ids:
        assert seen.take(number) is (number not in known)
        known.add(number)


def test_what_the_database_has_is_not_new_and_what_it_lacks_is() -> None:
    seen = SeenIds([Interval(10, 20), Interval(25, 30)])
    assert [number for number in range(5, 35) if seen.take(number)] == [21, 22, 23, 24, 31, 32, 33, 34]


@pytest.mark.parametrize("number", [1, 9])
def test_what_is_before_the_tables_begin_was_taken_long_ago(number: int) -> None:
    assert not SeenIds([Interval(10, 20)]).take(number)


def test_the_oldest_of_too_many_holes_counts_as_taken() -> None:
    seen = SeenIds()
    for number in range(0, 2 * MOST_HOLES + 4, 2):
        assert seen.take(number)
    assert not seen.take(1)
    assert seen.take(2 * MOST_HOLES + 1)
