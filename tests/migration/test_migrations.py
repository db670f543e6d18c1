"""Migrations: empty to head equals the metadata; up, down, up; many starters at once."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from orderflow_recorder.domain.errors import SchemaMismatchError
from orderflow_recorder.postgres import schema
from orderflow_recorder.postgres.connection import connect, open_engine
from orderflow_recorder.postgres.schema import SchemaStatus
from orderflow_recorder.postgres.tables import metadata


def tables(url: str) -> set[str]:
    with open_engine(url).connect() as connection:
        return set(inspect(connection).get_table_names())


def test_empty_to_head_is_the_metadata(empty_database_url: str) -> None:
    schema.upgrade(empty_database_url)
    with open_engine(empty_database_url).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_up_down_up(empty_database_url: str) -> None:
    schema.upgrade(empty_database_url)
    assert tables(empty_database_url) == {*metadata.tables, "alembic_version"}
    schema.downgrade(empty_database_url, revision="base")
    assert tables(empty_database_url) == {"alembic_version"}
    schema.upgrade(empty_database_url)
    assert tables(empty_database_url) == {*metadata.tables, "alembic_version"}


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
    assert state.message == "the database has no schema yet, expected 0002_ledger: run `orderflow-recorder db upgrade`"


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
