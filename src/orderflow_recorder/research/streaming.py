"""The result of a query as a stream of Arrow batches.

The server writes the rows as CSV (``COPY … TO STDOUT``) and pyarrow reads that block by block: neither
side ever holds more than a batch, and no row passes through Python.
"""

import io
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any, Final, cast

import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.csv as pa_csv
from psycopg import sql

from orderflow_recorder.research.decimals import DoesNotFitError, to_lists, to_numbers
from orderflow_recorder.research.errors import NumberTooWideError

ROWS: Final = 65_536
"""The most rows of a batch, if nothing else is said."""

_MOST_BYTES: Final = 8 << 20
"""A batch ends early once its text is this long: some rows are whole books."""


def stream_batches(
    connection: psycopg.Connection[Any], query: sql.Composable, schema: pa.Schema, *, name: str, rows: int = ROWS
) -> Generator[pa.RecordBatch, None, None]:
    """Yield the rows of ``query`` in its order.

    The connection is busy until the last batch was taken, or the generator closed. One that is left in the middle
    holds the connection's lock: whatever else is asked of it, be it the end of a transaction, waits for ever.

    Args:
        connection: Open; inside a transaction or not.
        query: A SELECT without parameters (COPY takes none), its columns those of ``schema``.
        schema: Whole numbers, decimals, floats, lists of these two, times (us, UTC), booleans and strings.
        name: Of the table, for errors.
        rows: The most rows of a batch; fewer where they are long.

    Raises:
        NumberTooWideError: A number does not fit into the decimals of ``schema``.
        psycopg.Error: The database failed.
    """
    with connection.transaction():
        connection.execute("SET LOCAL timezone TO 'UTC'")
        connection.execute("SET LOCAL datestyle TO 'ISO'")
        statement = sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)
        with connection.cursor() as cursor, cursor.copy(statement) as copy:
            for text in _blocks(copy, rows):
                yield _parse(name, text, schema)


def read_table(connection: psycopg.Connection[Any], query: sql.Composable, schema: pa.Schema, *, name: str) -> pa.Table:
    """Return all rows of ``query``; arguments and errors are those of `stream_batches`."""
    with closing(stream_batches(connection, query, schema, name=name)) as batches:
        return pa.Table.from_batches(batches, schema=schema)


def frame(table: pa.Table) -> pl.DataFrame:
    """Return an Arrow table as a polars frame."""
    return cast("pl.DataFrame", pl.from_arrow(table))


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


def _parse(name: str, text: bytes, schema: pa.Schema) -> pa.RecordBatch:
    read = pa_csv.read_csv(
        pa.py_buffer(text),
        read_options=pa_csv.ReadOptions(column_names=schema.names),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types={field.name: pa.string() if _is_number(field.type) else field.type for field in schema},
            true_values=["t"],
            false_values=["f"],
            # COPY quotes an empty text, and leaves a null empty.
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    columns = []
    for field in schema:
        try:
            columns.append(_convert(read[field.name].combine_chunks(), field.type))
        except DoesNotFitError as error:
            raise NumberTooWideError(name, field.name, str(error)) from None
    return pa.record_batch(columns, schema=schema)


def _convert(values: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_list(target):
        return to_lists(values, target.value_type)
    return to_numbers(values, target) if _is_number(target) else values


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_decimal(kind) or pa.types.is_floating(kind) or pa.types.is_list(kind))
