"""Recording windows: inside or outside, and until when; also where the clock is changed."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from orderflow_recorder.core.window import RecordingWindow, WindowState

BERLIN = ZoneInfo(
    "Europe/Berlin"
)  # 2024: an hour is skipped on 31 March at 02:00, and comes twice on 27 October at 03:00


def ns(moment: datetime) -> int:
    return round(moment.timestamp()) * 1_000_000_000


def utc(text: str) -> int:
    """Return the moment of an ISO time in UTC."""
    return ns(datetime.fromisoformat(text).replace(tzinfo=UTC))


def window(start: str, end: str, offset: int = 0, zone: ZoneInfo = BERLIN) -> RecordingWindow:
    return RecordingWindow(time.fromisoformat(start), time.fromisoformat(end), end_day_offset=offset, zone=zone)


@pytest.mark.parametrize(
    ("now", "is_open", "until"),
    [
        ("2024-08-08 07:29:59", False, "2024-08-08 07:30"),
        ("2024-08-08 07:30:00", True, "2024-08-08 15:00"),
        ("2024-08-08 14:59:59", True, "2024-08-08 15:00"),
        ("2024-08-08 15:00:00", False, "2024-08-09 07:30"),
    ],
)
def test_within_a_day_the_start_is_inside_and_the_end_is_not(now: str, is_open: bool, until: str) -> None:  # noqa: FBT001  # expectation
    assert window("09:30", "17:00").at(utc(now)) == WindowState(is_open=is_open, until=utc(until))


@pytest.mark.parametrize(
    ("now", "is_open", "until"),
    [
        ("2024-08-08 05:59", True, "2024-08-08 06:00"),
        ("2024-08-08 06:00", False, "2024-08-08 22:00"),
        ("2024-08-08 22:00", True, "2024-08-09 06:00"),
        ("2024-08-09 00:00", True, "2024-08-09 06:00"),
    ],
)
def test_a_window_may_cross_midnight(now: str, is_open: bool, until: str) -> None:  # noqa: FBT001  # expectation
    assert window("22:00", "06:00", 1, ZoneInfo("UTC")).at(utc(now)) == WindowState(is_open=is_open, until=utc(until))


@pytest.mark.parametrize(("start", "end"), [("00:00", "00:00"), ("22:00", "00:00")])
def test_midnight_may_be_an_end(start: str, end: str) -> None:
    if start == end:
        with pytest.raises(ValueError, match="shorter than a day"):
            window(start, end, 1)
    else:
        assert window(start, end, 1, ZoneInfo("UTC")).at(utc("2024-08-08 23:59")).until == utc("2024-08-09 00:00")


def test_the_hours_of_a_window_follow_the_zone_through_the_year() -> None:
    rule = window("09:30", "17:00")
    assert rule.at(utc("2024-01-10 00:00")).until == utc("2024-01-10 08:30")
    assert rule.at(utc("2024-07-10 00:00")).until == utc("2024-07-10 07:30")


def test_a_skipped_start_is_the_moment_the_clock_jumps() -> None:
    rule = window("02:30", "06:00")
    assert rule.at(utc("2024-03-31 00:59")) == WindowState(is_open=False, until=utc("2024-03-31 01:00"))
    assert rule.at(utc("2024-03-31 01:00")) == WindowState(is_open=True, until=utc("2024-03-31 04:00"))


def test_a_skipped_end_is_the_moment_the_clock_jumps() -> None:
    rule = window("01:00", "02:30")
    assert rule.at(utc("2024-03-31 00:30")) == WindowState(is_open=True, until=utc("2024-03-31 01:00"))
    assert not rule.at(utc("2024-03-31 01:00")).is_open


def test_a_window_that_is_skipped_as_a_whole_does_not_open_that_day() -> None:
    rule = window("02:10", "02:50")
    assert rule.at(utc("2024-03-31 00:30")) == WindowState(is_open=False, until=utc("2024-04-01 00:10"))


def test_a_start_that_comes_twice_is_the_first_and_an_end_the_second() -> None:
    early = window("02:30", "12:00")
    assert early.at(utc("2024-10-27 00:00")).until == utc("2024-10-27 00:30")
    late = window("22:00", "02:30", 1)
    assert late.at(utc("2024-10-27 00:45")) == WindowState(is_open=True, until=utc("2024-10-27 01:30"))


def test_a_window_that_meets_the_next_one_in_the_hour_that_comes_twice_stays_open() -> None:
    rule = window("02:40", "02:20", 1)
    # Ends at the second 02:20 (01:20 UTC), when that of the same day has been open since the first 02:40 (00:40 UTC).
    assert rule.at(utc("2024-10-26 12:00")) == WindowState(is_open=True, until=utc("2024-10-28 01:20"))


@pytest.mark.parametrize(
    ("start", "end", "offset"), [("09:00", "09:00", 0), ("09:00", "08:00", 0), ("09:00", "09:01", 1)]
)
def test_a_window_without_length_or_longer_than_a_day_is_refused(start: str, end: str, offset: int) -> None:
    with pytest.raises(ValueError, match="expected a window longer than nothing"):
        window(start, end, offset)
