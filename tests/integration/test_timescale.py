"""The schema and the sink where the server has TimescaleDB; skipped where it has not."""

from typing import Any, LiteralString

import psycopg

from orderflow_recorder.domain.positions import Position
from orderflow_recorder.ports.sink import Batch, WriteResult
from orderflow_recorder.postgres import reads
from orderflow_recorder.postgres.connection import connect, open_engine
from orderflow_recorder.postgres.sink import PostgresSink
from orderflow_recorder.postgres.timescale import is_community
from tests.support import records

HYPERTABLES = {
    "agg_trades": 6,
    "book_snapshots": 24,
    "book_tickers": 1,
    "book_tops": 1,
    "depth_diffs": 1,
    "liquidations": 168,
    "mark_prices": 24,
    "trades": 6,
}


def scalar(connection: psycopg.Connection[Any], query: LiteralString) -> object:
    row = connection.execute(psycopg.sql.SQL(query)).fetchone()
    return None if row is None else row[0]


def test_the_big_tables_are_hypertables(timescale_url: str) -> None:
    with connect(timescale_url) as connection:
        rows = connection.execute(
            "SELECT hypertable_name, extract(epoch FROM time_interval)::int / 3600 "
            "FROM timescaledb_information.dimensions"
        ).fetchall()
    assert dict(rows) == HYPERTABLES


def test_compression_is_set_in_the_community_edition_alone(timescale_url: str) -> None:
    with open_engine(timescale_url).connect() as connection:
        community = is_community(connection)
    with connect(timescale_url) as connection:
        policies = scalar(
            connection,
            "SELECT count(*) FROM timescaledb_information.jobs WHERE hypertable_name IS NOT NULL "
            "AND (proc_name LIKE '%compress%' OR proc_name LIKE '%columnstore%')",
        )
        compressed = scalar(
            connection, "SELECT count(*) FROM timescaledb_information.hypertables WHERE compression_enabled"
        )
    expected = len(HYPERTABLES) if community else 0
    assert (policies, compressed) == (expected, expected)


def test_rows_cross_chunks_once_and_are_measured(timescale_url: str) -> None:
    day = 24 * 3600 * 10**9
    trades = [records.trade(n, trade_time=records.NOON + n * day) for n in range(5)]
    sink = PostgresSink(timescale_url)
    start = sink.open("main")
    assert sink.write(Batch("main", start, Position(1, 1), trades)) == WriteResult(5, 0)
    assert sink.write(Batch("main", Position(1, 1), Position(1, 2), trades)) == WriteResult(0, 5)
    sink.close()
    with connect(timescale_url) as connection:
        chunks = "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'trades'"
        assert scalar(connection, chunks) == 5
        sizes = {one.table: one.size_bytes for one in reads.table_sizes(connection)}
        assert sizes["trades"] > 5 * 8192
        assert [one.rows for one in reads.stream_summary(connection)] == [5]
