"""The rows of a table or view as Arrow batches."""

from collections.abc import Generator
from typing import Any, Final

import psycopg
import pyarrow as pa
from psycopg import sql

from orderflow_recorder.export.formats import NumberKind
from orderflow_recorder.postgres.export_reads import Span
from orderflow_recorder.postgres.export_tables import CANDLES, columns_of, order_of, value_of
from orderflow_recorder.research.batches import KEY, TIMES, columns_schema, read_batches, table_schema, within
from orderflow_recorder.research.streaming import stream_batches

TIME_OF: Final = {**TIMES, **dict.fromkeys(CANDLES, "bucket")}
"""What can be exported, and the time each is ordered and cut by."""


def schema_of(table: str, numbers: NumberKind) -> pa.Schema:
    """Return the columns of a table or view but market and symbol."""
    if table in CANDLES:
        return columns_schema([column for column in columns_of(table) if column.name not in KEY], numbers.value)
    return table_schema(table, numbers.value)


def read_rows(
    connection: psycopg.Connection[Any], span: Span, numbers: NumberKind
) -> Generator[pa.RecordBatch, None, None]:
    """Yield the rows of a span by time, then id; close it: until then the connection is busy.

    Raises:
        NumberTooWideError: A number does not fit, where they are to be exact.
        psycopg.Error: The database failed.
    """
    table, key, times = span.table, (span.market, span.symbol), (span.start, span.end)
    if table not in CANDLES:
        return read_batches(connection, table, *key, *times, numbers=numbers.value)
    query = sql.SQL("SELECT {columns} FROM {view} WHERE {condition} ORDER BY {order}").format(
        columns=sql.SQL(", ").join(value_of(column) for column in columns_of(table) if column.name not in KEY),
        view=sql.Identifier("public", table),
        condition=within(span.time, *key, *times),
        order=order_of(table),
    )
    return stream_batches(connection, query, schema_of(table, numbers), name=table)
