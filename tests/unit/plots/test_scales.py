"""How periods and prices are cut."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from random import Random

import polars as pl
import pytest

from orderflow_recorder.plots.scales import TIME_STEPS_US, PriceGrid, edges, price_grid, shown_prices, time_step

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("length", "most", "expected"),
    [
        (timedelta(minutes=10), 300, timedelta(seconds=2)),
        (timedelta(hours=1), 300, timedelta(seconds=15)),
        (timedelta(days=1), 300, timedelta(minutes=5)),
        (timedelta(seconds=1), 100, timedelta(milliseconds=10)),
        (timedelta(days=36_500), 300, timedelta(days=28)),
    ],
)
def test_a_period_is_cut_into_lengths_that_people_count_in(length: timedelta, most: int, expected: timedelta) -> None:
    assert time_step(length, most) == expected


def test_lengths_ascend() -> None:
    assert list(TIME_STEPS_US) == sorted(set(TIME_STEPS_US))


def test_the_last_step_ends_with_the_period() -> None:
    step = timedelta(seconds=2)
    assert edges(NOON, NOON + timedelta(seconds=5), step) == [NOON + timedelta(seconds=end) for end in (2, 4, 5)]
    assert edges(NOON, NOON + step, step) == [NOON + step]


def test_prices_fall_into_the_bins_that_exact_numbers_fall_into() -> None:
    random = Random(7)  # noqa: S311  # not for secrets
    for _ in range(3_000):
        places = random.randint(0, 8)
        low = random.randint(1, 10**9)
        high = low + random.randint(0, 10 ** random.randint(1, 6))
        grid = price_grid(low / 10**places, high / 10**places, 90)
        assert grid.last - grid.first < 90
        width = Fraction(f"{grid.width:.12g}")
        for units in (low, high, random.randint(low, high)):
            assert grid.first <= grid.bin_of(units / 10**places) <= grid.last
            assert grid.bin_of(units / 10**places) == floor(Fraction(units, 10**places) / width)


def test_bins_have_round_edges() -> None:
    grid = PriceGrid(0.1, 3, 6)
    assert [grid.edge(number) for number in (3, 6)] == [0.3, 0.6]
    assert (grid.low, grid.high) == (0.3, 0.7)


def test_one_price_alone_makes_a_grid() -> None:
    grid = price_grid(100.0, 100.0, 90)
    assert grid.low <= 100.0 < grid.high


def path(prices: list[float], low: float, high: float) -> pl.DataFrame:
    return pl.DataFrame({"price": prices, "low": [low, *prices[1:]], "high": [high, *prices[1:]]})


def test_near_extremes_are_shown_and_a_lone_trade_far_away_is_not() -> None:
    prices = [100.0 + step / 100 for step in range(1_000)]
    low, high = shown_prices(path(prices, 95.0, 115.0))
    assert low < 95.0
    assert high > 115.0
    low, high = shown_prices(path(prices, 99.0, 900.0))
    assert low < 99.0
    assert 109.9 < high < 112.0
