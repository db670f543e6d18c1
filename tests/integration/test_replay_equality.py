"""Invariant 1: delete the database, load the journal again, and every table comes out the same."""

import time
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from orderflow_recorder.app.candles import refresh_candles
from tests.support.captures import capture
from tests.support.processes import PatientSimulatorProgram, Program, RecorderProgram, wait_until
from tests.support.recording import SETTINGS

CAPTURES = ("spot_btcusdt_2024-08-08", "spot_two_symbols_2021-04-04", "usdm_five_symbols_2021-04-05")
SPEED = 15.0
FAULTS = (
    "lose?pattern=*rade&count=150",
    "lose?pattern=*@depth*&count=30",
    "drop",
    "duplicate?pattern=*&count=50",
    "reorder?pattern=*rade&count=20",
    "malform?pattern=*@depth*&count=3&kind=types",
    "drop?market=spot",
    "lose?pattern=usdm:*&count=100",
)
OWN = {"gap_id", "updated_at"}
"""Columns that say nothing about the market: numbers given by the database, times of recording."""
TABLES = """
    select table_name, array_agg(column_name::text order by ordinal_position) from information_schema.columns
      join information_schema.tables using (table_schema, table_name)
     where table_schema = 'public' and (table_type = 'BASE TABLE' or table_name in ('candles_1s', 'candles_1m'))
       and table_name not in ('alembic_version', 'loader_positions', 'candle_marks', 'candle_changes',
                              'finished_candles_1s', 'finished_candles_1m')
     group by 1"""
"""How far candles are kept follows from when loaders ran; what they say does not."""

pytestmark = pytest.mark.timeout(240)


def contents(url: str) -> dict[str, list[str]]:
    """Return the rows of every table as text, sorted."""
    found = {}
    with psycopg.connect(url) as connection:
        for table, columns in connection.execute(TABLES).fetchall():
            chosen = sql.SQL(", ").join(sql.Identifier(name) for name in columns if name not in OWN)
            rows = connection.execute(sql.SQL("select {} from {}").format(chosen, sql.Identifier(table))).fetchall()
            found[table] = sorted(map(repr, rows))
    return found


def open_gaps(url: str) -> int:
    """Return how many gaps wait to be healed."""
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from gaps where status = 'open'").fetchone()
    return int(row[0]) if row else 0


def test_a_journal_loaded_into_an_empty_database_gives_the_tables_of_the_live_run(
    tmp_path: Path, database_url: str, empty_database_url: str
) -> None:
    paths = [capture(name) for name in CAPTURES]
    with PatientSimulatorProgram(tmp_path / "simulator.log", paths, speed=SPEED) as simulator:
        environment = {"DB_URL": database_url, **simulator.environment(), **SETTINGS, "LOADER_BATCH_ROWS": "300"}
        with RecorderProgram(tmp_path, environment) as recorder:
            for number, fault in enumerate(FAULTS, 1):
                wait_until(
                    lambda seconds=20 * number: simulator.control("status")["played_seconds"] > seconds,  # type: ignore[misc]
                    within_s=60,
                    what="the captures are played",
                )
                simulator.control(fault)
            wait_until(
                lambda: simulator.control("status")["played_seconds"] > 200, within_s=60, what="the flow goes on"
            )
            simulator.control("pause")
            wait_until(lambda: open_gaps(database_url) == 0, within_s=60, what="what can be healed is healed")
            assert recorder.stop() == 0
    again = Program(
        ["replay", str(tmp_path / "data" / "journal" / "main"), "--db-url", empty_database_url],
        tmp_path / "replay.log",
        {"DATA_DIR": str(tmp_path / "elsewhere")},
    )
    assert again.process.wait(120) == 0, again.output()
    with psycopg.connect(database_url) as connection:
        marked = connection.execute("select bool_or(finished_until > '-infinity') from candle_marks").fetchone()
    assert marked == (True,), "expected the loader to keep candles while it ran"
    refresh_candles(database_url, time.monotonic)
    live, replayed = contents(database_url), contents(empty_database_url)
    assert live.keys() == replayed.keys()
    assert live["gaps"]
    assert live["candles_1m"]
    for table, rows in live.items():
        only_live, only_replayed = sorted(set(rows) - set(replayed[table])), sorted(set(replayed[table]) - set(rows))
        assert (only_live[:3], only_replayed[:3]) == ([], []), (table, len(only_live), len(only_replayed))
        assert len(rows) == len(replayed[table]), table
