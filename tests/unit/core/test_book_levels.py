"""A book's levels as texts: one text a price whatever its decimals, exact checkpoints, books that join."""

from decimal import Decimal

import pytest

from orderflow_recorder.core.book_levels import BookLevels, Pace
from orderflow_recorder.core.level_texts import AmbiguousPriceError
from orderflow_recorder.core.sequencing import Verdict
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff
from tests.support import records

PACE = Pace()


def snapshot(bids: dict[str, str], asks: dict[str, str], last: int = 10) -> BookSnapshot:
    return records.book_snapshot(
        last,
        bid_prices=list(bids),
        bid_quantities=list(bids.values()),
        ask_prices=list(asks),
        ask_quantities=list(asks.values()),
    )


def diff(bids: dict[str, str], asks: dict[str, str], first: int = 11, final: int = 12) -> DepthDiff:
    return records.depth_diff(
        first,
        final,
        bid_prices=list(bids),
        bid_quantities=list(bids.values()),
        ask_prices=list(asks),
        ask_quantities=list(asks.values()),
    )


def cut(book: BookLevels) -> tuple[dict[str, str], dict[str, str]]:
    one = book.cut(7)
    return (
        dict(zip(one.bid_prices, one.bid_quantities, strict=True)),
        dict(zip(one.ask_prices, one.ask_quantities, strict=True)),
    )


def test_a_checkpoint_has_every_level_best_first_and_says_how_far_it_is_known() -> None:
    book = BookLevels(snapshot({"9.5": "1", "9.4": "2"}, {"10.0": "3", "10.2": "4"}), PACE)
    book.apply(diff({"9.6": "5.0", "9.4": "0.00", "1.0": "7"}, {"99.9": "1", "10.1": "6"}))
    one = book.cut(123)
    assert (one.last_update_id, one.source, one.receive_time) == (12, "checkpoint", 123)
    assert (one.bid_prices, one.bid_quantities) == (["9.6", "9.5", "1.0"], ["5.0", "1", "7"])
    assert (one.ask_prices, one.ask_quantities) == (["10.0", "10.1", "10.2", "99.9"], ["3", "6", "4", "1"])
    assert (one.known_bid, one.known_ask) == ("9.4", "10.2"), "the snapshot's edges, though a level is gone"
    assert BookLevels(one, PACE).cut(123) == one


def test_changes_are_counted_from_the_base_and_due_by_the_size_of_the_book() -> None:
    book = BookLevels(snapshot({"2": "1", "1": "1"}, {"3": "1", "4": "1"}), Pace(changes=3, per_level=2))
    assert book.due == 8
    book.apply(diff({"2": "0", "1": "5"}, {"3": "0", "4": "0"}))
    assert book.changes == 4
    book.cut(0)
    assert (book.changes, book.due) == (0, 3)


@pytest.mark.parametrize("price", ["9.5", "9.50", "9.500"])
def test_prices_with_other_decimals_are_the_same_prices(price: str) -> None:
    book = BookLevels(snapshot({"9.50": "1"}, {"10.00": "2"}), PACE)
    book.apply(diff({price: "7"}, {"10": "8", "11": "9"}))
    book.apply(diff({"8.0000": "1"}, {"10": "0"}, 13, 14))
    bids, asks = cut(book)
    assert bids == {"9.5000": "7", "8.0000": "1"}
    assert asks == {"11.0000": "9"}


def test_a_snapshot_may_mix_decimals() -> None:
    assert cut(BookLevels(snapshot({"9.25": "1", "9": "2"}, {"10.5": "3"}), PACE))[0] == {"9.25": "1", "9.00": "2"}


def test_two_texts_of_one_price_are_an_error_and_no_guess() -> None:
    book = BookLevels(snapshot({"9.5": "1"}, {"10.5": "2"}), PACE)
    book.apply(diff({"9.5": "3", "09.5": "0"}, {}))
    with pytest.raises(AmbiguousPriceError, match=r"expected one text for each price, received 09\.5, 9\.5"):
        book.cut(0)
    with pytest.raises(AmbiguousPriceError):
        BookLevels(snapshot({"9.5": "1", "9.50": "2"}, {"10.5": "2"}), PACE)


