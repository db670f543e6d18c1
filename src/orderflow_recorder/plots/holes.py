"""Holes of streams in a picture: what is not there must not look as if it were."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import polars as pl


class Hole(msgspec.Struct, frozen=True):
    """Something missing of one stream, by the venue's clock.

    Attributes:
        stream: Wire name without the symbol.
        start: When the row before it happened, or the period's start.
        end: When the row after it happened, or the period's end.
        first_id: First missing id; none where the stream has no ids.
        last_id: Last missing id.
        cause: Why it is missing.
        status: Open or unrecoverable.
        reason: Why no source has it; empty if one may.
    """

    stream: str
    start: datetime
    end: datetime
    first_id: int | None
    last_id: int | None
    cause: str
    status: str
    reason: str


def run_of(time: pl.Expr, holes: Sequence[Hole]) -> pl.Expr:
    """Return the number of the unbroken run that each time is in: no line joins two runs.

    Args:
        time: A column of times, UTC.
        holes: Of the stream that the rows are of.
    """
    ends = pl.Series(sorted(hole.end for hole in holes), dtype=pl.Datetime("us", "UTC"))
    return time.map_batches(lambda times: ends.search_sorted(times, side="right"), return_dtype=pl.UInt32)


def touched(start: pl.Expr, end: pl.Expr, holes: Sequence[Hole]) -> pl.Expr:
    """Return whether something is missing between two columns of times."""
    starts = pl.Series(sorted(hole.start for hole in holes), dtype=pl.Datetime("us", "UTC"))
    ends = pl.Series(sorted(hole.end for hole in holes), dtype=pl.Datetime("us", "UTC"))
    begun = end.map_batches(lambda times: starts.search_sorted(times, side="left"), return_dtype=pl.UInt32)
    over = start.map_batches(lambda times: ends.search_sorted(times, side="right"), return_dtype=pl.UInt32)
    return begun > over


def missing_words(hole: Hole) -> str:
    """Return how much is missing."""
    if hole.first_id is None or hole.last_id is None:
        return f"{(hole.end - hole.start).total_seconds():,.3f} s"
    count = hole.last_id - hole.first_id + 1
    return f"{count:,} id{'' if count == 1 else 's'}"


def ids_words(hole: Hole) -> str:
    """Return which ids are missing."""
    if hole.first_id is None or hole.last_id is None:
        return "none: the stream has no ids"
    return f"{hole.first_id} to {hole.last_id}"
