"""Coverage and holes on the venue's clock."""

from datetime import datetime, timedelta
from typing import Any, Literal

import polars as pl

from orderflow_recorder.domain.market import Market
from orderflow_recorder.plots.clocks import Clocks
from orderflow_recorder.plots.ledger import Period, Seen, holes_by_clocks, holes_of, strips
from orderflow_recorder.plots.picture import Strip
from orderflow_recorder.plots.source import RebuiltBook
from tests.support.pictures import MINUTE, NOON, SECOND

PERIOD = Period(Market.SPOT, "BTCUSDT", NOON, NOON + MINUTE)
YEARS = timedelta(days=2_000)
TIME = pl.Datetime("us", "UTC")


class Ledger:
    """A source that has a ledger alone."""

    def __init__(self, gaps: list[dict[str, Any]], holes: list[dict[str, Any]]) -> None:
        """Take the rows that are given back."""
        self._gaps = gaps
        self._holes = holes

    def gaps(self, _market: Market, _symbol: str, /) -> pl.DataFrame:
        return pl.DataFrame(self._gaps, schema_overrides={"from_time": TIME, "to_time": TIME})

    def holes(self, _market: Market, _symbol: str, _stream: str, _start: datetime, _end: datetime, /) -> pl.DataFrame:
        return pl.DataFrame(self._holes, schema_overrides={"start": TIME, "end": TIME})

    def coverage(self, _market: Market, _symbol: str, /) -> pl.DataFrame:
        raise NotImplementedError

    def instruments(self) -> pl.DataFrame:
        raise NotImplementedError

    def period(self, _market: Market, _symbol: str, _table: str, /) -> tuple[datetime, datetime] | None:
        raise NotImplementedError

    def trades(
        self, _market: Market, _symbol: str, _start: datetime, _end: datetime, /, *, numbers: Literal["float"]
    ) -> pl.DataFrame:
        raise NotImplementedError

    agg_trades = depth_diffs = trades

    def book(
        self, _market: Market, _symbol: str, _at: datetime, /, *, levels: None, numbers: Literal["float"]
    ) -> RebuiltBook:
        raise NotImplementedError


def gap(stream: str, start: datetime, end: datetime, status: str = "open", **other: object) -> dict[str, Any]:
    ids = {"first_missing_id": None, "last_missing_id": None, "cause": "stall", "reason": None}
    return {"stream": stream, "status": status, "from_time": start, "to_time": end, **ids, **other}


def clocks() -> Clocks:
    found = Clocks(SECOND)
    found.add(pl.DataFrame({"receive_time": [NOON + YEARS], "event_time": [NOON]}))
    return found


def test_gaps_by_our_clock_are_put_on_the_venues() -> None:
    received = NOON + YEARS
    source = Ledger(
        [
            gap("bookTicker", received + SECOND, received + 2 * SECOND),
            gap("bookTicker", received + 50 * SECOND, received + 90 * SECOND, "unrecoverable", reason="gone"),
            gap("bookTicker", received + 5 * SECOND, received + 6 * SECOND, "healed"),
            gap("bookTicker", received + 70 * SECOND, received + 80 * SECOND),
            gap("trade", received + SECOND, received + 2 * SECOND),
        ],
        [],
    )
    found = holes_by_clocks(source, PERIOD, clocks())
    assert [((hole.start - NOON) / SECOND, (hole.end - NOON) / SECOND) for hole in found] == [(1, 2), (50, 60)]
    assert [(hole.status, hole.reason) for hole in found] == [("open", ""), ("unrecoverable", "gone")]


def test_holes_are_cut_off_with_the_period() -> None:
    ends = {"start": NOON - SECOND, "end": NOON + SECOND}
    hole = gap("trade", NOON, NOON, first_missing_id=3, last_missing_id=4) | ends
    (found,) = holes_of(Ledger([], [hole]), PERIOD, "trade")
    assert (found.start, found.end, found.first_id, found.last_id) == (NOON, NOON + SECOND, 3, 4)


def test_streams_go_from_their_first_row_to_their_last_or_beyond_the_period() -> None:
    coverage = pl.DataFrame(
        {
            "stream": ["trade", "depth@100ms", "bookTicker", "aggTrade"],
            "first_id": [10, 1, None, 1],
            "last_id": [90, 99, None, 2],
            "first_time": [NOON + YEARS - 3 * MINUTE, NOON, NOON + YEARS + 3 * SECOND, NOON + YEARS - 9 * MINUTE],
            "last_time": [NOON + YEARS, NOON, NOON + YEARS + 5 * MINUTE, NOON + YEARS - 8 * MINUTE],
        }
    )
    seen = {
        "trade": Seen(10, 50, NOON + SECOND, NOON + 40 * SECOND),
        "depth@100ms": Seen(5, 99, NOON + 2 * SECOND, NOON + 50 * SECOND),
    }
    assert strips(PERIOD, coverage, seen, clocks()) == [
        Strip("bookTicker", NOON + 3 * SECOND, NOON + MINUTE),
        Strip("depth@100ms", NOON, NOON + 50 * SECOND),
        Strip("trade", NOON + SECOND, NOON + MINUTE),
    ]
