"""Migrations: empty to head equals the metadata; up, down, up; many starters at once."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Final

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from orderflow_recorder.domain.errors import SchemaMismatchError
from orderflow_recorder.postgres import migrate, schema
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.engine import open_engine
from orderflow_recorder.postgres.schema import SchemaStatus
from orderflow_recorder.postgres.tables import metadata

FIRST_ROWS: Final = """
INSERT INTO sync_events (time, instance, run_id, event, detail)
VALUES (now(), 'main', 'run', 'stalled', '{"offset": 1}');
INSERT INTO coverage VALUES ('spot', 'BTCUSDT', 'trade', 1, 9, now(), now());
INSERT INTO gaps (market, symbol, stream, first_missing_id, last_missing_id, cause, status, opened_at, instance)
VALUES ('spot', 'BTCUSDT', 'trade', 3, 4, 'stall', 'open', now(), 'main');
"""
SAME_MOMENT: Final = """
INSERT INTO sync_events (time, instance, run_id, event, detail)
SELECT time, instance, run_id, event, '{"offset": 2}' FROM sync_events
"""


def tables(url: str) -> set[str]:
    with open_engine(url).connect() as connection:
        return set(inspect(connection).get_table_names())


def test_empty_to_head_is_the_metadata(empty_database_url: str) -> None:
    schema.upgrade(empty_database_url)
    with open_engine(empty_database_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_revisions_written_down_are_those_there_are() -> None:
    scripts = ScriptDirectory.from_config(migrate.config(None)).walk_revisions()
    assert tuple(reversed([script.revision for script in scripts])) == schema.REVISIONS


def test_up_down_up(empty_database_url: str) -> None:
    schema.upgrade(empty_database_url)
    assert tables(empty_database_url) == {*metadata.tables, "alembic_version"}
    schema.downgrade(empty_database_url, revision="base")
    assert tables(empty_database_url) == {"alembic_version"}
    schema.upgrade(empty_database_url)
    assert tables(empty_database_url) == {*metadata.tables, "alembic_version"}


def test_a_filled_database_of_the_first_revision_goes_up_and_down(empty_database_url: str) -> None:
    schema.upgrade(empty_database_url, revision="0001_initial")
    with connect(empty_database_url) as connection:
        connection.execute(FIRST_ROWS)
    schema.upgrade(empty_database_url)
    with connect(empty_database_url) as connection:
        # What only its detail tells apart was one event; now it is two.
        connection.execute(SAME_MOMENT)
        assert connection.execute("SELECT count(*) FROM sync_events").fetchone() == (2,)
        assert connection.execute("SELECT last_id, last_key FROM coverage").fetchone() == (9, None)
        assert connection.execute("SELECT cause, reason FROM gaps").fetchone() == ("stall", None)
    schema.downgrade(empty_database_url, revision="0001_initial")
    with connect(empty_database_url) as connection:
        assert connection.execute("SELECT detail FROM sync_events").fetchall() == [({"offset": 1},)]
    schema.upgrade(empty_database_url)
    assert schema.check(empty_database_url).status is SchemaStatus.CURRENT


def test_upgrading_a_current_database_changes_nothing(database_url: str) -> None:
    schema.upgrade(database_url)
    assert schema.check(database_url).status is SchemaStatus.CURRENT


def test_two_starters_upgrade_once(empty_database_url: str) -> None:
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for done in [pool.submit(schema.upgrade, empty_database_url) for _ in range(2)]:
            done.result()
    assert schema.check(empty_database_url).status is SchemaStatus.CURRENT


def test_an_empty_database_is_told_apart(empty_database_url: str) -> None:
    state = schema.check(empty_database_url)
    assert state.status is SchemaStatus.EMPTY
    expected = f"the database has no schema yet, expected {state.head}: run `orderflow-recorder db upgrade`"
    assert state.message == expected


def test_a_revision_of_the_future_is_neither_used_nor_touched(database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999_later'")
    state = schema.check(database_url)
    assert state.status is SchemaStatus.UNKNOWN
    assert "9999_later, which this version does not know" in state.message
    with pytest.raises(SchemaMismatchError, match="update orderflow-recorder"):
        schema.upgrade(database_url)


def test_tables_land_in_public_whatever_the_search_path(empty_database_url: str) -> None:
    with connect(empty_database_url) as connection:
        connection.execute('CREATE SCHEMA "own"')
        connection.execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path TO own', current_database()); END $$"
        )
    schema.upgrade(empty_database_url)
    assert schema.check(empty_database_url).status is SchemaStatus.CURRENT
    with connect(empty_database_url) as connection:
        assert connection.execute("SELECT to_regclass('public.trades')::text").fetchone() == ("trades",)
