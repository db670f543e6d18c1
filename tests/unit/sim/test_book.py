"""The simulator's own order book."""

from decimal import Decimal

from orderflow_recorder.sim.book import TrueBook
from orderflow_recorder.sim.frames import DepthPayload, SnapshotPayload


def test_quantities_are_absolute_and_zero_removes_whatever_the_spelling() -> None:
    book = TrueBook()
    book.load(SnapshotPayload(5, [("10.50", "1.0"), ("10.40", "2.0")], [("10.60", "3.0")]))
    book.apply(DepthPayload(6, 7, [("10.5", "0.000"), ("10.30", "4.0")], [("9", "0"), ("10.60", "9.0")], 1))
    assert book.best_bids(9) == [("10.40", "2.0"), ("10.30", "4.0")]
    assert book.best_asks(9) == [("10.60", "9.0")]
    assert book.last_update_id == 7


def test_best_levels_are_sorted_as_numbers_and_limited() -> None:
    book = TrueBook()
    book.load(SnapshotPayload(1, [("9.5", "1"), ("10", "1"), ("9.75", "1")], [("100", "1"), ("11", "1")]))
    assert [price for price, _ in book.best_bids(2)] == ["10", "9.75"]
    assert [price for price, _ in book.best_asks(2)] == ["11", "100"]


def test_a_copy_is_independent() -> None:
    book = TrueBook()
    book.load(SnapshotPayload(1, [("9.5", "1")], []))
    twin = book.copy()
    book.apply(DepthPayload(2, 2, [("9.5", "0")], [], 1))
    assert (list(twin.bids), twin.last_update_id) == ([Decimal("9.5")], 1)
