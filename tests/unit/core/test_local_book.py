"""The machine: how snapshots come in, what is waited for, when a checkpoint is cut."""

from collections.abc import Iterable, Sequence

from orderflow_recorder.core.book_levels import Pace
from orderflow_recorder.core.local_book import MOST_AHEAD, LocalBook, Remark
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff
from tests.support import records

SEVEN = ["7.0"], ["1"], ["8.0"], ["1"]
SELDOM = Pace(changes=10**6)


def chain(first: int, last: int, **fields: object) -> list[DepthDiff]:
    """Return diffs of one update each, which touch a bid at 6.0."""
    sides = {"bid_prices": ["6.0"], "ask_prices": [], "ask_quantities": []}
    return [
        records.depth_diff(number, number, bid_quantities=[f"{number}"], **{**sides, **fields})
        for number in range(first, last + 1)
    ]


def snapshot(last: int, sides: tuple[list[str], ...] = SEVEN) -> BookSnapshot:
    names = ("bid_prices", "bid_quantities", "ask_prices", "ask_quantities")
    return records.book_snapshot(last, **dict(zip(names, sides, strict=True)))


def machine(pace: Pace = SELDOM) -> LocalBook:
    return LocalBook(top_levels=0, pace=pace)


def cuts(book: LocalBook, diffs: Iterable[DepthDiff]) -> list[int]:
    """Return the ids of the checkpoints that follow."""
    return [one.last_update_id for diff in diffs for one in book.take_diff(diff) if isinstance(one, BookSnapshot)]


def remarks(effects: Sequence[object]) -> list[str]:
    return [one.text for one in effects if isinstance(one, Remark)]


def test_without_a_snapshot_nothing_is_said() -> None:
    book = machine()
    assert cuts(book, chain(1, 5)) == []
    assert book.newest == chain(5, 5)[0]


def test_an_early_snapshot_waits_for_the_diff_that_spans_it() -> None:
    book = machine()
    cuts(book, chain(1, 3))
    book.take_snapshot(snapshot(5), ())
    assert cuts(book, chain(4, 9)) == [6]


def test_a_late_snapshot_takes_the_diffs_that_came_before_it_and_speaks_at_the_next() -> None:
    book = machine()
    cuts(book, chain(1, 6))
    book.take_snapshot(snapshot(3), chain(1, 6))
    (one,) = book.take_diff(chain(7, 7)[0])
    assert isinstance(one, BookSnapshot)
    assert (one.bid_prices, one.bid_quantities) == (["7.0", "6.0"], ["1", "7"])


def test_a_late_snapshot_waits_for_a_hole_to_close_like_a_book() -> None:
    book = machine(Pace(changes=1, per_level=0))
    book.take_snapshot(snapshot(3), [*chain(4, 5), *chain(7, 8)])
    assert cuts(book, [*chain(9, 9), *chain(6, 6)]) == [6, 7, 8, 9]


def test_of_a_diff_that_came_twice_while_a_snapshot_waits_the_first_counts() -> None:
    book = machine(Pace(changes=1, per_level=0))
    book.take_snapshot(snapshot(3), [*chain(5, 5), *chain(5, 5, receive_time=7)])
    _, one = book.take_diff(chain(4, 4)[0])
    assert isinstance(one, BookSnapshot)
    assert one.receive_time == chain(5, 5)[0].receive_time


def test_a_snapshot_whose_diffs_are_missing_leaves_the_book_alone() -> None:
    book = machine(Pace(changes=1, per_level=0))
    book.take_snapshot(snapshot(3), ())
    assert cuts(book, chain(4, 8)) == [4, 5, 6, 7, 8]
    book.take_snapshot(snapshot(5, (["7.0"], ["9"], ["8.0"], ["9"])), [*chain(6, 6), *chain(8, 8)])
    (one,) = book.take_diff(chain(9, 9)[0])
    assert isinstance(one, BookSnapshot)
    assert one.bid_quantities == ["1", "9"], "the bid at 7.0 as it was"


def test_a_late_snapshot_from_before_a_hole_is_of_no_use() -> None:
    book = machine()
    book.take_snapshot(snapshot(3), [*chain(4, 5), *chain(7, 8 + MOST_AHEAD)])
    assert cuts(book, chain(9 + MOST_AHEAD, 12 + MOST_AHEAD)) == []


def test_a_checkpoint_is_cut_when_it_is_due() -> None:
    book = machine(Pace(changes=3, per_level=1))
    book.take_snapshot(snapshot(3), ())
    assert cuts(book, chain(4, 12)) == [4, 7, 10]


def test_diffs_ahead_of_a_hole_wait_until_it_closes() -> None:
    book = machine(Pace(changes=1, per_level=0))
    book.take_snapshot(snapshot(3), ())
    assert cuts(book, [*chain(4, 4), *chain(6, 5 + MOST_AHEAD), *chain(6, 6)]) == [4]
    assert cuts(book, chain(5, 5)) == list(range(5, 6 + MOST_AHEAD))


