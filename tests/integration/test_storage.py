"""What tables take, against a real server."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.storage import read_storage
from orderflow_recorder.postgres.storage_compression import can_compress
from orderflow_recorder.postgres.tables import metadata
from tests.support import records
from tests.support.ledger import write


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to a database that has two thousand trades."""
    write(database_url, [records.trade(n) for n in range(1, 2001)])
    with connect(database_url) as opened:
        opened.execute("ANALYZE")
        yield opened


def test_every_table_has_a_size_and_says_what_a_row_takes(connection: psycopg.Connection[Any]) -> None:
    found = {one.table: one for one in read_storage(connection)}
    assert set(metadata.tables) <= found.keys()
    trades = found["trades"]
    assert trades.rows == 2000
    assert trades.bytes_a_row == pytest.approx(trades.size_bytes / 2000)
    assert 50 < (trades.bytes_a_row or 0) < 300
    assert (trades.compressed_bytes, trades.compressed_rows, trades.compressed_bytes_a_row) == (0, 0, None)
    assert list(found.values()) == sorted(found.values(), key=lambda one: -one.size_bytes)


def test_rows_of_compressed_chunks_are_counted_apart(connection: psycopg.Connection[Any], database_url: str) -> None:
    if not can_compress(connection):
        pytest.skip("needs the Community edition of TimescaleDB")
    connection.execute(
        "SELECT compress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass) "
        "FROM timescaledb_information.chunks WHERE hypertable_name = 'trades'"
    )
    far = 50 * 365 * 24 * 3600 * 10**9  # in a future that no policy, which may run at any moment, compresses
    write(database_url, [records.trade(n, trade_time=records.NOON + far) for n in range(2001, 2501)])
    connection.execute("ANALYZE")
    (trades,) = [one for one in read_storage(connection) if one.table == "trades"]
    assert (trades.rows, trades.compressed_rows) == (2500, 2000)
    assert trades.compressed_bytes_a_row == pytest.approx(trades.compressed_bytes / 2000)
    assert trades.bytes_a_row == pytest.approx((trades.size_bytes - trades.compressed_bytes) / 500)
