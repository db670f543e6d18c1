"""The best levels: as far as they are known, told once."""

from orderflow_recorder.core.book_levels import BookLevels, Pace
from orderflow_recorder.core.local_top import LocalTop
from orderflow_recorder.domain.records import BookTop
from tests.support.records import MILLISECOND, NOON
from tests.unit.core.test_book_levels import diff, snapshot


def told(top: LocalTop, book: BookLevels, bids: dict[str, str], asks: dict[str, str], final: int) -> BookTop | None:
    one = diff(bids, asks, final, final)
    book.apply(one)
    top.take_diff(one, book)
    return top.look(one)


def test_the_best_levels_are_told_where_they_changed_and_end_where_the_book_is_unknown() -> None:
    book = BookLevels(snapshot({"9.0": "1", "8.0": "1"}, {"10.0": "2", "11.0": "2", "12.0": "2"}), Pace())
    top = LocalTop(2)
    top.take_book(book)
    first = top.look(diff({}, {}))
    assert first is not None
    assert (first.bid_prices, first.ask_prices) == (["9.0", "8.0"], ["10.0", "11.0"])
    assert (first.source, first.last_update_id) == ("local", 12)
    assert (first.event_time, first.receive_time) == (NOON + 12 * MILLISECOND,) * 2
    assert told(top, book, {"9.0": "1.00"}, {"12.0": "9"}, 13) is None, "nothing among the best"
    second = told(top, book, {"9": "0", "8": "5", "7": "5"}, {"10.5": "1"}, 14)
    assert second is not None
    assert (second.bid_prices, second.bid_quantities) == (["8.0"], ["5"]), "below 8.0 there may be more than 7.0"
    assert (second.ask_prices, second.ask_quantities) == (["10.0", "10.5"], ["2", "1"])


def test_a_book_that_was_lost_is_told_again() -> None:
    book = BookLevels(snapshot({"9.0": "1"}, {"10.0": "2"}), Pace())
    top = LocalTop(1)
    top.take_book(book)
    assert top.look(None) is None
    assert top.look(diff({}, {})) is None
    top.forget()
    top.take_book(book)
    assert top.look(diff({}, {})) is not None