def test_beyond_a_bound_the_book_is_lost_until_a_snapshot() -> None:
    book = machine(Pace(changes=1, per_level=0))
    book.take_snapshot(snapshot(3), ())
    assert cuts(book, [*chain(4, 4), *chain(6, 6 + MOST_AHEAD), *chain(5, 5)]) == [4]
    assert cuts(book, chain(7 + MOST_AHEAD, 9 + MOST_AHEAD)) == []
    book.take_snapshot(snapshot(100), ())
    assert cuts(book, chain(100, 102)) == [101, 102]


def test_a_snapshot_from_beyond_a_hole_replaces_the_book() -> None:
    book = machine()
    book.take_snapshot(snapshot(3), ())
    assert cuts(book, [*chain(4, 4), *chain(6, 7)]) == [4]
    book.take_snapshot(snapshot(7), ())
    assert cuts(book, [*chain(8, 8), *chain(5, 5), *chain(9, 9)]) == [8]


def test_a_live_book_learns_what_a_snapshot_knows_beyond_it() -> None:
    book = machine()
    book.take_snapshot(snapshot(3), ())
    assert cuts(book, chain(4, 5)) == [4]
    wide = snapshot(5, (["7.0", "6.0", "2.0"], ["1", "5", "9"], ["8.0", "9.0"], ["1", "3"]))
    book.take_snapshot(wide, ())
    (one,) = book.take_diff(chain(6, 6)[0])
    assert isinstance(one, BookSnapshot)
    assert (one.bid_prices, one.ask_prices) == (["7.0", "6.0", "2.0"], ["8.0", "9.0"])
    assert (one.known_bid, one.known_ask) == ("2.0", "9.0")


def test_a_snapshot_that_knows_less_takes_nothing_away() -> None:
    book = machine()
    book.take_snapshot(snapshot(3, (["7.0", "5.0"], ["1", "2"], ["8.0"], ["1"])), ())
    cuts(book, chain(4, 4))
    book.take_snapshot(snapshot(4), ())
    (one,) = book.take_diff(chain(5, 5)[0])
    assert isinstance(one, BookSnapshot)
    assert (one.bid_prices, one.known_bid) == (["7.0", "6.0", "5.0"], "5.0")


def test_a_snapshot_that_contradicts_begins_the_book_anew_and_it_is_said() -> None:
    book = machine()
    book.take_snapshot(snapshot(3), ())
    cuts(book, chain(4, 4))
    book.take_snapshot(snapshot(4, (["7.0"], ["1.5"], ["8.0"], ["1"])), ())
    effects = book.take_diff(chain(5, 5)[0])
    assert remarks(effects) == [
        "the local book disagrees with the snapshot that begins it anew, bid 7.0: 1 here, 1.5 there"
    ]
    (one,) = [effect for effect in effects if isinstance(effect, BookSnapshot)]
    assert one.bid_quantities == ["1.5", "5"]


def test_a_snapshot_without_a_side_is_no_book() -> None:
    book = machine()
    book.take_snapshot(snapshot(3, ([], [], ["8.0"], ["1"])), ())
    assert cuts(book, chain(4, 6)) == []


def test_a_price_that_is_there_twice_drops_the_book_and_it_is_said() -> None:
    book = machine(Pace(changes=2, per_level=0))
    book.take_snapshot(snapshot(3), ())
    cuts(book, chain(4, 4))
    effects = [effect for diff in chain(5, 6, bid_prices=["06.0"]) for effect in book.take_diff(diff)]
    assert remarks(effects) == [
        "the local book is dropped until the next snapshot: expected one text for each price, received 06.0, 6.0"
    ]
    assert cuts(book, chain(7, 9)) == []


def test_a_book_is_taken_up_again_where_it_was() -> None:
    pace = Pace(changes=3, per_level=1)
    whole = machine(pace)
    whole.take_snapshot(snapshot(3), ())
    checkpoint = next(one for one in whole.take_diff(chain(4, 4)[0]) if isinstance(one, BookSnapshot))
    again = machine(pace)
    again.restore(checkpoint, chain(5, 6))
    assert whole.take_diff(chain(5, 5)[0]) == whole.take_diff(chain(6, 6)[0]) == ()
    assert whole.take_diff(chain(7, 7)[0]) == again.take_diff(chain(7, 7)[0]) != ()


def test_a_book_whose_diffs_have_a_hole_is_not_taken_up() -> None:
    book = machine(Pace(changes=1, per_level=0))
    checkpoint = records.book_snapshot(4, source="checkpoint")
    later = iter([*chain(6, 6 + MOST_AHEAD), *chain(90, 99)])
    book.restore(checkpoint, later)
    assert next(later) == chain(90, 90)[0], "read no further than it could follow"
    assert cuts(book, chain(100, 102)) == []
