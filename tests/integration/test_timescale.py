"""The schema and the sink where the server has TimescaleDB; skipped where it has not."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, LiteralString

import psycopg
import pytest

from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import Record
from orderflow_recorder.ports.sink import Batch, WriteResult
from orderflow_recorder.postgres import reads, schema
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.engine import open_engine
from orderflow_recorder.postgres.hypertable import COMPRESS_AFTER_CHUNKS
from orderflow_recorder.postgres.schema import SchemaStatus
from orderflow_recorder.postgres.sink import PostgresSink
from orderflow_recorder.postgres.storage import read_storage
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

COMPRESS: Final = """
SELECT compress_chunk(chunk)
FROM (SELECT format('%I.%I', chunk_schema, chunk_name)::regclass AS chunk FROM timescaledb_information.chunks) AS each
"""


@pytest.fixture
def community_url(timescale_url: str) -> str:
    """Give a database of the Community edition; skip where it is the Apache edition."""
    with open_engine(timescale_url).connect() as connection:
        if not is_community(connection):
            pytest.skip("needs the Community edition of TimescaleDB, this is the Apache edition")
    return timescale_url


def write(url: str, batch: Sequence[Record], *, instance: str = "main") -> WriteResult:
    """Write one batch, wherever the instance stands."""
    sink = PostgresSink(url)
    try:
        start = sink.open(instance)
        return sink.write(Batch(instance, start, Position(1, start.offset + 1), batch))
    finally:
        sink.close()


def compress(connection: psycopg.Connection[Any]) -> None:
    """Compress every chunk, those that got late rows again."""
    connection.execute(COMPRESS)


def forget_the_ledger(connection: psycopg.Connection[Any]) -> None:
    """Let rows through to the tables that the ledger would have dropped before."""
    connection.execute("TRUNCATE coverage, gaps")


def rows(connection: psycopg.Connection[Any]) -> dict[str, list[str]]:
    """Return the text of every row of every hypertable."""
    query = psycopg.sql.SQL("SELECT t::text FROM {} AS t ORDER BY 1")
    found = {table: connection.execute(query.format(psycopg.sql.Identifier(table))).fetchall() for table in HYPERTABLES}
    return {table: [text for (text,) in texts] for table, texts in found.items()}


def scalar(connection: psycopg.Connection[Any], query: LiteralString) -> object:
    row = connection.execute(psycopg.sql.SQL(query)).fetchone()
    return None if row is None else row[0]


def test_the_big_tables_are_hypertables(timescale_url: str) -> None:
    with connect(timescale_url) as connection:
        rows = connection.execute(
            "SELECT hypertable_name, extract(epoch FROM time_interval)::int / 3600 "
            "FROM timescaledb_information.dimensions WHERE hypertable_schema = 'public'"
        ).fetchall()
    assert dict(rows) == HYPERTABLES


def test_compression_is_set_in_the_community_edition_alone(timescale_url: str) -> None:
    with open_engine(timescale_url).connect() as connection:
        community = is_community(connection)
    with connect(timescale_url) as connection:
        policies = scalar(
            connection,
            "SELECT count(*) FROM timescaledb_information.jobs WHERE hypertable_name NOT LIKE '%candles%' "
            "AND (proc_name LIKE '%compress%' OR proc_name LIKE '%columnstore%')",
        )
        compressed = scalar(
            connection,
            "SELECT count(*) FROM timescaledb_information.hypertables "
            "WHERE compression_enabled AND hypertable_schema = 'public'",
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
        sizes = {one.table: one.size_bytes for one in read_storage(connection)}
        assert sizes["trades"] > 5 * 8192
        assert [one.rows for one in reads.stream_summary(connection)] == [5]


def test_a_compressed_chunk_is_ordered_by_the_natural_key(community_url: str) -> None:
    with connect(community_url) as connection:
        settings = connection.execute(
            "SELECT hypertable_name, array_agg(attname::text ORDER BY segmentby_column_index, orderby_column_index) "
            "FILTER (WHERE orderby_column_index IS NULL OR orderby_asc), "
            "count(segmentby_column_index) "
            "FROM timescaledb_information.compression_settings WHERE hypertable_schema = 'public' "
            "AND hypertable_name NOT LIKE '%candles%' GROUP BY hypertable_name"
        ).fetchall()
        keys = connection.execute(
            "SELECT indrelid::regclass::text, "
            "array_agg(attname::text ORDER BY array_position(indkey::smallint[], attnum)) "
            "FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey) "
            "WHERE indisunique AND indrelid::regclass::text = ANY (%s) GROUP BY indrelid",
            (list(HYPERTABLES),),
        ).fetchall()
    assert {table: columns for table, columns, _ in settings} == dict(keys)
    assert {segments for _, _, segments in settings} == {2}


def test_chunks_are_compressed_after_two_intervals(community_url: str) -> None:
    with connect(community_url) as connection:
        ages = connection.execute(
            "SELECT hypertable_name, extract(epoch FROM (config ->> 'compress_after')::interval)::int / 3600 "
            "FROM timescaledb_information.jobs WHERE config ? 'compress_after' AND hypertable_name NOT LIKE '%candles%'"
        ).fetchall()
    assert dict(ages) == {table: COMPRESS_AFTER_CHUNKS * hours for table, hours in HYPERTABLES.items()}


def test_rows_of_compressed_chunks_are_the_same_and_stay_single(community_url: str) -> None:
    everything = records.one_of_each()
    assert write(community_url, everything) == WriteResult(len(everything), 0)
    with connect(community_url) as connection:
        plain = rows(connection)
        compress(connection)
        assert rows(connection) == plain
        forget_the_ledger(connection)
    assert write(community_url, everything, instance="second") == WriteResult(0, len(everything))
    with connect(community_url) as connection:
        assert rows(connection) == plain


def test_late_rows_land_in_compressed_chunks(community_url: str) -> None:
    trades = [records.trade(n) for n in range(1, 7)]
    diffs = [records.depth_diff(n, n) for n in range(1, 7)]
    assert write(community_url, [*trades[::2], *diffs[::2]]) == WriteResult(6, 0)
    with connect(community_url) as connection:
        compress(connection)
    assert write(community_url, [*trades[:4], *diffs[:4]]) == WriteResult(4, 4)  # the ledger knows which are late
    with connect(community_url) as connection:
        compress(connection)
        forget_the_ledger(connection)
    assert write(community_url, [*trades, *diffs], instance="second") == WriteResult(2, 10)  # the tables know
    with connect(community_url) as connection:
        compress(connection)
        found = {one.table: (one.rows, one.first_id, one.last_id) for one in reads.stream_summary(connection)}
    assert found == {"trades": (6, 1, 6), "depth_diffs": (6, 1, 6)}


def test_compressed_prices_keep_their_zeros_and_arrays_their_values(community_url: str) -> None:
    prices = ["1.5", "1.50", "1.500", "1.50", "1.5", "1.51"]
    write(community_url, [records.trade(n, price=price) for n, price in enumerate(prices)])
    write(community_url, [records.depth_diff(n, n, ask_prices=[price]) for n, price in enumerate(prices)])
    with connect(community_url) as connection:
        compress(connection)
        single = connection.execute("SELECT price::text FROM trades ORDER BY trade_id").fetchall()
        arrays = connection.execute("SELECT ask_prices FROM depth_diffs ORDER BY final_update_id").fetchall()
    assert [price for (price,) in single] == prices
    assert [price for ([price],) in arrays] == [Decimal(price) for price in prices]


def test_compressed_hypertables_go_down_and_up(community_url: str) -> None:
    write(community_url, records.one_of_each())
    with connect(community_url) as connection:
        compress(connection)
    schema.downgrade(community_url, revision="base")
    with connect(community_url) as connection:
        assert scalar(connection, "SELECT count(*) FROM timescaledb_information.jobs WHERE job_id >= 1000") == 0
    schema.upgrade(community_url)
    assert schema.check(community_url).status is SchemaStatus.CURRENT
