"""The venue's time of what we received."""

from datetime import datetime, timedelta

import polars as pl

from orderflow_recorder.plots.clocks import Clocks
from tests.support.pictures import NOON, SECOND

YEARS = timedelta(days=2_000)


def rows(*pairs: tuple[datetime, datetime | None]) -> pl.DataFrame:
    kind = pl.Datetime("us", "UTC")
    return pl.DataFrame(pairs, [("receive_time", kind), ("event_time", kind)], orient="row")


def test_the_nearest_row_tells_how_the_clocks_stand() -> None:
    clocks = Clocks(SECOND)
    clocks.add(rows((NOON + YEARS, NOON), (NOON + YEARS + 60 * SECOND, NOON + 61 * SECOND)))
    assert clocks.venue_time(NOON + YEARS + 2 * SECOND) == NOON + 2 * SECOND
    assert clocks.venue_time(NOON + YEARS - 2 * SECOND) == NOON - 2 * SECOND
    assert clocks.venue_time(NOON + YEARS + 50 * SECOND) == NOON + 51 * SECOND
    assert clocks.venue_time(NOON + YEARS + 70 * SECOND) == NOON + 71 * SECOND


def test_rows_that_came_by_rest_tell_nothing() -> None:
    clocks = Clocks(SECOND)
    clocks.add(rows((NOON + YEARS, None)))
    assert clocks.venue_time(NOON) is None


def test_of_each_step_one_row_is_kept_whatever_the_batches() -> None:
    clocks = Clocks(SECOND)
    for batch in range(3):
        clocks.add(rows(*((NOON + YEARS + at * SECOND / 10, NOON + at * SECOND / 10) for at in range(batch, 100, 3))))
    assert clocks.venue_time(NOON + YEARS + 3.3 * SECOND) == NOON + 3.3 * SECOND
