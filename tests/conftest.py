"""Fixtures for every test: real databases, started once a session and only if asked for."""

from collections.abc import Iterator

import pytest

from orderflow_recorder.postgres.schema import database_kind
from tests.support import database


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a running server."""
    with database.server(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> Iterator[str]:
    """Give the name of a database with the current schema, to clone."""
    with database.migrated_template(postgres_url) as name:
        yield name


@pytest.fixture
def empty_database_url(postgres_url: str) -> Iterator[str]:
    """Give the address of a database without a schema, for this test alone."""
    with database.new_database(postgres_url) as url:
        yield url


@pytest.fixture
def database_url(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """Give the address of a database with the current schema, for this test alone."""
    with database.new_database(postgres_url, template=postgres_template) as url:
        yield url


@pytest.fixture
def timescale_url(database_url: str) -> str:
    """Give the same, where the server has TimescaleDB; skip where it has not."""
    kind = database_kind(database_url)
    if not kind.startswith("TimescaleDB"):
        pytest.skip(f"needs TimescaleDB, this is {kind}: set TEST_DB_URL to a server that has it")
    return database_url
