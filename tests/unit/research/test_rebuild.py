"""Books from bases and diffs: where they begin, end, go on, and what they learn on the way."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff
from orderflow_recorder.research.rebuild import Base, Hole, Rebuild
from tests.support.records import book_snapshot, depth_diff


def diff(first: int, final: int, bid: str = "100", quantity: str = "1") -> DepthDiff:
    """Build a diff of one bid."""
    return depth_diff(first, final, bid_prices=[bid], bid_quantities=[quantity], ask_prices=[], ask_quantities=[])


def base(last_update_id: int, bids: dict[str, str], known_bid: str | None = None) -> Base:
    """Build a base with one ask; it knows the asks up to there."""
    snapshot = book_snapshot(
        last_update_id,
        bid_prices=list(bids),
        bid_quantities=list(bids.values()),
        ask_prices=["101"],
        ask_quantities=["1"],
        known_bid=known_bid,
        known_ask=None if known_bid is None else "101",
    )
    known = None if known_bid is None else Decimal(known_bid)
    return Base(last_update_id, known, None if known is None else Decimal(101), lambda: snapshot)


def unread(last_update_id: int, known_bid: str) -> Base:
    """Build a checkpoint that nobody needs to read."""

    def read() -> BookSnapshot:
        pytest.fail("a checkpoint was read for nothing")

    return Base(last_update_id, Decimal(known_bid), Decimal(101), read)


def bids(rebuild: Rebuild) -> dict[int, int] | None:
    """Return the bids of whole numbers, none where there is no book."""
    return None if rebuild.book is None else {int(price): int(quantity) for price, quantity in rebuild.book.bids()}


def test_a_book_begins_where_a_diff_reaches_a_base() -> None:
    rebuild = Rebuild(Market.SPOT, [base(15, {"100": "5", "99": "6"})])
    assert rebuild.take(diff(1, 10)) is None
    assert bids(rebuild) is None
    assert rebuild.take(diff(11, 20, "98", "7")) is None
    assert bids(rebuild) == {100: 5, 99: 6, 98: 7}


def test_a_base_right_before_a_diff_is_reached_and_one_in_a_hole_is_passed_by() -> None:
    rebuild = Rebuild(Market.SPOT, [base(10, {"100": "5"}), base(25, {"100": "6"}), base(35, {"100": "7"})])
    rebuild.take(diff(11, 20, "99"))
    assert bids(rebuild) == {100: 5, 99: 1}
    assert rebuild.take(diff(31, 40, "98")) == Hole(20)
    assert bids(rebuild) == {100: 7, 98: 1}


def test_without_a_base_after_a_hole_there_is_no_book() -> None:
    rebuild = Rebuild(Market.SPOT, [base(10, {"100": "5"})])
    rebuild.take(diff(11, 20))
    assert rebuild.take(diff(22, 30)) == Hole(20)
    assert bids(rebuild) is None
    assert rebuild.take(diff(31, 40)) is None
    assert bids(rebuild) is None


def test_futures_chain_by_their_own_rule() -> None:
    rebuild = Rebuild(Market.USDM, [base(10, {"100": "5"})])
    for first, final, previous in ((5, 12, 4), (17, 20, 12)):
        fields = {"market": Market.USDM, "previous_final_update_id": previous}
        assert rebuild.take(depth_diff(first, final, **fields, bid_prices=[], bid_quantities=[])) is None
    assert bids(rebuild) == {100: 5}
    assert rebuild.take(depth_diff(21, 30, market=Market.USDM, previous_final_update_id=19)) == Hole(20)


def test_what_was_seen_changes_nothing() -> None:
    rebuild = Rebuild(Market.SPOT, [base(10, {"100": "5"})])
    rebuild.take(diff(11, 20, "100", "7"))
    assert rebuild.take(diff(11, 20, "100", "9")) is None
    assert bids(rebuild) == {100: 7}


def test_a_snapshot_on_the_way_adds_what_lies_beyond_the_book_and_nothing_else() -> None:
    rebuild = Rebuild(Market.SPOT, [base(10, {"100": "5", "99": "6"}), base(20, {"100": "5", "97": "3", "96": "4"})])
    rebuild.take(diff(11, 20, "98", "2"))
    rebuild.take(diff(21, 30, "97", "0"))
    assert bids(rebuild) == {100: 5, 99: 6, 98: 2, 96: 4}
    assert rebuild.book is not None
    assert rebuild.book.worst_bid == 96


def test_a_checkpoint_that_knows_no_more_is_not_read() -> None:
    rebuild = Rebuild(Market.SPOT, [base(10, {"100": "5", "99": "6"}, "99"), unread(20, "99"), unread(30, "100")])
    for first in (11, 21, 31):
        assert rebuild.take(diff(first, first + 9)) is None
    wider = Rebuild(Market.SPOT, [base(10, {"100": "5"}, "100"), base(20, {"100": "5", "90": "1"}, "90")])
    for first in (11, 21):
        wider.take(diff(first, first + 9))
    assert bids(wider) == {100: 1, 90: 1}


def test_bases_are_taken_one_by_one() -> None:
    taken: list[int] = []

    def bases() -> Iterator[Base]:
        for last_update_id in (10, 20, 30, 40):
            taken.append(last_update_id)
            yield base(last_update_id, {"100": "5"})

    Rebuild(Market.SPOT, bases()).take(diff(11, 20))
    assert taken == [10, 20]
