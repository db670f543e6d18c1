"""Coverage and holes of a picture, from the ledger, put on the venue's clock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
import polars as pl

from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind, stream_kind
from orderflow_recorder.plots.clocks import Clocks
from orderflow_recorder.plots.holes import Hole
from orderflow_recorder.plots.picture import Strip
from orderflow_recorder.plots.source import Source

BY_OUR_CLOCK: Final = frozenset({StreamKind.BOOK_TICKER, StreamKind.PARTIAL_DEPTH})
"""Streams whose rows have no venue time on every market."""


class Seen(msgspec.Struct):
    """What was read of a stream: ids and times of its first and its last row within the period."""

    first_id: int
    last_id: int
    first_time: datetime
    last_time: datetime


class Period(msgspec.Struct, frozen=True):
    """What a picture is of.

    Attributes:
        market: The market.
        symbol: Upper case.
        start: First instant, by the venue's clock.
        end: First instant after it.
    """

    market: Market
    symbol: str
    start: datetime
    end: datetime


def holes_of(source: Source, period: Period, stream: str) -> list[Hole]:
    """Return what is missing of a stream whose rows have a venue time."""
    rows = source.holes(period.market, period.symbol, stream, period.start, period.end)
    return [hole for row in rows.iter_rows(named=True) if (hole := _hole(period, row, row["start"], row["end"]))]


def holes_by_clocks(source: Source, period: Period, clocks: Clocks) -> list[Hole]:
    """Return what is missing of the streams whose rows have no venue time."""
    found = []
    for row in source.gaps(period.market, period.symbol).iter_rows(named=True):
        if row["status"] == GapStatus.HEALED or stream_kind(period.market, row["stream"]) not in BY_OUR_CLOCK:
            continue
        start, end = (row[name] and clocks.venue_time(row[name]) for name in ("from_time", "to_time"))
        if start is not None and end is not None and (hole := _hole(period, row, start, end)):
            found.append(hole)
    return found


def strips(period: Period, coverage: pl.DataFrame, seen: dict[str, Seen], clocks: Clocks) -> list[Strip]:
    """Return from where to where each stream is recorded within a period.

    Args:
        period: The period.
        coverage: Of the ledger.
        seen: What was read, by stream; the others are placed by ``clocks``.
        clocks: Of the rows read.
    """
    found = []
    for row in coverage.sort("stream").iter_rows(named=True):
        rows = seen.get(row["stream"])
        if rows is None:
            start, end = clocks.venue_time(row["first_time"]), clocks.venue_time(row["last_time"])
        else:
            start = period.start if row["first_id"] < rows.first_id else rows.first_time
            end = period.end if row["last_id"] > rows.last_id else rows.last_time
        if start is not None and end is not None and start < period.end and end >= period.start:
            found.append(Strip(row["stream"], max(start, period.start), min(end, period.end)))
    return found


def recorded(streams: Sequence[str], market: Market, kind: StreamKind) -> list[str]:
    """Return the streams of a kind."""
    return [stream for stream in streams if stream_kind(market, stream) is kind]


def _hole(period: Period, row: dict[str, Any], start: datetime, end: datetime) -> Hole | None:
    if start >= period.end or end < period.start:
        return None
    return Hole(
        row["stream"],
        max(start, period.start),
        min(end, period.end),
        row["first_missing_id"],
        row["last_missing_id"],
        row["cause"],
        row["status"],
        row["reason"] or "",
    )
