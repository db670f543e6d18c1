"""The ledger in figures, from a real database."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.gap_figures import GapFigures, PostgresGapFigures
from tests.support.processes import free_port

LONG_AGO = datetime(2026, 1, 31, 12, tzinfo=UTC)
INSERT = """
INSERT INTO gaps (market, symbol, stream, first_missing_id, last_missing_id, from_time, to_time, cause, status,
                  opened_at, instance)
VALUES (%s, 'BTCUSDT', %s, %s, %s, %s, %s, %s, %s, %s, 'main')
"""


def add(  # what matters of a gap
    url: str,
    market: str,
    stream: str,
    ids: tuple[int, int] | tuple[None, None],
    cause: str,
    status: str,
    *,
    from_time: datetime | None = LONG_AGO,
) -> None:
    with psycopg.connect(url) as connection:
        opened_at = LONG_AGO + timedelta(hours=1)
        connection.execute(INSERT, (market, stream, *ids, from_time, opened_at, cause, status, opened_at))


def test_gaps_are_counted_by_market_cause_and_status(database_url: str) -> None:
    add(database_url, "spot", "trade", (10, 19), "disconnect", "open")
    add(database_url, "spot", "aggTrade", (5, 5), "disconnect", "open", from_time=LONG_AGO - timedelta(hours=1))
    add(database_url, "spot", "trade", (1, 4), "disconnect", "healed")
    add(database_url, "spot", "depth@100ms", (1, 1_000_000), "restart", "unrecoverable")
    add(database_url, "usdm", "markPrice@1s", (None, None), "stall", "unrecoverable")
    add(database_url, "usdm", "aggTrade", (7, 9), "restart", "open", from_time=None)
    add(database_url, "usdm", "aggTrade", (20, 21), "window", "open")
    ledger = PostgresGapFigures(database_url)
    epoch_s = LONG_AGO.timestamp()
    assert ledger.read() == [
        GapFigures("spot", "disconnect", "healed", 1, 4, None),
        GapFigures("spot", "disconnect", "open", 2, 11, epoch_s - 3600),
        GapFigures("spot", "restart", "unrecoverable", 1, 0, None),
        GapFigures("usdm", "restart", "open", 1, 3, epoch_s + 3600),
        GapFigures("usdm", "stall", "unrecoverable", 1, 0, None),
        GapFigures("usdm", "window", "open", 1, 2, None),
    ]
    ledger.close()
    ledger.close()


def test_an_empty_ledger_has_none(database_url: str) -> None:
    ledger = PostgresGapFigures(database_url)
    assert ledger.read() == []
    ledger.close()


def test_a_lost_connection_is_opened_again(database_url: str) -> None:
    ledger = PostgresGapFigures(database_url)
    ledger.read()
    with connect(database_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(SinkUnavailableError):
        ledger.read()
    assert ledger.read() == []
    ledger.close()


def test_it_changes_nothing(database_url: str) -> None:
    ledger = PostgresGapFigures(database_url)
    ledger.read()
    with connect(database_url) as connection:
        row = connection.execute(
            "SELECT state, query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None
    assert row[0] == "idle"
    ledger.close()


def test_a_database_out_of_reach_is_unavailable_and_its_password_stays_secret() -> None:
    ledger = PostgresGapFigures(f"postgresql://me:hunter2@127.0.0.1:{free_port()}/db")
    with pytest.raises(SinkUnavailableError) as raised:
        ledger.read()
    assert "hunter2" not in str(raised.value)
