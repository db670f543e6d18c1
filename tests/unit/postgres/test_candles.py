"""Where intervals begin."""

from datetime import UTC, datetime

import pytest

from orderflow_recorder.postgres.candles import aligned


@pytest.mark.parametrize(
    ("seconds", "moment", "expected"),
    [
        (60, "2026-01-31T12:00", "2026-01-31T12:00"),
        (60, "2026-01-31T12:00:00.000001", "2026-01-31T12:01"),
        (14_400, "2026-01-31T12:30", "2026-01-31T16:00"),
        (86_400, "2026-01-31T12:30", "2026-02-01T00:00"),
        (604_800, "2026-01-31T12:30", "2026-02-02T00:00"),  # a Monday
        (5, "1999-12-31T23:59:58", "2000-01-01T00:00"),
    ],
)
def test_an_interval_begins_at_or_after_a_moment(seconds: int, moment: str, expected: str) -> None:
    found = aligned(datetime.fromisoformat(moment).replace(tzinfo=UTC), seconds)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)
