"""Rates."""

from orderflow_recorder.live.rates import Rate


def test_the_mean_is_of_the_last_ten_whole_seconds() -> None:
    rate = Rate()
    for second in range(100, 130):
        for _ in range(second - 100):
            rate.add(second)
    assert rate.per_second(130, 100) == sum(range(20, 30)) / 10
    assert rate.per_second(129, 100) == sum(range(19, 29)) / 10


def test_a_rate_ends_when_nothing_comes() -> None:
    rate = Rate()
    for _ in range(50):
        rate.add(100)
    assert rate.per_second(101, 0) == 5
    assert rate.per_second(110, 0) == 5
    assert rate.per_second(111, 0) == 0


def test_what_was_before_the_beginning_does_not_count() -> None:
    rate = Rate()
    rate.add(100)
    rate.add(101)
    assert rate.per_second(102, 100) == 1
    assert rate.per_second(100, 100) == 0
