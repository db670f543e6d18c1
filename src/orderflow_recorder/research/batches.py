"""Rows of one symbol and a span of time as a stream of Arrow batches.

The server writes the rows as CSV (``COPY … TO STDOUT``) in the order of the table's natural key, and
pyarrow reads that block by block: neither side ever holds more than a batch, and no row passes
through Python. ``market`` and ``symbol``, the same in every row, are left out.
"""

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
import sqlalchemy as sa
from psycopg import sql

from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.tables import metadata
from orderflow_recorder.research.decimals import NUMBER_TYPES, DoesNotFitError, Numbers, to_lists, to_numbers
from orderflow_recorder.research.errors import NumberTooWideError

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

ROWS: Final = 65_536
"""The most rows of a batch, if nothing else is said."""

_MOST_BYTES: Final = 16 << 20
"""A batch ends early once its text is this long: some rows are whole books."""

_SAME_IN_EVERY_ROW: Final = ("market", "symbol")
_TIMESTAMP: Final = pa.timestamp("us", "UTC")


def table_schema(table: str, numbers: Numbers = "exact") -> pa.Schema:
    """Return the columns that `read_batches` gives of a table.

    Args:
        table: One of `TIMES`.
        numbers: How prices and quantities come.
    """
    return pa.schema(
        pa.field(column.name, _arrow_type(column, numbers), nullable=bool(column.nullable))
        for column in _columns(table)
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
) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a symbol by time, then id.

    The connection is busy until the last batch was taken, or the iterator closed.

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
    statement = _statement(table, market, symbol, start, end)
    with connection.transaction():
        connection.execute("SET LOCAL timezone TO 'UTC'")
        connection.execute("SET LOCAL datestyle TO 'ISO'")
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for text in _blocks(copy, rows):
                yield _parse(table, text, numbers)


def _columns(table: str) -> list[sa.Column[Any]]:
    return [column for column in metadata.tables[table].columns if column.name not in _SAME_IN_EVERY_ROW]


def _arrow_type(column: sa.Column[Any], numbers: Numbers) -> pa.DataType:
    match column.type:
        case sa.ARRAY():
            return pa.list_(pa.field("item", NUMBER_TYPES[numbers], nullable=False))
        case sa.Numeric():
            return NUMBER_TYPES[numbers]
        case sa.DateTime():
            return _TIMESTAMP
        case sa.Boolean():
            return pa.bool_()
        case sa.BigInteger():
            return pa.int64()
        case _:
            return pa.string()


def _statement(table: str, market: Market, symbol: str, start: datetime | None, end: datetime | None) -> sql.Composed:
    """Return the COPY; it takes no parameters, so the values are literals, quoted by libpq."""
    time = sql.Identifier(TIMES[table])
    conditions = [
        sql.SQL("market = {}").format(sql.Literal(str(market))),
        sql.SQL("symbol = {}").format(sql.Literal(symbol)),
    ]
    if start is not None:
        conditions.append(sql.SQL("{} >= {}").format(time, sql.Literal(start)))
    if end is not None:
        conditions.append(sql.SQL("{} < {}").format(time, sql.Literal(end)))
    (key,) = (index for index in metadata.tables[table].indexes if index.unique)
    return sql.SQL("COPY (SELECT {} FROM {} WHERE {} ORDER BY {}) TO STDOUT (FORMAT csv)").format(
        sql.SQL(", ").join(sql.Identifier(column.name) for column in _columns(table)),
        sql.Identifier("public", table),
        sql.SQL(" AND ").join(conditions),
        sql.SQL(", ").join(
            sql.Identifier(column.name) for column in key.columns if column.name not in _SAME_IN_EVERY_ROW
        ),
    )


def _blocks(copy: psycopg.Copy, rows: int) -> Iterator[bytes]:
    """Yield the text of ``rows`` rows at a time: the server sends each row as one piece."""
    block = io.BytesIO()
    held = 0
    for row in copy:
        # Not a list of pieces to join: as many small objects as rows take twice the time.
        block.write(row)
        held += 1
        if held == rows or block.tell() >= _MOST_BYTES:
            yield block.getvalue()
            block = io.BytesIO()
            held = 0
    if held:
        yield block.getvalue()


def _parse(table: str, text: bytes, numbers: Numbers) -> pa.RecordBatch:
    schema = table_schema(table, numbers)
    wire = {field.name: pa.string() if _is_number(field.type) else field.type for field in schema}
    read = pa_csv.read_csv(
        pa.py_buffer(text),
        read_options=pa_csv.ReadOptions(column_names=list(wire)),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=wire,
            true_values=["t"],
            false_values=["f"],
            # COPY quotes an empty text, and leaves a null empty.
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    ).combine_chunks()
    columns = []
    for field in schema:
        try:
            columns.append(_convert(read[field.name], field.type, numbers))
        except DoesNotFitError as error:
            raise NumberTooWideError(table, field.name, str(error)) from None
    return pa.record_batch(columns, schema=schema)


def _convert(column: pa.ChunkedArray, target: pa.DataType, numbers: Numbers) -> pa.Array:
    values = column.combine_chunks()
    if pa.types.is_list(target):
        return to_lists(values, numbers)
    if _is_number(target):
        return to_numbers(values, numbers)
    return values


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind) or pa.types.is_floating(kind) or pa.types.is_list(kind))
