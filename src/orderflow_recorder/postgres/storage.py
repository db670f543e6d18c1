"""What each table takes on disk, without counting a row."""

from typing import Any, Final, LiteralString

import msgspec
import psycopg

from orderflow_recorder.postgres.queries import TIMESCALE_INSTALLED
from orderflow_recorder.postgres.storage_compression import can_compress

# Before it was ever analysed a table does not know its rows (-1).
_PLAIN: Final[LiteralString] = """
SELECT relname::text, pg_total_relation_size(oid), nullif(reltuples, -1)::bigint
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
"""

# A hypertable's own file is empty: the rows are in chunks, compressed ones in tables of their own. The server's
# approximate_row_count() takes each batch of a compressed chunk for a full one, so rows are counted otherwise.
_HYPERTABLES: Final[LiteralString] = """
SELECT name::text, hypertable_size(format('%I.%I', schema, hypertable)::regclass), (
           SELECT sum(greatest(pg_class.reltuples, 0))::bigint
           FROM timescaledb_information.chunks AS chunk
           JOIN pg_class ON pg_class.oid = format('%I.%I', chunk.chunk_schema, chunk.chunk_name)::regclass
           WHERE chunk.hypertable_schema = schema AND chunk.hypertable_name = hypertable AND NOT chunk.is_compressed)
FROM (
    SELECT hypertable_name AS name, hypertable_schema AS schema, hypertable_name AS hypertable
    FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public'
    UNION ALL
    SELECT view_name, materialization_hypertable_schema, materialization_hypertable_name
    FROM timescaledb_information.continuous_aggregates WHERE view_schema = 'public'
) AS hypertables
"""

# As measured when they were compressed; rows that came late lie beside and are not in it.
_COMPRESSED: Final[LiteralString] = """
SELECT coalesce(aggregate.user_view_name, hypertable.table_name)::text,
       sum(size.compressed_heap_size + size.compressed_toast_size + size.compressed_index_size)::bigint,
       sum(size.numrows_pre_compression)::bigint
FROM _timescaledb_catalog.compression_chunk_size AS size
JOIN _timescaledb_catalog.chunk AS chunk ON chunk.id = size.chunk_id
JOIN _timescaledb_catalog.hypertable AS hypertable ON hypertable.id = chunk.hypertable_id
LEFT JOIN _timescaledb_catalog.continuous_agg AS aggregate ON aggregate.mat_hypertable_id = hypertable.id
GROUP BY 1
"""

_DATA_DIRECTORY: Final[LiteralString] = "SELECT current_setting('data_directory')"


class TableStorage(msgspec.Struct, frozen=True):
    """What a table takes on disk.

    Attributes:
        table: Its name; aggregates of candles by their own.
        size_bytes: With indexes, TOAST and chunks.
        rows: About how many there are; none where nobody knows yet.
        bytes_a_row: What a row takes outside of compressed chunks; none where nobody knows.
        compressed_bytes: What compressed chunks take of all.
        compressed_rows: The rows in those.
        compressed_bytes_a_row: What a row takes there; none where nothing is compressed.
    """

    table: str
    size_bytes: int
    rows: int | None
    bytes_a_row: float | None
    compressed_bytes: int
    compressed_rows: int
    compressed_bytes_a_row: float | None


def read_storage(connection: psycopg.Connection[Any]) -> list[TableStorage]:
    """Return what each table takes, biggest first.

    Args:
        connection: Open.
    """
    found = {name: (size, rows) for name, size, rows in connection.execute(_PLAIN).fetchall()}
    compressed: dict[str, tuple[int, int]] = {}
    if connection.execute(TIMESCALE_INSTALLED).fetchone() == (True,):
        found |= {name: (size, rows) for name, size, rows in connection.execute(_HYPERTABLES).fetchall()}
        if can_compress(connection):
            compressed = {name: (size, rows) for name, size, rows in connection.execute(_COMPRESSED).fetchall()}
    tables = [_table(name, size, rows, *compressed.get(name, (0, 0))) for name, (size, rows) in found.items()]
    return sorted(tables, key=lambda one: (-one.size_bytes, one.table))


def _table(
    name: str, size: int | None, plain_rows: int | None, compressed_bytes: int, compressed_rows: int
) -> TableStorage:
    size_bytes = size or 0
    rows = (plain_rows or 0) + compressed_rows
    return TableStorage(
        name,
        size_bytes,
        rows or plain_rows,
        (size_bytes - compressed_bytes) / plain_rows if plain_rows else None,
        compressed_bytes,
        compressed_rows,
        compressed_bytes / compressed_rows if compressed_rows else None,
    )


def data_directory(connection: psycopg.Connection[Any]) -> str | None:
    """Return where the server, on its own machine, keeps its data; none where the user may not know."""
    try:
        row = connection.execute(_DATA_DIRECTORY).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return None
    return None if row is None else str(row[0])
