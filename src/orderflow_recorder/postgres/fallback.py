"""The careful way to write rows, for a batch that the straight way could not.

Slower by half (a temporary table, then INSERT … ON CONFLICT DO NOTHING), but it skips rows that are
already there and finds those that the database refuses, without losing the others.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import psycopg
from psycopg import sql

from orderflow_recorder.domain.records import Record
from orderflow_recorder.postgres.copy_text import Layout
from orderflow_recorder.postgres.errors import ROW_ERRORS

ItemT = TypeVar("ItemT")


def write_isolating(
    connection: psycopg.Connection[Any], items: Sequence[ItemT], write: Callable[[Sequence[ItemT]], int]
) -> tuple[int, list[tuple[ItemT, str]]]:
    """Write ``items``; where the database refuses, halve until the culprits stand alone.

    Args:
        connection: In a transaction; each attempt is a savepoint of it.
        items: What to write.
        write: Writes some items and returns how many were new.

    Returns:
        How many items were new, and the culprits, each with the server's reason.
    """
    inserted = 0
    refused: list[tuple[ItemT, str]] = []
    pending = [items] if items else []
    while pending:
        part = pending.pop()
        try:
            with connection.transaction():
                inserted += write(part)
        except ROW_ERRORS as error:
            if len(part) == 1:
                refused.append((part[0], " ".join(str(error).split())))
            else:
                middle = len(part) // 2
                pending += [part[middle:], part[:middle]]
    return inserted, refused


def insert_new(cursor: psycopg.Cursor[Any], layout: Layout, records: Sequence[Record]) -> int:
    """Insert the rows that are not there yet and return their number.

    Rows go in by key order, so that two writers that overlap wait for each other instead of
    deadlocking; of equal keys the first one counts, as it would have in a batch of its own.

    Args:
        cursor: In a transaction.
        layout: Of every record.
        records: May hold duplicates.
    """
    incoming = sql.Identifier("pg_temp", f"incoming_{layout.table}")
    table = sql.Identifier("public", layout.table)
    columns = sql.SQL(", ").join(map(sql.Identifier, layout.columns))
    cursor.execute(sql.SQL("CREATE TEMPORARY TABLE {} (LIKE {}) ON COMMIT DROP").format(incoming, table))
    copy_rows(cursor, incoming, layout, layout.encode(records))
    cursor.execute(
        sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {} ORDER BY {}, ctid ON CONFLICT DO NOTHING").format(
            table, columns, columns, incoming, sql.SQL(", ").join(map(sql.Identifier, layout.key))
        )
    )
    inserted = cursor.rowcount
    cursor.execute(sql.SQL("DROP TABLE {}").format(incoming))
    return inserted


def copy_rows(cursor: psycopg.Cursor[Any], table: sql.Identifier, layout: Layout, rows: bytes) -> None:
    """COPY ``rows``, which the layout has encoded, straight into ``table``."""
    columns = sql.SQL(", ").join(map(sql.Identifier, layout.columns))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT {})").format(table, columns, sql.SQL(layout.form))
    with cursor.copy(statement) as copy:
        copy.write(rows)
