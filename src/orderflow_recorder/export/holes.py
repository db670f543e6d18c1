"""Which gaps touch a partition.

A gap is known by ids and receive times, a partition is cut by the venue's time; the two clocks say
nothing of each other. So a gap is placed by the rows next to it: it touches a partition where it lies
between the last row before the partition and the first row after it.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg

from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.domain.streams import stream_kind
from orderflow_recorder.export.sidecar import Covered, Hole, TableReport
from orderflow_recorder.postgres.export_reads import (
    Neighbour,
    Span,
    Stock,
    read_neighbours,
    read_stock,
    streams_of_candles,
    times_round_holes,
)
from orderflow_recorder.postgres.export_tables import CANDLES
from orderflow_recorder.postgres.ledger_reads import TABLES, CoverageRow, Filter, GapRow, read_coverage, read_gaps

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def report_table(connection: psycopg.Connection[Any], span: Span, stock: Stock) -> TableReport:
    """Return what a table has in a span, and what is missing.

    Args:
        connection: At one moment for everything.
        span: The partition's rows.
        stock: What it holds.
    """
    if span.table in CANDLES:
        return _report_candles(connection, span, stock)
    wanted = Filter(span.market, span.symbol)
    feeds = [row for row in read_coverage(connection, wanted) if _feeds(row, span)]
    gaps = [gap for gap in read_gaps(connection, wanted) if _feeds(gap, span) and gap.status is not GapStatus.HEALED]
    before, after = read_neighbours(connection, span)
    found = touching(gaps, stock, before, after)
    holes = _place(connection, span, found, before, after) if found else []
    coverage = [Covered(row.stream, row.first_id, row.last_id, row.first_time, row.last_time) for row in feeds]
    return TableReport(span.table, stock.rows, stock.first, stock.last, coverage, holes)


def _report_candles(connection: psycopg.Connection[Any], span: Span, stock: Stock) -> TableReport:
    """Report what is missing of the rows that candles are made of, or were: they may be gone."""
    coverage: list[Covered] = []
    holes: list[Hole] = []
    for stream in streams_of_candles(connection, span):
        table = TABLES[stream_kind(span.market, stream)]
        rows = Span(table, "trade_time", span.market, span.symbol, span.start, span.end)
        source = report_table(connection, rows, read_stock(connection, rows))
        coverage += source.coverage
        holes += source.holes
    return TableReport(span.table, stock.rows, stock.first, stock.last, coverage, holes)


def touching(gaps: Iterable[GapRow], stock: Stock, before: Neighbour | None, after: Neighbour | None) -> list[GapRow]:
    """Return the gaps that lie between the rows on either side of a partition, lowest first.

    Args:
        gaps: Of the streams that feed one table.
        stock: Rows of the partition.
        before: Last row before the partition; without one, nothing earlier was recorded or kept.
        after: First row after it.
    """
    lowest = _lowest(stock, before)
    highest = None if after is None else max(after.position, after.position if stock.last is None else stock.last)
    found = [
        gap
        for gap in gaps
        if (lowest is None or bounds(gap)[1] > lowest) and (highest is None or bounds(gap)[0] < highest)
    ]
    return sorted(found, key=lambda gap: (bounds(gap), gap.stream))


def _lowest(stock: Stock, before: Neighbour | None) -> int | None:
    if before is not None:
        return before.position if stock.first is None else min(before.position, stock.first)
    # Older gaps belong to rows that are gone; one that ends right before the first row does not.
    return None if stock.first is None else stock.first - 2


def bounds(gap: GapRow) -> tuple[int, int]:
    """Return the first and last position that a gap misses: ids, or µs between its neighbours' receive times."""
    if gap.first_missing_id is not None and gap.last_missing_id is not None:
        return gap.first_missing_id, gap.last_missing_id
    first = gap.from_time or gap.opened_at
    last = gap.to_time or gap.opened_at
    return _microseconds(first) + 1, _microseconds(last) - 1


def _place(
    connection: psycopg.Connection[Any],
    span: Span,
    gaps: Sequence[GapRow],
    before: Neighbour | None,
    after: Neighbour | None,
) -> list[Hole]:
    """Give each gap the times of the rows next to it."""
    inside = times_round_holes(connection, span, [bounds(gap)[0] for gap in gaps])
    return [
        Hole(
            stream=gap.stream,
            first_missing_id=gap.first_missing_id,
            last_missing_id=gap.last_missing_id,
            time_before=earlier or (before.time if before else None),
            time_after=later or (after.time if after else None),
            from_time=gap.from_time,
            to_time=gap.to_time,
            cause=gap.cause,
            status=gap.status,
            reason=gap.reason,
        )
        for gap, (earlier, later) in zip(gaps, inside, strict=True)
    ]


def _feeds(row: CoverageRow | GapRow, span: Span) -> bool:
    return TABLES.get(stream_kind(row.market, row.stream)) == span.table


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND
