"""The book and its replay on small, hand-made input."""

from decimal import Decimal

import pytest

from orderflow_recorder.core.order_book import OrderBook, replay
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff

Levels = list[tuple[str, str]]


def snapshot(last: int, bids: Levels, asks: Levels) -> BookSnapshot:
    return BookSnapshot(
        Market.SPOT, "X", last, "rest", 0, [p for p, _ in bids], [q for _, q in bids], [p for p, _ in asks],
        [q for _, q in asks],
    )  # fmt: skip


def diff(first: int, final: int, bids: Levels = [], asks: Levels = [], previous: int | None = None) -> DepthDiff:  # noqa: B006  # never changed
    return DepthDiff(
        Market.SPOT, "X", first, final, previous, 0, None, 0, [p for p, _ in bids], [q for _, q in bids],
        [p for p, _ in asks], [q for _, q in asks],
    )  # fmt: skip


SNAPSHOT = snapshot(10, [("9.00", "1"), ("8.00", "2")], [("11.00", "3"), ("12.00", "4")])


def test_a_snapshot_is_read_best_first_and_its_edges_are_kept() -> None:
    book = OrderBook.from_snapshot(SNAPSHOT)
    assert book.bids() == [(Decimal(9), Decimal(1)), (Decimal(8), Decimal(2))]
    assert book.asks(1) == [(Decimal(11), Decimal(3))]
    assert book.bids(0) == []
    assert (book.worst_bid, book.worst_ask, book.last_update_id) == (Decimal(8), Decimal(12), 10)


def test_a_diff_sets_absolute_quantities_and_zero_removes() -> None:
    book = OrderBook.from_snapshot(SNAPSHOT)
    book.apply(diff(11, 12, bids=[("9.0", "0.000"), ("8", "5"), ("7.5", "6")], asks=[("10.5", "7")]))
    assert book.bids() == [(Decimal(8), Decimal(5)), (Decimal("7.5"), Decimal(6))]
    assert [price for price, _ in book.asks()] == [Decimal("10.5"), Decimal(11), Decimal(12)]
    assert (book.worst_bid, book.last_update_id) == (Decimal(8), 12)


def test_removing_an_unknown_level_is_normal() -> None:
    book = OrderBook.from_snapshot(SNAPSHOT)
    book.apply(diff(11, 11, bids=[("1", "0")], asks=[("99", "0.0")]))
    assert (len(book.bids()), len(book.asks())) == (2, 2)


def test_quantities_of_nineteen_digits_stay_exact() -> None:
    book = OrderBook.from_snapshot(snapshot(1, [("0.00000001", "92233720368.54775807")], []))
    assert str(book.bids()[0][1]) == "92233720368.54775807"


def test_an_empty_side_is_allowed_and_not_crossed() -> None:
    book = OrderBook.from_snapshot(snapshot(1, [("5", "1")], []))
    assert (book.asks(), book.worst_ask, book.crossed) == ([], None, False)


@pytest.mark.parametrize(("bid", "crossed"), [("10.99", False), ("11", True), ("11.5", True)])
def test_a_book_is_crossed_where_bid_meets_ask(bid: str, *, crossed: bool) -> None:
    book = OrderBook.from_snapshot(SNAPSHOT)
    book.apply(diff(11, 11, bids=[(bid, "1")]))
    assert book.crossed is crossed


def best_bid(book: OrderBook | None) -> Decimal | None:
    return book.bids(1)[0][0] if book else None


def test_replay_takes_the_latest_snapshot_that_bridges() -> None:
    later = snapshot(13, [("9.5", "1")], [("11", "1")])
    ahead = snapshot(99, [("1", "1")], [("2", "1")])
    diffs = [diff(8, 11), diff(12, 13), diff(14, 15, bids=[("9.7", "1")])]
    book = replay(Market.SPOT, [SNAPSHOT, ahead, later], diffs)
    assert book is not None
    assert [price for price, _ in book.bids()] == [Decimal("9.7"), Decimal("9.5")]
    assert book.last_update_id == 15


def test_replay_restarts_after_a_hole_with_the_next_snapshot() -> None:
    diffs = [diff(8, 11), diff(14, 15), diff(16, 17, bids=[("9.9", "1")])]
    assert replay(Market.SPOT, [SNAPSHOT], diffs) is None
    assert best_bid(replay(Market.SPOT, [SNAPSHOT, snapshot(14, [("9", "1")], [])], diffs)) == Decimal("9.9")


def test_replay_does_not_apply_a_repeated_diff_again() -> None:
    old = diff(11, 12, bids=[("9.9", "1")])
    diffs = [old, diff(13, 14, bids=[("9.9", "0")]), old]
    assert best_bid(replay(Market.SPOT, [SNAPSHOT], diffs)) == Decimal(9)


def test_replay_never_judges_futures_by_the_spot_rule() -> None:
    jumping = [diff(9, 12, previous=5), diff(20, 22, previous=12)]
    assert replay(Market.USDM, [SNAPSHOT], jumping) is not None
    assert replay(Market.SPOT, [SNAPSHOT], jumping) is None
    spot_like = [diff(9, 12, previous=5), diff(13, 22, previous=11)]
    assert replay(Market.USDM, [SNAPSHOT], spot_like) is None


def test_replay_without_snapshots_or_diffs_trusts_nothing() -> None:
    assert replay(Market.SPOT, [], [diff(1, 2)]) is None
    assert replay(Market.SPOT, [SNAPSHOT], []) is None
