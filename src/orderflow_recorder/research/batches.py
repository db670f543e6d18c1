"""Rows of one symbol and a span of time as a stream of Arrow batches.

In the order of the table's natural key: by time, then id. ``market`` and ``symbol``, the same in every
row, are left out.
"""

from collections.abc import Generator
from datetime import datetime
from typing import Any, Final

import psycopg
import pyarrow as pa
import sqlalchemy as sa
from psycopg import sql

from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.tables import metadata
from orderflow_recorder.research.decimals import NUMBER_TYPES, Numbers
from orderflow_recorder.research.streaming import ROWS, stream_batches

TIMES: Final[dict[str, str]] = {
    "trades": "trade_time",
    "agg_trades": "trade_time",
    "depth_diffs": "event_time",
    "book_snapshots": "receive_time",
    "book_tops": "receive_time",
    "book_tickers": "receive_time",
    "mark_prices": "event_time",
    "liquidations": "event_time",
}
"""The tables that can be read, and the time each is ordered and cut by: the venue's where every row has one."""

KEY: Final = ("market", "symbol")


def table_schema(table: str, numbers: Numbers = "exact") -> pa.Schema:
    """Return the columns that `read_batches` gives of a table.

    Args:
        table: One of `TIMES`.
        numbers: How prices and quantities come.
    """
    return columns_schema(table_columns(table), numbers)


def columns_schema(columns: list[sa.Column[Any]], numbers: Numbers) -> pa.Schema:
    """Return columns of the database as Arrow has them."""
    return pa.schema(
        pa.field(column.name, _arrow_type(column, numbers), nullable=bool(column.nullable)) for column in columns
    )


def read_batches(
    connection: psycopg.Connection[Any],
    table: str,
    market: Market,
    symbol: str,
    start: datetime | None,
    end: datetime | None,
    *,
    numbers: Numbers = "exact",
    rows: int = ROWS,
) -> Generator[pa.RecordBatch, None, None]:
    """Yield the rows of a symbol by time, then id.

    The connection is busy until the last batch was taken, or the generator closed: use `contextlib.closing`
    wherever the loop may end early, be it by an error.

    Args:
        connection: Open; inside a transaction or not.
        table: One of `TIMES`, which also names the time that ``start`` and ``end`` speak of.
        market: The market.
        symbol: Upper case.
        start: First moment, aware; none: from the first row.
        end: The moment after the last one, aware; none: to the last row.
        numbers: How prices and quantities come.
        rows: The most rows of a batch; fewer where they are long.

    Raises:
        NumberTooWideError: A number does not fit, where they are to be exact.
        psycopg.Error: The database failed.
    """
    query = _select(table, within(TIMES[table], market, symbol, start, end))
    yield from stream_batches(connection, query, table_schema(table, numbers), name=table, rows=rows)


def within(time: str, market: Market, symbol: str, start: datetime | None, end: datetime | None) -> sql.Composed:
    """Return the condition on rows of a symbol and a span of a time column; literals are quoted by libpq."""
    conditions = [
        sql.SQL("market = {}").format(sql.Literal(str(market))),
        sql.SQL("symbol = {}").format(sql.Literal(symbol)),
    ]
    if start is not None:
        conditions.append(sql.SQL("{} >= {}").format(sql.Identifier(time), sql.Literal(start)))
    if end is not None:
        conditions.append(sql.SQL("{} < {}").format(sql.Identifier(time), sql.Literal(end)))
    return sql.SQL(" AND ").join(conditions)


def _select(table: str, condition: sql.Composed) -> sql.Composed:
    (key,) = (index for index in metadata.tables[table].indexes if index.unique)
    return sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {}").format(
        sql.SQL(", ").join(sql.Identifier(column.name) for column in table_columns(table)),
        sql.Identifier("public", table),
        condition,
        sql.SQL(", ").join(sql.Identifier(column.name) for column in key.columns if column.name not in KEY),
    )


def table_columns(table: str) -> list[sa.Column[Any]]:
    """Return the columns of a table but for market and symbol."""
    return [column for column in metadata.tables[table].columns if column.name not in KEY]


def _arrow_type(column: sa.Column[Any], numbers: Numbers) -> pa.DataType:
    match column.type:
        case sa.ARRAY():
            return pa.list_(pa.field("item", NUMBER_TYPES[numbers], nullable=False))
        case sa.Numeric():
            return NUMBER_TYPES[numbers]
        case sa.DateTime():
            return pa.timestamp("us", "UTC")
        case sa.Boolean():
            return pa.bool_()
        case sa.BigInteger():
            return pa.int64()
        case _:
            return pa.string()
