"""A database that is away, busy or too slow, and numbers too wide: said so, and gone again."""

import threading

import psycopg
import pyarrow as pa
import pytest

from orderflow_recorder import research
from orderflow_recorder.api.databases import DatabasePool
from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.serve import database_reasons
from tests.support import ledger, records
from tests.support.api import ARROW, KEY, ApiServer, Asked, pool_of, services
from tests.support.processes import wait_until

SPOT = {"market": "spot", "symbol": "BTCUSDT"}
PATHS = [("/trades", SPOT), ("/candles", {**SPOT, "date": "2024-08-08"}), ("/gaps", {}), ("/coverage", {})]
PATHS += [("/instruments", {}), ("/book", {**SPOT, "at": "2024-08-08"})]


@pytest.mark.parametrize(("path", "parameters"), PATHS)
def test_without_a_database_every_path_that_needs_it_says_so(path: str, parameters: dict[str, str | int]) -> None:
    away = DatabasePool(
        lambda: research.connect("postgresql://me:hunter2@127.0.0.1:1/db"), SystemClock(), size=1, patience_s=1
    )
    with (
        ApiServer(services(database=away, reasons=lambda: database_reasons(away))) as running,
        running.client(**{"X-API-Key": KEY}) as client,
    ):
        answer = Asked(client).get(path, **parameters)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["content-type"] == "application/problem+json"
        assert "the database is away: postgresql://me:***@127.0.0.1:1/db: connection" in answer.json()["detail"]
        assert "hunter2" not in answer.text
        ready = client.get("/health/ready")
        assert (ready.status_code, ready.json()) == (503, {"ready": False, "reasons": ["the database is away"]})
        assert client.get("/health/live").status_code == 200
        assert Asked(client).rows("/ticks") == []


def test_connections_that_were_cut_are_not_noticed_by_who_asks_next(database_url: str) -> None:
    ledger.write(database_url, [records.trade(1)])
    pool = pool_of(database_url)
    with ApiServer(services(database=pool)) as running, running.client(**{"X-API-Key": KEY}) as client:
        asked = Asked(client)
        for _ in range(3):
            assert len(asked.rows("/trades", **SPOT)) == 1
            with psycopg.connect(database_url, autocommit=True) as connection:
                ended = connection.execute(
                    """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
                ).fetchall()
            assert len(ended) == 1  # one was enough, and was used again
    pool.close()


def test_a_question_that_takes_too_long_is_given_up_and_the_others_are_answered(database_url: str) -> None:
    ledger.write(database_url, [records.trade(1)])
    pool = pool_of(database_url, patience_s=0.5)
    with ApiServer(services(database=pool)) as running, running.client(**{"X-API-Key": KEY}) as client:
        asked = Asked(client)
        with psycopg.connect(database_url) as connection:
            connection.execute("LOCK TABLE trades IN ACCESS EXCLUSIVE MODE")
            assert "the database took too long" in asked.detail(503, "/trades", **SPOT)
            assert len(asked.rows("/coverage")) == 1
        assert len(asked.rows("/trades", **SPOT)) == 1
    pool.close()


def test_more_questions_than_connections_wait_for_their_turn_and_not_for_ever(database_url: str) -> None:
    ledger.write(database_url, [records.trade(1)])
    pool = DatabasePool(lambda: research.connect(database_url, patience_s=20), SystemClock(), size=2, patience_s=0.5)
    with ApiServer(services(database=pool)) as running, running.client(**{"X-API-Key": KEY}) as client:
        asked = Asked(client)
        held = [threading.Thread(target=asked.get, args=("/trades",), kwargs=SPOT) for _ in range(2)]
        with psycopg.connect(database_url) as connection:
            connection.execute("LOCK TABLE trades IN ACCESS EXCLUSIVE MODE")
            for thread in held:
                thread.start()
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            wait_until(lambda: connection.execute(waiting).fetchone() == (2,), within_s=20, what="both wait")
            assert "all connections were busy" in asked.detail(503, "/coverage")
        for thread in held:
            thread.join()
        assert len(asked.rows("/coverage")) == 1
    pool.close()


def test_another_schema_says_what_to_do(empty_database_url: str) -> None:
    pool = pool_of(empty_database_url)
    with (
        ApiServer(services(database=pool, reasons=lambda: database_reasons(pool))) as running,
        running.client(**{"X-API-Key": KEY}) as client,
    ):
        assert "run `orderflow-recorder db upgrade`" in Asked(client).detail(503, "/coverage")
        assert client.get("/health/ready").json()["reasons"] == [
            "the database refuses: SchemaMismatchError, see /api/v1/coverage"
        ]


def test_numbers_too_wide_for_arrow_come_as_text(database_url: str) -> None:
    wide = "704341925412248244757.5"
    ledger.write(database_url, [records.trade(1, quantity=wide), records.trade(2)])
    pool = pool_of(database_url)
    with ApiServer(services(database=pool)) as running, running.client(**{"X-API-Key": KEY}) as client:
        asked = Asked(client)
        assert asked.rows("/trades", **SPOT)[0]["quantity"] == wide
        assert wide in asked.get("/trades", "text/csv", **SPOT).text
        answer = asked.get("/trades", ARROW, **SPOT)
        assert answer.status_code == 406
        assert f"received {wide}: ask for JSON or CSV" in answer.json()["detail"]
        (good,) = pa.ipc.open_stream(
            asked.get("/trades", ARROW, **SPOT, start="2024-08-08T12:00:00.002Z").content
        ).read_all()["trade_id"]
        assert good.as_py() == 2
    pool.close()
