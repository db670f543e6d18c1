"""Books over time, held to plain replays."""

from collections import defaultdict
from datetime import datetime
from math import floor
from random import Random

import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.plots.heat import Answer, Base, Change, Heat, HeatReducer
from orderflow_recorder.plots.scales import PriceGrid, edges
from tests.support.pictures import MINUTE, NOON, SECOND, book, change

PRICES = (90.0, 109.9)


def reducer(
    answers: dict[float, Answer] | Answer, *, prices: tuple[float, float] | None = PRICES, every: int = 2
) -> HeatReducer:
    """Return a reducer of 30 columns of two steps; the book at an instant is the last answer up to it."""

    def rebuild(at: datetime) -> Answer:
        if not isinstance(answers, dict):
            return answers
        return next(answer for second, answer in sorted(answers.items(), reverse=True) if NOON + second * SECOND <= at)

    return HeatReducer(
        Market.SPOT, NOON, edges(NOON, NOON + MINUTE, SECOND), every=every, prices=prices, rebuild=rebuild
    )


def seconds(heat: Heat) -> list[tuple[float, float, str]]:
    rows = heat.unknown.select("start", "end", "reason").iter_rows()
    return [((start - NOON) / SECOND, (end - NOON) / SECOND, reason) for start, end, reason in rows]


def plain_books(start: Base, changes: list[Change]) -> dict[float, tuple[dict[float, float], dict[float, float]]]:
    """Return bids and asks at the end of each second from the second one on."""
    bids, asks, books = dict(start.bids), dict(start.asks), {}
    for second in range(2, 61):
        for one in (one for one in changes if second - 1 < (one.time - NOON) / SECOND <= second):
            bids.update(one.bids)
            asks.update(one.asks)
        books[second] = tuple({price: size for price, size in side.items() if size} for side in (bids, asks))
    return books  # type: ignore[return-value]  # two sides


@pytest.mark.parametrize("seed", range(5))
def test_cells_and_quotes_equal_a_plain_replay(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # not for secrets
    start = Base({99.0: 1.0, 98.75: 2.0}, {101.0: 1.0, 101.25: 4.0}, 80.0, 120.0)
    changes = []
    for number in range(1, 290):
        bids = {round(random.uniform(88, 99) * 4) / 4: float(random.randint(0, 3)) for _ in range(3)}
        asks = {round(random.uniform(101, 112) * 4) / 4: float(random.randint(0, 3)) for _ in range(3)}
        # The first book is asked for at 2 s: it has everything until then.
        changes.append(change(2 + number / 5, number, number, bids=bids, asks=asks))
    books = plain_books(start, changes)
    heat = reducer({0: start})
    for one in changes:
        heat.take(one)
    result = heat.result(start)
    for time, bid, ask, run in result.quotes.iter_rows():
        bids, asks = books[(time - NOON) / SECOND]
        assert (bid, ask, run) == (max(bids), min(asks), 1)
    expected: dict[tuple[float, int], list[float]] = defaultdict(lambda: [0.0, 0.0])
    for second in range(2, 61, 2):
        for side, levels in enumerate(books[second]):
            for price, quantity in levels.items():
                if 90 <= price < 110:
                    expected[second, floor(price / 0.5)][side] += quantity
    found = {
        ((end - NOON) / SECOND, floor(low / 0.5)): [bids, asks]
        for end, low, bids, asks in result.cells.select("end", "low", "bids", "asks").iter_rows()
    }
    assert found == expected
    assert seconds(result) == []
    assert result.grid == PriceGrid(0.5, 180, 219)


def test_bins_are_not_finer_than_the_prices_of_the_book() -> None:
    heat = reducer(book(99.0, 101.0), prices=(99.0, 101.0)).result(book())
    assert heat.grid == PriceGrid(1.0, 99, 101)


def test_after_a_hole_the_book_is_unknown_until_it_can_be_rebuilt() -> None:
    heat = reducer({0: book(99.0, 101.0), 10: "no snapshot since", 31: book(98.0, 102.0)})
    for second in range(1, 11):
        heat.take(change(second, second, second, bids={}, asks={}))
    heat.take(change(20.5, 50, 50, bids={}, asks={}))
    for second in range(21, 60):
        heat.take(change(second, 30 + second, 30 + second, bids={}, asks={}))
    result = heat.result(book())
    # Known until the last diff before the hole; then at the end of the column in which there is a book again.
    assert seconds(result) == [(10, 30, "no snapshot since")]
    assert result.quotes.filter(run=1)["time"].max() == NOON + 10 * SECOND
    again = result.quotes.filter(run=2)
    assert again["time"].min() == NOON + 32 * SECOND
    assert again.select("bid", "ask").unique().rows() == [(98.0, 102.0)]
    assert result.cells.filter(start=NOON + 30 * SECOND).height > 0


def test_a_book_that_is_never_there_is_unknown_throughout() -> None:
    result = reducer("nothing recorded", prices=None).result("nothing recorded")
    assert seconds(result) == [(0, 60, "nothing recorded")]
    assert (result.grid, result.cells.height, result.quotes.height) == (None, 0, 0)


def test_after_the_last_diff_nothing_is_known() -> None:
    heat = reducer(book(99.0, 101.0))
    for second in (1, 2, 30.5):
        heat.take(change(second, int(second), 2 if second > 2 else int(second), bids={}, asks={}))
    result = heat.result("after the last diff")
    assert seconds(result) == [(30.5, 60, "after the last diff")]
    assert result.cells["end"].max() == NOON + 30.5 * SECOND


def test_beyond_the_edge_of_a_snapshot_the_book_is_unknown_not_empty() -> None:
    base = Base({99.0: 1.0}, {101.0: 1.0}, 95.0, 105.0)
    result = reducer(base).result(base)
    assert result.unknown.select("low", "high").rows() == [(90.0, 95.0), (105.0, 110.0)]
    assert set(result.unknown["start"]) == {NOON}
    assert set(result.unknown["end"]) == {NOON + MINUTE}


def test_without_trades_the_prices_around_the_first_book_are_shown() -> None:
    result = reducer(book(), prices=None).result(book())
    assert result.grid is not None
    assert result.grid.low <= 60_000 * 0.9976
    assert result.grid.high >= 60_000 * 1.0024


def test_futures_follow_by_the_previous_final_id() -> None:
    heat = HeatReducer(
        Market.USDM, NOON, edges(NOON, NOON + MINUTE, SECOND), every=2, prices=PRICES, rebuild=lambda _: "lost"
    )
    for second, previous, final in ((1, 5, 9), (2, 9, 20), (3, 21, 30)):
        heat.take(Change(NOON + second * SECOND, DepthIds(final - 1, final, previous), [], []))
    assert heat.result("lost").diffs == 3


def test_repeated_diffs_change_nothing() -> None:
    heat = reducer(book(99.0, 101.0))
    heat.take(change(1, 1, 1, bids={}, asks={}))
    heat.take(change(3, 2, 2, bids={99.5: 1.0}, asks={}))
    heat.take(change(3, 2, 2, bids={99.5: 0.0}, asks={}))
    assert heat.result(book()).quotes["bid"].max() == 99.5
