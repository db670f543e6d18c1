"""Deletes old candles and old events, which no ledger counts."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql

from orderflow_recorder.postgres import storage_batches as batches
from orderflow_recorder.postgres import storage_queries as queries
from orderflow_recorder.postgres.queries import TIMESCALE_INSTALLED
from orderflow_recorder.postgres.storage_batches import Deletion, Pause

EVENTS: Final = "sync_events"
CANDLES: Final = "candles"
"""Stands for whatever keeps candles here: aggregates or tables."""

_TABLES: Final = ("finished_candles_1s", "finished_candles_1m")


def delete_events(connection: psycopg.Connection[Any], cutoff: datetime, pause: Pause) -> Iterator[Deletion]:
    """Delete events that are older than ``cutoff``; see `storage_retention.delete_expired`."""
    yield from batches.count(connection, EVENTS, cutoff, _event_batches(connection, cutoff), pause)


def delete_candles(connection: psycopg.Connection[Any], cutoff: datetime, pause: Pause) -> Iterator[Deletion]:
    """Delete candles that are older than ``cutoff``; see `storage_retention.delete_expired`."""
    aggregates = candle_aggregates(connection)
    for name, storage in aggregates:
        before = _size(connection, storage)
        names = {"relation": f"public.{name}", "cut": cutoff}
        (chunks,) = connection.execute(queries.DROP_CHUNKS, names).fetchone() or (0,)
        if chunks:
            yield Deletion(name, cutoff, chunks=chunks, size_bytes=before - _size(connection, storage))
    if not aggregates:
        for table in _TABLES:
            yield from batches.count(connection, table, cutoff, _candle_batches(connection, table, cutoff), pause)


def candle_aggregates(connection: psycopg.Connection[Any]) -> list[tuple[str, int]]:
    """Return each continuous aggregate of candles with the oid of the hypertable behind it."""
    if connection.execute(TIMESCALE_INSTALLED).fetchone() != (True,):
        return []
    return connection.execute(queries.CANDLE_AGGREGATES).fetchall()


def _size(connection: psycopg.Connection[Any], storage: int) -> int:
    (size,) = connection.execute(queries.HYPERTABLE_SIZE, {"relation": storage}).fetchone() or (0,)
    return int(size or 0)


def _candle_batches(connection: psycopg.Connection[Any], table: str, cutoff: datetime) -> Iterator[int]:
    query = sql.SQL(queries.DELETE_CANDLES).format(table=sql.Identifier(table))
    for market, symbol, stream in connection.execute(queries.CANDLE_STREAMS).fetchall():
        names = {"market": market, "symbol": symbol, "stream": stream, "cutoff": cutoff, "rows": batches.BATCH_ROWS}
        deleted = batches.BATCH_ROWS
        while deleted == batches.BATCH_ROWS:
            deleted = connection.execute(query, names).rowcount
            yield deleted


def _event_batches(connection: psycopg.Connection[Any], cutoff: datetime) -> Iterator[int]:
    for (instance,) in connection.execute(queries.INSTANCES).fetchall():
        names = {"instance": instance, "cutoff": cutoff, "rows": batches.BATCH_ROWS}
        deleted = batches.BATCH_ROWS
        while deleted == batches.BATCH_ROWS:
            deleted = connection.execute(queries.DELETE_EVENTS, names).rowcount
            yield deleted
