"""When chunks are compressed: jobs that follow the settings, and wait for what may be healed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.hypertable import COMPRESS_AFTER_CHUNKS
from orderflow_recorder.postgres.storage_compression import (
    Compression,
    apply_compression,
    can_compress,
    read_compression,
)
from tests.support import records
from tests.support.ledger import write

NOON: Final = datetime(2024, 8, 8, 12, tzinfo=UTC)
HOUR: Final = timedelta(hours=1)
DEFAULT: Final = {
    table: COMPRESS_AFTER_CHUNKS * hours * HOUR
    for table, hours in {
        "agg_trades": 6, "book_snapshots": 24, "book_tickers": 1, "book_tops": 1, "depth_diffs": 1,
        "liquidations": 168, "mark_prices": 24, "trades": 6,
    }.items()
}  # fmt: skip


@pytest.fixture
def community(timescale_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to a database of the Community edition."""
    with connect(timescale_url) as connection:
        if not can_compress(connection):
            pytest.skip("needs the Community edition of TimescaleDB, this is the Apache edition")
        yield connection


def test_where_nothing_can_be_compressed_nothing_is_done(database_url: str) -> None:
    with connect(database_url) as connection:
        if can_compress(connection):
            pytest.skip("needs another edition than TimescaleDB Community")
        assert apply_compression(connection, Compression(after=HOUR), NOON) == {}
        assert read_compression(connection) == {}


def test_without_a_wish_it_is_two_chunks_and_nothing_changes(community: psycopg.Connection[Any]) -> None:
    assert read_compression(community) == DEFAULT
    assert apply_compression(community, Compression(), NOON) == {}


def test_a_wish_is_kept_changed_and_taken_back(community: psycopg.Connection[Any]) -> None:
    for hours in (25, 1):
        wanted = dict.fromkeys(DEFAULT, hours * HOUR)
        assert apply_compression(community, Compression(after=hours * HOUR), NOON) == wanted
        assert read_compression(community) == wanted
        assert apply_compression(community, Compression(after=hours * HOUR), NOON) == {}
    assert apply_compression(community, Compression(), NOON) == DEFAULT
    assert read_compression(community) == DEFAULT


def test_off_takes_the_jobs_away_and_they_come_back(community: psycopg.Connection[Any]) -> None:
    assert apply_compression(community, Compression(enabled=False), NOON) == dict.fromkeys(DEFAULT)
    assert read_compression(community) == {}
    assert apply_compression(community, Compression(enabled=False), NOON) == {}
    assert apply_compression(community, Compression(after=HOUR), NOON) == dict.fromkeys(DEFAULT, HOUR)


def test_trades_wait_for_a_gap_that_may_be_healed_but_not_for_ever(
    community: psycopg.Connection[Any], timescale_url: str
) -> None:
    write(timescale_url, [records.trade(n) for n in (1, 2, 5)])
    two_days = timedelta(hours=48)
    assert apply_compression(community, Compression(), NOON + HOUR) == {"trades": two_days}
    assert apply_compression(community, Compression(after=72 * HOUR), NOON + HOUR)["trades"] == 72 * HOUR
    apply_compression(community, Compression(), NOON + HOUR)
    assert read_compression(community)["trades"] == two_days
    assert apply_compression(community, Compression(), NOON + 49 * HOUR) == {"trades": DEFAULT["trades"]}
    apply_compression(community, Compression(), NOON + HOUR)
    community.execute("UPDATE gaps SET cause = 'window'")
    assert apply_compression(community, Compression(), NOON + HOUR) == {"trades": DEFAULT["trades"]}


def test_a_hot_chunk_is_compressed_once_its_gap_is_healed(
    community: psycopg.Connection[Any], timescale_url: str
) -> None:
    now = datetime.now(UTC)
    then = round((now - 20 * HOUR).timestamp()) * 10**9
    trades = [
        records.agg_trade(n, trade_time=then, event_time=then, receive_time=then, market=Market.SPOT)
        for n in range(1, 6)
    ]
    write(timescale_url, [trades[0], trades[1], trades[4]])
    healed = [records.agg_trade(n, trade_time=then, event_time=None, market=Market.SPOT) for n in (3, 4)]

    def look_after() -> int:
        apply_compression(community, Compression(), now)
        (job,) = community.execute(
            "SELECT job_id FROM timescaledb_information.jobs "
            "WHERE hypertable_name = 'agg_trades' AND config ? 'compress_after'"
        ).fetchone() or (0,)
        community.execute("CALL run_job(%s)", (job,))
        return len(
            community.execute(
                "SELECT FROM timescaledb_information.chunks WHERE hypertable_name = 'agg_trades' AND is_compressed"
            ).fetchall()
        )

    assert look_after() == 0
    write(timescale_url, healed)
    assert look_after() == 1
