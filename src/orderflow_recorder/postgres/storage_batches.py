"""Deleting rows in batches, and what is said of it."""

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec
import psycopg

from orderflow_recorder.postgres import storage_queries as queries

BATCH_ROWS: Final = 10_000
"""Rows deleted from a plain table in one transaction."""


class Deletion(msgspec.Struct, frozen=True):
    """What was deleted from a table.

    Attributes:
        table: Its name.
        cutoff: What was older went.
        chunks: How many chunks went; 0 for a plain table.
        rows: How many rows of a plain table went.
        size_bytes: About what they took.
    """

    table: str
    cutoff: datetime
    chunks: int = 0
    rows: int = 0
    size_bytes: int = 0


Pause: TypeAlias = Callable[[float], bool]
"""Waits so many seconds; true once the work is to end early."""


def count(
    connection: psycopg.Connection[Any], table: str, cutoff: datetime, batches: Iterator[int], pause: Pause
) -> Iterator[Deletion]:
    """Go through batches of deleted rows, resting as long as each took, and yield their sum."""
    rows = 0
    began = time.monotonic()
    for deleted in batches:
        rows += deleted
        if pause(time.monotonic() - began):
            break
        began = time.monotonic()
    if rows:
        found = connection.execute(queries.BYTES_A_ROW, {"relation": f"public.{table}"}).fetchone()
        yield Deletion(table, cutoff, rows=rows, size_bytes=0 if found is None else round(rows * found[0]))
