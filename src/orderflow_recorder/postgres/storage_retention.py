"""Deletes what is older than it is to be kept, and moves the ledger along in the same transaction.

One mechanism for every edition: TimescaleDB's own retention policies know nothing of ``coverage``, and would
leave rows missing that no gap registers. A hypertable loses whole chunks, a plain table rows in batches,
symbol by symbol along its natural key. Sinks that write the same streams wait for one chunk or batch.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import psycopg
from loguru import logger
from psycopg import errors as sqlstates

from orderflow_recorder.postgres import storage_batches as batches
from orderflow_recorder.postgres import storage_queries as queries
from orderflow_recorder.postgres.queries import TIMESCALE_INSTALLED
from orderflow_recorder.postgres.storage_batches import Deletion, Pause
from orderflow_recorder.postgres.storage_derived import CANDLES, EVENTS, delete_candles, delete_events
from orderflow_recorder.postgres.storage_ledger import AGING, Aging, Edge

_LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '2s'"
"""Somebody may read an old chunk for long: sinks must not wait for that, so it goes another time."""
_TICK: Final = timedelta(microseconds=1)
_SKIPPED: Final = (sqlstates.LockNotAvailable, sqlstates.DeadlockDetected)


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
        cutoff = now - age
        if table == EVENTS:
            yield from delete_events(connection, cutoff, pause)
        elif table == CANDLES:
            yield from delete_candles(connection, cutoff, pause)
        elif _is_hypertable(connection, table):
            yield from _drop_chunks(connection, AGING[table], cutoff - AGING[table].margin)
        else:
            yield from _delete_rows(connection, AGING[table], cutoff - AGING[table].margin, pause)


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
    found = (rows for market, symbol in symbols for rows in _batches(connection, aging, market, symbol, cutoff))
    yield from batches.count(connection, aging.table, cutoff, found, pause)


def _batches(
    connection: psycopg.Connection[Any], aging: Aging, market: str, symbol: str, cutoff: datetime
) -> Iterator[int]:
    """Delete a symbol's old rows, and yield how many went after each transaction."""
    names = {"market": market, "symbol": symbol, "cutoff": cutoff, "rows": batches.BATCH_ROWS}
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
