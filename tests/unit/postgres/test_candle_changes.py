"""Which minutes a batch has written to."""

from orderflow_recorder.postgres.candle_changes import MINUTE_NS, minutes_before


def test_minutes_before_the_mark_once_each_and_in_order() -> None:
    times = [5 * MINUTE_NS + 1, 3 * MINUTE_NS, 5 * MINUTE_NS, 7 * MINUTE_NS - 1, 7 * MINUTE_NS]
    assert minutes_before(times, 7 * MINUTE_NS) == [3 * MINUTE_NS, 5 * MINUTE_NS, 6 * MINUTE_NS]
    assert minutes_before(times, 3 * MINUTE_NS) == []


def test_times_before_1970_have_minutes_too() -> None:
    assert minutes_before([-1], 0) == [-MINUTE_NS]
