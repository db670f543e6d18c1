"""Which period a picture is of, and where it goes."""

from datetime import UTC, datetime, timedelta

import pytest

from orderflow_recorder.app.plot import PlotRequest, default_name, wanted_period
from orderflow_recorder.domain.market import Market
from orderflow_recorder.plots.errors import PlotError

NOON = datetime(2024, 8, 8, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LAST = NOON + timedelta(microseconds=1)
"""The newest record is part of the picture."""


@pytest.mark.parametrize(
    ("start", "end", "length", "expected"),
    [
        (None, None, None, (NOON - 9 * MINUTE, LAST)),
        (None, None, MINUTE, (LAST - MINUTE, LAST)),
        (NOON - 30 * MINUTE, None, None, (NOON - 30 * MINUTE, LAST)),
        (NOON - 30 * MINUTE, None, MINUTE, (NOON - 30 * MINUTE, NOON - 29 * MINUTE)),
        (None, NOON - 8 * MINUTE, 5 * MINUTE, (NOON - 9 * MINUTE, NOON - 8 * MINUTE)),
        (None, NOON - 20 * MINUTE, MINUTE, (NOON - 21 * MINUTE, NOON - 20 * MINUTE)),
        (None, NOON - 5 * MINUTE, MINUTE, (NOON - 6 * MINUTE, NOON - 5 * MINUTE)),
        (NOON - 3 * MINUTE, NOON + 5 * MINUTE, None, (NOON - 3 * MINUTE, NOON + 5 * MINUTE)),
    ],
)
def test_the_period_is_what_was_asked_for_or_the_last_minutes(
    start: datetime | None, end: datetime | None, length: timedelta | None, expected: tuple[datetime, datetime]
) -> None:
    request = PlotRequest(market=Market.SPOT, symbol="BTCUSDT", start=start, end=end, length=length)
    period = wanted_period(request, (NOON - 9 * MINUTE, NOON))
    assert (period.start, period.end) == expected


def test_a_start_after_all_records_is_an_error_that_names_the_newest() -> None:
    with pytest.raises(PlotError, match=r"happened at 2024-08-08T12:00:00\+00:00"):
        wanted_period(PlotRequest(market=Market.SPOT, symbol="BTCUSDT", start=NOON + MINUTE), (NOON, NOON))


def test_the_file_is_named_by_what_it_shows() -> None:
    period = wanted_period(PlotRequest(market=Market.USDM, symbol="BTCUSDT"), (NOON - 60 * MINUTE, NOON))
    assert default_name(period) == "usdm_BTCUSDT_20240808T115000Z_20240808T120000Z"
