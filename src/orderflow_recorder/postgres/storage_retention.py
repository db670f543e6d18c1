"""Deletes what is older than it is to be kept, and moves the ledger along in the same transaction.

One mechanism for every edition: TimescaleDB's own retention policies know nothing of ``coverage``, and would
leave rows missing that no gap registers. A hypertable loses whole chunks, a plain table rows in batches,
symbol by symbol along its natural key. Sinks that write the same streams wait for one chunk or batch.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
from loguru import logger
from psycopg import errors as sqlstates

from orderflow_recorder.postgres import storage_queries as queries
from orderflow_recorder.postgres.queries import TIMESCALE_INSTALLED
from orderflow_recorder.postgres.storage_ledger import AGING, Aging, Edge

EVENTS: Final = "sync_events"
BATCH_ROWS: Final = 10_000
"""Rows deleted from a plain table in one transaction."""

_LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '2s'"
"""Somebody may read an old chunk for long: sinks must not wait for that, so it goes another time."""
_TICK: Final = timedelta(microseconds=1)
_SKIPPED: Final = (sqlstates.LockNotAvailable, sqlstates.DeadlockDetected)


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


Pause = Callable[[float], bool]
"""Waits so many seconds; true once the work is to end early."""


def delete_expired(
    connection: psycopg.Connection[Any], retain: Mapping[str, timedelta], now: datetime, pause: Pause
) -> Iterator[Deletion]:
    """Delete what is too old, a chunk or batch a transaction; yield what went from each table.

    Args:
        connection: Autocommit.
        retain: How long rows are kept, by table; tables that are not named are kept whole.
        now: What ages are counted from.
        pause: Called between batches of rows with the seconds the last one took, so that others get their turn.

    Raises:
        psycopg.Error: The database failed; what was yielded is deleted.
    """
    for table, age in retain.items():
        if table == EVENTS:
            yield from _delete_events(connection, now - age, pause)
            continue
        aging = AGING[table]
        if _is_hypertable(connection, table):
            yield from _drop_chunks(connection, aging, now - age - aging.margin)
        else:
            yield from _delete_rows(connection, aging, now - age - aging.margin, pause)


def _is_hypertable(connection: psycopg.Connection[Any], table: str) -> bool:
    if connection.execute(TIMESCALE_INSTALLED).fetchone() != (True,):
        return False
    return connection.execute(queries.IS_HYPERTABLE, {"table": table}).fetchone() == (True,)


def _drop_chunks(connection: psycopg.Connection[Any], aging: Aging, cutoff: datetime) -> Iterator[Deletion]:
    names = {"table": aging.table, "relation": f"public.{aging.table}", "cutoff": cutoff}
    ends = [end for (end,) in connection.execute(queries.EXPIRED_CHUNKS, names).fetchall()]
    if not ends:
        return
    sizes = dict(connection.execute(queries.CHUNK_SIZES, names).fetchall())
    dropped = []
    for end in ends:
        try:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute(_LOCK_TIMEOUT)
                edge = Edge(cursor, aging, cut=end)
                cursor.execute(queries.DROP_CHUNKS, names | {"cut": end})
                edge.move()
        except _SKIPPED as error:
            logger.info("{}: old chunks are in use and go another time: {}", aging.table, error)
            break
        dropped.append(sizes.get(end, 0))
    if dropped:
        yield Deletion(aging.table, cutoff, chunks=len(dropped), size_bytes=sum(dropped))


def _delete_rows(
    connection: psycopg.Connection[Any], aging: Aging, cutoff: datetime, pause: Pause
) -> Iterator[Deletion]:
    symbols = connection.execute(aging.query(queries.EXPIRED_SYMBOLS), {"cutoff": cutoff}).fetchall()
    batches = (rows for market, symbol in symbols for rows in _batches(connection, aging, market, symbol, cutoff))
    yield from _take(connection, aging.table, cutoff, batches, pause)


def _batches(
    connection: psycopg.Connection[Any], aging: Aging, market: str, symbol: str, cutoff: datetime
) -> Iterator[int]:
    """Delete a symbol's old rows, and yield how many went after each transaction."""
    names = {"market": market, "symbol": symbol, "cutoff": cutoff, "rows": BATCH_ROWS}
    cut = None
    while cut != cutoff:
        row = connection.execute(aging.query(queries.NTH_TIME), names).fetchone()
        cut = cutoff if row is None else min(row[0] + _TICK, cutoff)
        try:
            with connection.transaction(), connection.cursor() as cursor:
                cursor.execute(_LOCK_TIMEOUT)
                edge = Edge(cursor, aging, cut=cut, market=market, symbol=symbol)
                deleted = cursor.execute(aging.query(queries.DELETE_ROWS), names | {"cut": cut}).rowcount
                deleted += edge.move()
        except _SKIPPED as error:
            logger.info("{}: old rows of {} are in use and go another time: {}", aging.table, symbol, error)
            return
        yield deleted


def _delete_events(connection: psycopg.Connection[Any], cutoff: datetime, pause: Pause) -> Iterator[Deletion]:
    yield from _take(connection, EVENTS, cutoff, _event_batches(connection, cutoff), pause)


def _event_batches(connection: psycopg.Connection[Any], cutoff: datetime) -> Iterator[int]:
    for (instance,) in connection.execute(queries.INSTANCES).fetchall():
        names = {"instance": instance, "cutoff": cutoff, "rows": BATCH_ROWS}
        deleted = BATCH_ROWS
        while deleted == BATCH_ROWS:
            deleted = connection.execute(queries.DELETE_EVENTS, names).rowcount
            yield deleted


def _take(
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
