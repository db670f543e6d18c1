"""The best levels of a book as they are learned."""

import random

from orderflow_recorder.core.book_levels import BookLevels, Pace
from orderflow_recorder.domain.records import DepthDiff
from orderflow_recorder.live.top import KEPT, TopView
from tests.support.records import book_snapshot, depth_diff


def book(levels: int) -> BookLevels:
    prices = {
        "bid_prices": [str(5000 - n) for n in range(levels)],
        "ask_prices": [str(5001 + n) for n in range(levels)],
    }
    quantities = {"bid_quantities": ["1"] * levels, "ask_quantities": ["1"] * levels}
    return BookLevels(book_snapshot(1, source="checkpoint", **prices, **quantities), Pace(), packed=False)


def changed(of: BookLevels, bids: dict[str, str], asks: dict[str, str]) -> DepthDiff:
    """Change a book, and return by what."""
    number = of.last_update_id + 1
    sides = {"bid_prices": [*bids], "bid_quantities": [*bids.values()]}
    diff = depth_diff(number, number, **sides, ask_prices=[*asks], ask_quantities=[*asks.values()])
    of.apply(diff)
    return diff


def test_a_book_that_is_made_anew_needs_another_view() -> None:
    one = book(3)
    view = TopView(one)
    assert view.is_of(one)
    assert not view.is_of(book(3))
    changed(one, {"4990": "1"}, {})
    assert view.is_of(one)
    one.cut(0)
    assert not view.is_of(one)


def test_levels_that_are_used_up_are_found_anew() -> None:
    one = book(3 * KEPT)
    view = TopView(one)
    gone = changed(one, {str(5000 - n): "0" for n in range(KEPT - 20)}, {})
    found = view.look([gone], 20)
    assert found is not None
    assert found[0][0] == (str(5000 - KEPT + 20), "1")
    assert view.look([changed(one, {str(5000 - KEPT + 20): "0.000"}, {})], 20) is None
    again = TopView(one).look((), 20)
    assert again is not None
    assert again[0][0] == (str(5000 - KEPT + 19), "1")


def test_too_many_new_levels_are_forgotten_again() -> None:
    one = book(KEPT)
    view = TopView(one)
    assert view.look([changed(one, {}, {f"{5000}.{n:04}": "1" for n in range(1, 4 * KEPT)})], 20) is None


def test_a_small_book_is_known_whole() -> None:
    one = book(3)
    view = TopView(one)
    assert view.look([changed(one, {"5000": "0", "4999": "0", "4998": "0", "4000": "7"}, {"5001": "2"})], 20) == (
        [],
        [("5001", "2"), ("5002", "1"), ("5003", "1")],
    )


def test_beyond_what_is_known_there_may_be_levels_that_nobody_told_of() -> None:
    one = book(3)
    view = TopView(one)
    found = view.look([changed(one, {"1": "9"}, {"9000": "9"})], 20)
    assert found is not None
    assert [len(side) for side in found] == [3, 3]


def test_a_view_learns_what_a_fresh_one_finds() -> None:
    dice = random.Random(3)  # noqa: S311  # the same each time
    one = book(250)
    view = TopView(one)
    for _ in range(2000):
        bids = {str(dice.randrange(4700, 5001)): dice.choice(("0", "0.00", "1", "2")) for _ in range(5)}
        asks = {str(dice.randrange(5001, 5300)): dice.choice(("0", "1", "2")) for _ in range(5)}
        found = view.look([changed(one, bids, asks)], 20)
        fresh = TopView(one)
        if found is None:
            view = fresh
        else:
            assert found == fresh.look((), 20)