@pytest.mark.parametrize(
    "prices",
    [
        ["0.5", "9.5", "10.0", "10.5", "99.9", "100.1"],
        ["1", "9", "10", "99", "100"],
        [".5", "9.5", "10.5"],
        ["9.5", "010.5", "11.5"],
        ["9.5", "010.5", "100.5", "110.5"],
        ["5.", "06", "10"],
    ],
)
def test_levels_are_in_the_order_of_the_numbers_however_they_are_written(prices: list[str]) -> None:
    shuffled = dict.fromkeys(prices[::2] + prices[1::2], "1")
    bids, asks = cut(BookLevels(snapshot(shuffled, shuffled), PACE))
    assert [Decimal(price) for price in asks] == [Decimal(price) for price in prices]
    assert list(bids) == list(reversed(asks))


def test_prices_that_no_float_tells_apart_are_kept_apart_and_in_order() -> None:
    low, high = "0.10000000000000000001", "0.10000000000000000002"
    assert float(low) == float(high)
    assert list(cut(BookLevels(snapshot({low: "1", high: "2"}, {"1.0": "1"}), PACE))[0]) == [high, low]


def test_a_book_begins_where_a_diff_spans_its_snapshot_and_goes_on_where_one_follows() -> None:
    book = BookLevels(snapshot({"9": "1"}, {"10": "2"}), PACE)
    assert book.follows(records.depth_diff(5, 10)) is Verdict.STALE
    assert book.follows(records.depth_diff(12, 13)) is Verdict.GAP
    assert book.follows(records.depth_diff(5, 13)) is Verdict.NEXT
    checkpoint = records.book_snapshot(10, source="checkpoint", market=Market.USDM)
    jumped = records.depth_diff(10, 20, market=Market.USDM, previous_final_update_id=9)
    assert BookLevels(checkpoint, PACE).follows(jumped) is Verdict.GAP, "a checkpoint ends with a diff: no overlap"


def test_what_another_book_knows_beyond_is_added() -> None:
    book = BookLevels(snapshot({"9": "1", "8": "1"}, {"10": "2"}), PACE)
    book.apply(diff({"5": "5", "9": "0", "4": "0"}, {}))
    other = BookLevels(snapshot({"8.0": "1.0", "7.0": "3", "5.0": "5"}, {"10.0": "2", "12.0": "1"}, 12), PACE)
    assert book.join(other) is None
    assert cut(book) == ({"8.0": "1", "7.0": "3", "5.0": "5"}, {"10.0": "2", "12.0": "1"})
    assert (book.known_bid, book.known_ask) == ("5.0", "12.0")


@pytest.mark.parametrize(
    ("bids", "asks", "wrong"),
    [
        ({"9": "2", "8": "1"}, {"10": "2"}, "bid 9: 1 here, 2 there"),
        ({"9": "1", "7": "1"}, {"10": "2"}, "bid 8: 1 here, none there"),
        ({"9": "1", "8.5": "1", "8": "1"}, {"10": "2"}, "bid 8.5: none here, 1 there"),
        ({"9": "1", "8": "1", "6": "1"}, {"10": "2"}, "bid 6: 0 here, 1 there"),
        ({"9": "1", "8": "1"}, {"10": "2", "30": "1"}, "ask 20: 3 here, none there"),
    ],
)
def test_a_level_that_both_know_and_that_differs_is_named_and_nothing_is_added(
    bids: dict[str, str], asks: dict[str, str], wrong: str
) -> None:
    book = BookLevels(snapshot({"9": "1", "8": "1"}, {"10": "2"}), PACE)
    book.apply(diff({"6": "0"}, {"20": "3"}))
    found = book.join(BookLevels(snapshot(bids, asks, 12), PACE))
    assert found is not None
    assert found.replace(".0:", ":") == wrong
    assert (book.known_bid.rstrip(".0"), book.known_ask.removesuffix(".0")) == ("8", "10")
