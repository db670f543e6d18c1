"""Times as text."""

from datetime import datetime, timedelta, timezone

from orderflow_recorder.live.times import iso, iso_moment


def test_times_are_cut_to_microseconds() -> None:
    assert iso(1_723_118_400_000_001_999) == "2024-08-08T12:00:00.000001Z"
    assert iso(1_723_118_399_999_999_999) == "2024-08-08T11:59:59.999999Z"


def test_moments_are_told_in_utc() -> None:
    moment = datetime(2024, 8, 8, 14, tzinfo=timezone(timedelta(hours=2)))
    assert iso_moment(moment) == "2024-08-08T12:00:00.000000Z"
