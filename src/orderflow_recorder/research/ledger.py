"""The ledger as frames, and its holes by the venue's clock.

A gap knows ids and receive times. Rows are asked for by the venue's time, and the two clocks say nothing
of each other: so a gap is placed by the rows on both sides of it.
"""

from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec
import polars as pl
import psycopg
import pyarrow as pa
from psycopg import sql

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind
from orderflow_recorder.postgres.ledger_reads import TABLES, Filter
from orderflow_recorder.postgres.tables import metadata
from orderflow_recorder.research.batches import TIMES, columns_schema, within
from orderflow_recorder.research.decimals import Numbers
from orderflow_recorder.research.streaming import read_table

_ORDERS: Final[dict[str, LiteralString]] = {
    "gaps": "market, symbol, stream, coalesce(from_time, opened_at), gap_id",
    "coverage": "market, symbol, stream",
    "instruments": "market, symbol",
}

_IDS: Final = {
    StreamKind.TRADE: "trade_id",
    StreamKind.AGG_TRADE: "agg_trade_id",
    StreamKind.DEPTH: "final_update_id",
}

_GAPS: Final[LiteralString] = """
SELECT gap_id, stream, first_missing_id, last_missing_id, from_time, to_time, cause, status, reason
FROM public.gaps
WHERE market = %(market)s AND symbol = %(symbol)s AND stream = %(stream)s AND status <> 'healed'
ORDER BY first_missing_id, from_time, gap_id
"""

# The rows of the span, and the one before and the one after it: a hole may reach over its ends. Counted by how many
# gaps lie below each, the last row of one number and the first of a greater one have a gap between them.
_ROUND_GAPS: Final = """
SELECT below, min(time), max(time)
FROM (
    SELECT width_bucket({position}, %(gaps)s::{type}[]) AS below, {time} AS time FROM {table} WHERE {inside}
    UNION ALL
    (SELECT width_bucket({position}, %(gaps)s::{type}[]), {time} FROM {table} WHERE {before}
     ORDER BY {time} DESC, {position} DESC LIMIT 1)
    UNION ALL
    (SELECT width_bucket({position}, %(gaps)s::{type}[]), {time} FROM {table} WHERE {after}
     ORDER BY {time}, {position} LIMIT 1)
) AS rows
GROUP BY below ORDER BY below
"""

_HOLES_SCHEMA: Final = {
    "gap_id": pl.Int64(),
    "stream": pl.String(),
    "start": pl.Datetime("us", "UTC"),
    "end": pl.Datetime("us", "UTC"),
    "first_missing_id": pl.Int64(),
    "last_missing_id": pl.Int64(),
    "cause": pl.String(),
    "status": pl.String(),
    "reason": pl.String(),
}


def small_table_schema(table: str, numbers: Numbers = "exact") -> pa.Schema:
    """Return the columns of ``gaps``, ``coverage`` or ``instruments``."""
    return columns_schema(list(metadata.tables[table].columns), numbers)


def read_small_table(
    connection: psycopg.Connection[Any], table: str, wanted: Filter, numbers: Numbers = "exact"
) -> pa.Table:
    """Return a small table, every column of it.

    Args:
        connection: Open.
        table: ``gaps``, ``coverage`` or ``instruments``.
        wanted: Market, symbol, stream and status; none means all.
        numbers: How prices and quantities come.
    """
    columns = list(metadata.tables[table].columns)
    conditions = [
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(str(value)))
        for name, value in msgspec.structs.asdict(wanted).items()
        if value is not None
    ]
    query = sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {}").format(
        sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
        sql.Identifier("public", table),
        sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true"),
        sql.SQL(_ORDERS[table]),
    )
    return read_table(connection, query, columns_schema(columns, numbers), name=table)


def read_holes(
    connection: psycopg.Connection[Any],
    stream: tuple[Market, str, str],
    kind: StreamKind,
    start: datetime | None,
    end: datetime | None,
) -> pl.DataFrame:
    """Return what is missing of a stream within a span, by the time that orders its table.

    Args:
        connection: In a transaction that sees one moment.
        stream: Market, symbol, wire name without the symbol.
        kind: What it carries.
        start: First moment, aware; none: from the first row.
        end: The moment after the last one, aware; none: to the last row.

    Returns:
        A row for each gap that lies between the last row before the span and the first one after it:
        ``start`` is the time of the row before the gap, ``end`` that of the row after it.
    """
    market, symbol, name = stream
    found = connection.execute(_GAPS, {"market": market, "symbol": symbol, "stream": name}).fetchall()
    # A gap without ids is known by when its neighbours were received.
    gaps = sorted(
        ((row[2] if kind in _IDS else row[5], row) for row in found if row[2 if kind in _IDS else 5] is not None),
        key=lambda gap: gap[0],
    )
    if not gaps:
        return pl.DataFrame(schema=_HOLES_SCHEMA)
    befores, afters = _neighbours(
        _count_below(connection, (market, symbol), kind, (start, end), [position for position, _ in gaps]), len(gaps)
    )
    holes = [
        (gap_id, name, before, after, first, last, cause, status, reason)
        for before, after, (_, (gap_id, _, first, last, _, _, cause, status, reason)) in zip(
            befores, afters, gaps, strict=True
        )
        if before is not None and after is not None
    ]
    return pl.DataFrame(holes, schema=_HOLES_SCHEMA, orient="row")


def _count_below(
    connection: psycopg.Connection[Any],
    key: tuple[Market, str],
    kind: StreamKind,
    span: tuple[datetime | None, datetime | None],
    gaps: list[Any],
) -> dict[int, tuple[datetime, datetime]]:
    """Return the first and the last time of the rows that have so many gaps below them, for each number."""
    table = TABLES[kind]
    time = TIMES[table]
    start, end = span
    query = sql.SQL(_ROUND_GAPS).format(
        position=sql.Identifier(_IDS.get(kind, "receive_time")),
        type=sql.SQL("bigint" if kind in _IDS else "timestamptz"),
        time=sql.Identifier(time),
        table=sql.Identifier("public", table),
        inside=within(time, *key, start, end),
        before=sql.SQL("false") if start is None else within(time, *key, None, start),
        after=sql.SQL("false") if end is None else within(time, *key, end, None),
    )
    rows = connection.execute(query, {"gaps": gaps}).fetchall()
    return {below: (first, last) for below, first, last in rows}


def _neighbours(
    times: dict[int, tuple[datetime, datetime]], gaps: int
) -> tuple[list[datetime | None], list[datetime | None]]:
    """Return for each gap the last time of the rows below it, and the first time of those above it."""
    befores: list[datetime | None] = []
    afters: list[datetime | None] = []
    for number in range(gaps):
        last = times[number][1] if number in times else None
        befores.append(max((one for one in (last, *befores[-1:]) if one is not None), default=None))
    for number in range(gaps, 0, -1):
        first = times[number][0] if number in times else None
        afters.append(min((one for one in (first, *afters[-1:]) if one is not None), default=None))
    return befores, afters[::-1]
