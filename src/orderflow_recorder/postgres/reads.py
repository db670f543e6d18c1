"""Plain reads: what is recorded, how far the loaders are, and records as they were.

Every function takes an open connection (`connection.connect`) and changes nothing.
"""

from datetime import datetime
from typing import Any

import msgspec
import psycopg

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff
from orderflow_recorder.postgres import queries


class StreamSummary(msgspec.Struct, frozen=True):
    """What one table holds of one symbol.

    Attributes:
        market: The market.
        symbol: Upper case.
        table: The table, e.g. ``trades``.
        rows: Number of rows.
        first_id: Lowest id, none where the table has no ids.
        last_id: Highest id, none where the table has no ids.
        holes: Ids between the two that the ledger says are missing (for ``depth_diffs`` update ids);
            none where ids cannot tell.
    """

    market: Market
    symbol: str
    table: str
    rows: int
    first_id: int | None
    last_id: int | None
    holes: int | None


class LoaderPosition(msgspec.Struct, frozen=True):
    """How far a sink has read a journal.

    Attributes:
        instance: Whose journal.
        sink: Name of the sink.
        position: Everything before it is in the tables.
        updated_at: Last commit, the server's clock.
        idle_seconds: Seconds since then, by the same clock; grows where nothing is committed.
    """

    instance: str
    sink: str
    position: Position
    updated_at: datetime
    idle_seconds: float


def stream_summary(connection: psycopg.Connection[Any]) -> list[StreamSummary]:
    """Return what each table holds of each symbol, and what the ledger misses; counts every row.

    Args:
        connection: Open.

    Returns:
        By market, symbol, table; only what has rows.
    """
    holes = {tuple(key): missing for *key, missing in connection.execute(queries.HOLES).fetchall()}
    found = [
        StreamSummary(Market(market), symbol, table, rows, first_id, last_id, holes.get((market, symbol, table)))
        for market, symbol, table, rows, first_id, last_id in connection.execute(queries.SUMMARIES).fetchall()
    ]
    return sorted(found, key=lambda one: (one.market, one.symbol, one.table))


def read_snapshots(connection: psycopg.Connection[Any], market: Market, symbol: str) -> list[BookSnapshot]:
    """Return the books of ``symbol`` by receive time, digits as the venue sent them."""
    rows = connection.execute(queries.SNAPSHOTS, {"market": market, "symbol": symbol}).fetchall()
    return [BookSnapshot(market, symbol, *row) for row in rows]


def read_diffs(
    connection: psycopg.Connection[Any],
    market: Market,
    symbol: str,
    *,
    after_update_id: int = -1,
) -> list[DepthDiff]:
    """Return the diffs of ``symbol`` by final update id, digits as the venue sent them.

    Args:
        connection: Open.
        market: The market.
        symbol: Upper case.
        after_update_id: Leave out diffs that end at or before it, e.g. at a snapshot's last update id.
    """
    parameters = {"market": market, "symbol": symbol, "after": after_update_id}
    return [DepthDiff(market, symbol, *row) for row in connection.execute(queries.DIFFS, parameters).fetchall()]


def loader_positions(connection: psycopg.Connection[Any]) -> list[LoaderPosition]:
    """Return how far each sink has read each journal."""
    return [
        LoaderPosition(instance, sink, Position(segment, offset), updated_at, idle)
        for instance, sink, segment, offset, updated_at, idle in connection.execute(queries.POSITIONS).fetchall()
    ]
