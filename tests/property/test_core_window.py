"""Windows against the wall clock, read minute by minute."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.core.window import RecordingWindow

NS = 1_000_000_000
ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")]
times = st.builds(time, st.integers(0, 23), st.integers(0, 59))
moments = st.datetimes(datetime(2023, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # made aware by the strategy


zones = st.sampled_from(ZONES)
bounds = st.tuples(times, times).filter(lambda pair: pair[0] != pair[1])


def window_of(start: time, end: time, zone: ZoneInfo) -> RecordingWindow:
    """Return a window of a length that is allowed."""
    return RecordingWindow(start, end, end_day_offset=int(end < start), zone=zone)


def comes_twice(zone: ZoneInfo, moment: datetime) -> bool:
    """Say whether the clock is set back within a day of ``moment``."""
    before, after = ((moment + timedelta(days=days)).astimezone(zone).utcoffset() for days in (-1, 1))
    assert before is not None
    assert after is not None
    return after < before


@given(bounds, zones, moments)
def test_a_moment_is_inside_while_the_wall_clock_says_so(
    pair: tuple[time, time], zone: ZoneInfo, moment: datetime
) -> None:
    moment = moment.replace(microsecond=0)
    start, end = pair
    wall = moment.astimezone(zone).time()
    shown = start <= wall < end if start < end else wall >= start or wall < end
    state = window_of(start, end, zone).at(round(moment.timestamp()) * NS)
    if shown or not comes_twice(zone, moment):
        assert state.is_open is shown


@given(bounds, zones, moments)
def test_nothing_changes_before_the_boundary_and_everything_at_it(
    pair: tuple[time, time], zone: ZoneInfo, moment: datetime
) -> None:
    window = window_of(*pair, zone)
    now = round(moment.timestamp()) * NS
    state = window.at(now)
    assert now < state.until < now + 4 * 86_400 * NS
    assert window.at((now + state.until) // 2) == state
    assert window.at(state.until - 1) == state
    assert window.at(state.until).is_open is not state.is_open
