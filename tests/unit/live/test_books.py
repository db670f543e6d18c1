"""Live books and what is seen of them."""

import random
from collections.abc import Iterable, Iterator
from decimal import Decimal

import pytest

from orderflow_recorder.core.book_levels import Pace
from orderflow_recorder.core.local_book import LocalBook
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, BookTop, DepthDiff
from orderflow_recorder.live.books import LEVELS, LiveBook
from orderflow_recorder.ports.books import BookSeed
from tests.support.records import book_snapshot, depth_diff
from tests.support.venue_book import VenueBook


def flow(market: Market, seed: int, length: int) -> Iterator[DepthDiff | BookSnapshot]:
    """Yield snapshots and diffs; some diffs are lost, some come twice, some swap places."""
    dice = random.Random(seed)  # noqa: S311  # the same each time
    venue = VenueBook(market)
    venue.change([(price, "1") for price in range(100, 400)], [(price, "1") for price in range(401, 700)])
    held: DepthDiff | None = None
    yield venue.snapshot(500)
    for _ in range(length):
        before = venue.last
        bids = [(dice.randrange(100, 400), str(dice.choice((0, 0, 1, 2)))) for _ in range(dice.randrange(6))]
        asks = [(dice.randrange(401, 700), str(dice.choice((0, 0, 1, 2)))) for _ in range(dice.randrange(6))]
        venue.change(bids, asks)
        diff = venue.diff(before, bids, asks, decimals=dice.choice((0, 0, 0, 1)))
        kind = dice.random()
        if kind < 0.02:
            continue
        if kind < 0.1 and held is None:
            held = diff
            continue
        yield diff
        if held is not None:
            yield held
            held = None
        if kind > 0.97:
            yield diff
        if kind > 0.93:
            yield venue.snapshot(dice.choice((50, 200, 500)))


class Reference:
    """A local book that tells its best levels after every diff."""

    def __init__(self) -> None:
        """Start without a book."""
        self._book = LocalBook(top_levels=LEVELS, pace=Pace(changes=200, per_level=1))
        self._recent: list[DepthDiff] = []
        self.top: BookTop | None = None

    def take(self, record: DepthDiff | BookSnapshot) -> None:
        if isinstance(record, BookSnapshot):
            self._book.take_snapshot(record, sorted(self._recent, key=lambda diff: diff.final_update_id))
            return
        for effect in self._book.take_diff(record):
            if isinstance(effect, BookTop):
                self.top = effect
        self._recent.append(record)


def numbers(levels: Iterable[tuple[str, str]]) -> list[tuple[Decimal, Decimal]]:
    """Return levels as numbers: a text with other zeros is no change."""
    return [(Decimal(price), Decimal(quantity)) for price, quantity in levels]


@pytest.mark.parametrize("market", Market)
@pytest.mark.parametrize("seed", range(8))
def test_whoever_looks_sees_what_a_book_would_tell_after_every_diff(market: Market, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311  # the same each time
    book, reference = LiveBook(), Reference()
    looks = 0
    for record in flow(market, seed, 600):
        book.take(record)
        reference.take(record)
        if dice.random() < dice.choice((0.01, 0.5)):
            best = book.best()
            if best is None or reference.top is None:
                continue
            looks += 1
            top = reference.top
            assert [*map(numbers, best)] == [
                numbers(zip(top.bid_prices, top.bid_quantities, strict=True)),
                numbers(zip(top.ask_prices, top.ask_quantities, strict=True)),
            ]
    assert looks > 30


def test_there_is_no_book_before_a_diff_meets_a_snapshot() -> None:
    book = LiveBook()
    book.take(depth_diff(1, 2))
    assert book.best() is None
    book.take(book_snapshot(1))
    assert book.best() is None
    book.take(depth_diff(3, 4))
    assert book.best() == ([("61737.63000000", "0.00100000")], [("61737.64000000", "92233720368.54775807")])
    assert book.last_update_id == 4
    assert book.last is not None
    assert book.last.final_update_id == 4


def test_a_snapshot_that_is_older_than_the_last_diffs_still_serves() -> None:
    book = LiveBook()
    for number in range(1, 40):
        book.take(depth_diff(number, number))
    book.take(book_snapshot(20))
    book.take(depth_diff(40, 40))
    assert book.last_update_id == 40


def test_a_book_goes_on_where_the_tables_have_it() -> None:
    book = LiveBook()
    book.restore(BookSeed(checkpoint=book_snapshot(10, source="checkpoint")), [depth_diff(11, 12), depth_diff(13, 13)])
    assert book.last_update_id == 13
    assert book.last is not None
    assert book.best() is not None
    book.take(depth_diff(14, 15))
    assert book.last_update_id == 15


def test_a_book_goes_on_with_the_snapshot_that_the_tables_have() -> None:
    book = LiveBook()
    book.restore(BookSeed(snapshot=book_snapshot(10)), [depth_diff(9, 12), depth_diff(13, 13)])
    assert book.best() is None
    book.take(depth_diff(14, 14))
    assert book.last_update_id == 14


def test_a_record_that_breaks_a_book_costs_that_book_alone() -> None:
    book = LiveBook()
    book.take(book_snapshot(10))
    book.take(depth_diff(11, 11))
    assert book.best() is not None
    book.take(depth_diff(12, 12, bid_prices=["1.0", "2.0"], bid_quantities=["1"]))
    assert book.best() is None
    book.take(book_snapshot(12))
    book.take(depth_diff(13, 13))
    assert book.best() is not None
