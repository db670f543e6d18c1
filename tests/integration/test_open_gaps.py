"""The ledger as the healer reads it, on a real database."""

import psycopg
import pytest

from orderflow_recorder.app.ledger import LedgerInThread
from orderflow_recorder.core.shards import Work, shards
from orderflow_recorder.domain.errors import SinkError, SinkUnavailableError
from orderflow_recorder.domain.gaps import OpenGap
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres import open_gaps
from orderflow_recorder.postgres.open_gaps import PostgresLedger
from tests.support.processes import free_port

INSERT = """
insert into gaps (market, symbol, stream, first_missing_id, last_missing_id, from_time, to_time, cause, status,
                  opened_at, instance)
values (%s, 'BTCUSDT', %s, %s, %s, to_timestamp(%s), to_timestamp(%s), %s, %s, to_timestamp(0), 'main')
"""
KILL = """
select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()
"""


@pytest.fixture
def url(database_url: str) -> str:
    """Give a database with gaps of every kind."""
    rows = [
        ("spot", "trade", 20, 29, 2, 3.000001, "stall", "open"),
        ("spot", "aggTrade", 5, 5, 1, 2, "restart", "open"),
        ("spot", "trade", 40, 41, 4, 5, "stall", "healed"),
        ("spot", "trade", 50, 51, 4, 5, "stall", "unrecoverable"),
        ("spot", "trade", 60, 61, 4, 5, "window", "open"),
        ("spot", "trade", 70, 71, 4, 5, "unsubscribed", "open"),
        ("spot", "depth@100ms", 1, 2, 1, 2, "stall", "open"),
        ("spot", "trade", None, None, 1, 2, "stall", "open"),
        ("usdm", "aggTrade", 7, 8, None, None, "stall", "open"),
        ("usdm", "depth@100ms", 9, 9, 1, 2, "unparsable_frame", "unrecoverable"),
        ("usdm", "depth@100ms", 10, 10, 1, 2, "unparsable_frame", "healed"),
        ("usdm", "trade", 11, 11, 1, 2, "unparsable_frame", "unrecoverable"),
    ]
    with psycopg.connect(database_url) as connection:
        connection.cursor().executemany(INSERT, rows)
    return database_url


async def test_open_gaps_of_trades_with_ids_oldest_first(url: str) -> None:
    ledger = LedgerInThread(PostgresLedger(url))
    spot, usdm = await ledger.open_gaps(Market.SPOT), await ledger.open_gaps(Market.USDM)
    await ledger.close()
    assert [(gap.stream, gap.first_missing_id, gap.last_missing_id) for gap in spot] == [
        ("aggTrade", 5, 5),
        ("trade", 20, 29),
    ]
    assert spot[1] == OpenGap(
        spot[1].gap_id, Market.SPOT, "BTCUSDT", "trade", 20, 29, 2_000_000_000, 3_000_001_000, "stall"
    )
    assert [(gap.from_time, gap.to_time) for gap in usdm] == [(None, None)]


async def test_books_with_an_unreadable_diff_are_named(url: str) -> None:
    ledger = LedgerInThread(PostgresLedger(url))
    spot, usdm = await ledger.unreadable_diffs(Market.SPOT), await ledger.unreadable_diffs(Market.USDM)
    await ledger.close()
    assert spot == {}
    assert list(usdm.values()) == ["BTCUSDT"]


def test_a_lost_connection_is_an_error_once_and_then_opened_again(url: str) -> None:
    ledger = PostgresLedger(url)
    assert len(ledger.open_gaps(Market.SPOT)) == 2
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(KILL)
    with pytest.raises(SinkUnavailableError):
        ledger.open_gaps(Market.SPOT)
    assert len(ledger.open_gaps(Market.SPOT)) == 2
    ledger.close()
    ledger.close()


def test_a_database_that_is_away_or_empty_says_so(empty_database_url: str) -> None:
    with pytest.raises(SinkUnavailableError):
        PostgresLedger(f"postgresql://me@127.0.0.1:{free_port()}/db").open_gaps(Market.SPOT)
    with pytest.raises(SinkError, match="db upgrade"):
        PostgresLedger(empty_database_url).open_gaps(Market.SPOT)


@pytest.mark.parametrize("market", list(Market))
async def test_each_gap_is_told_to_one_shard_and_the_others_do_not_use_up_its_limit(
    url: str, market: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = LedgerInThread(PostgresLedger(url))
    parts = [LedgerInThread(PostgresLedger(url, shard)) for shard in shards(Work.COLLECT, 3)]
    told = [await part.open_gaps(market) for part in parts]
    unreadable = [await part.unreadable_diffs(market) for part in parts]
    assert [gaps for gaps in told if gaps] == [await whole.open_gaps(market)], "they are all of one symbol"
    assert [gaps for gaps in unreadable if gaps] == [gaps for gaps in [await whole.unreadable_diffs(market)] if gaps]
    monkeypatch.setattr(open_gaps, "_LIMIT", 1)
    mine = next(shard for shard, gaps in zip(shards(Work.COLLECT, 3), told, strict=True) if not gaps)
    symbol = next(name for name in map("SYMBOL{}USDT".format, range(99)) if mine.takes(market, name))
    with psycopg.connect(url) as connection:
        connection.execute(
            INSERT.replace("'BTCUSDT'", f"'{symbol}'").encode(), (market, "trade", 1, 1, 99, 99, "stall", "open")
        )
    assert [gap.symbol for gap in await parts[mine.number - 1].open_gaps(market)] == [symbol]
    for ledger in (whole, *parts):
        await ledger.close()
