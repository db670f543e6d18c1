"""The clock's offset, and a process that stood still."""

import pytest

from orderflow_recorder.core.clock_quality import ClockOffset, ClockSample, ProgressWatch, Standstill, best_offset

MS = 1_000_000
NS = 1_000_000_000


def test_the_quickest_of_several_readings_counts() -> None:
    slow = ClockSample(sent_at=10 * NS, round_trip_s=0.8, venue_time=11 * NS)
    quick = ClockSample(sent_at=20 * NS, round_trip_s=0.02, venue_time=20 * NS - 1260 * MS)
    assert best_offset([slow, quick, slow]) == ClockOffset(offset_ms=1270.0, round_trip_ms=20.0)


def test_a_clock_behind_the_venues_has_a_negative_offset() -> None:
    assert best_offset([ClockSample(sent_at=0, round_trip_s=0.0, venue_time=1270 * MS)]).offset_ms == -1270.0


@pytest.mark.parametrize(
    ("offset_ms", "round_trip_ms", "is_off"),
    [(499, 0, False), (501, 0, True), (-1270, 30, True), (600, 400, False), (-30_000, 60_000, False)],
)
def test_a_clock_is_off_only_beyond_what_the_round_trip_leaves_in_doubt(
    offset_ms: float,
    round_trip_ms: float,
    is_off: bool,  # noqa: FBT001  # expectation
) -> None:
    assert ClockOffset(offset_ms, round_trip_ms).is_off is is_off


def test_looks_that_come_about_when_planned_say_nothing() -> None:
    watch = ProgressWatch(period_s=1.0, now=100.0)
    assert [watch.on_look(now, 0) for now in (101.0, 102.4, 108.4, 109.4)] == [None] * 4


def test_a_look_that_comes_far_too_late_means_that_nothing_ran() -> None:
    watch = ProgressWatch(period_s=1.0, now=100.0)
    assert watch.on_look(101.0, 5_000 * NS) is None
    assert watch.on_look(161.0, 5_060 * NS) == Standstill(from_time=5_000 * NS, to_time=5_060 * NS)
    assert watch.on_look(162.0, 5_061 * NS) is None


def test_a_wall_clock_that_is_set_is_no_standstill() -> None:
    watch = ProgressWatch(period_s=1.0, now=100.0)
    assert watch.on_look(101.0, 5_000 * NS) is None
    assert watch.on_look(102.0, 9_000 * NS) is None
    assert watch.on_look(103.0, 1_000 * NS) is None


def test_both_at_once_are_told_in_the_wall_clock_of_now() -> None:
    watch = ProgressWatch(period_s=1.0, now=100.0)
    assert watch.on_look(110.0, 1_000 * NS) == Standstill(from_time=990 * NS, to_time=1_000 * NS)
