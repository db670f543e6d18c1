"""How fast tables grow, and how long a disk lasts."""

import pytest

from orderflow_recorder.core.storage_outlook import LONGEST_NS, SHORTEST_NS, SizeSample, days_left, growth_a_day, recent

HOUR = 3_600_000_000_000
NOW = 1_000 * HOUR


def sample(hours_ago: float, **sizes: int) -> SizeSample:
    return SizeSample(NOW - round(hours_ago * HOUR), sizes)


def test_growth_is_that_of_the_last_day() -> None:
    samples = [sample(30, trades=0), sample(24, trades=1000), sample(12, trades=5000)]
    assert growth_a_day(samples, sample(0, trades=3000)) == {"trades": 2000}


def test_growth_of_an_hour_is_that_of_a_day_in_small() -> None:
    assert growth_a_day([sample(1, trades=100)], sample(0, trades=200, gaps=5)) == {"trades": 2400, "gaps": 120}


def test_what_shrinks_grows_by_less_than_nothing() -> None:
    assert growth_a_day([sample(12, trades=200)], sample(0, trades=100)) == {"trades": -200}


@pytest.mark.parametrize("age_ns", [0, SHORTEST_NS - 1, LONGEST_NS + 1, -HOUR])
def test_too_young_too_old_or_from_the_future_says_nothing(age_ns: int) -> None:
    assert growth_a_day([SizeSample(NOW - age_ns, {"trades": 1})], sample(0, trades=2)) == {}


def test_without_samples_nobody_knows() -> None:
    assert growth_a_day([], sample(0, trades=2)) == {}


def test_samples_of_the_last_day_are_kept_in_order() -> None:
    samples = [sample(1), sample(26), sample(24), sample(-1)]
    assert recent(samples, NOW) == [samples[2], samples[0]]


@pytest.mark.parametrize(
    ("free", "growth", "days"),
    [(1000, 100.0, 10), (0, 100.0, 0), (-5, 100.0, 0), (1000, 0.0, None), (1000, -1.0, None), (1000, None, None)],
)
def test_days_left(free: int, growth: float | None, days: float | None) -> None:
    assert days_left(free, growth) == days
