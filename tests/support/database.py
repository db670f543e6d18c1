"""A real Postgres for tests: one server a session, one database a test.

The server is that of ``TEST_DB_URL``; else a TimescaleDB container, where a Docker engine answers;
else the embedded server. Each test gets a database of its own, cloned from a migrated template.
"""

import os
import socket
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from orderflow_recorder.postgres import schema
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.embedded import EmbeddedPostgres

IMAGE: Final = "timescale/timescaledb:latest-pg17"
_DOCKER_SOCKET: Final = "/var/run/docker.sock"


@contextmanager
def server(directory: Path) -> Iterator[str]:
    """Yield the address of a running server, whose user may create databases.

    Args:
        directory: Empty, for the embedded server's data.
    """
    given = os.environ.get("TEST_DB_URL")
    if given:
        yield given
        return
    container = _start_container() if _docker_answers() else None
    if container is None:
        with EmbeddedPostgres(directory) as url:
            yield url
        return
    try:
        yield container.get_connection_url()
    finally:
        container.stop()


def _docker_answers() -> bool:
    """Say whether an engine listens; a machine without one costs no waiting."""
    if os.environ.get("DOCKER_HOST"):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        return probe.connect_ex(_DOCKER_SOCKET) == 0


def _start_container() -> Any:  # noqa: ANN401  # testcontainers has no types
    """Return a running container, or none where Docker lacks something (no such image, no network)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # testcontainers' own deprecations are not ours to fix
        from testcontainers.postgres import PostgresContainer  # noqa: PLC0415  # slow to import, seldom needed

        try:
            return PostgresContainer(IMAGE, driver=None).start()
        except Exception as error:  # noqa: BLE001  # whatever the reason, the embedded server does as well
            print(f"no container for the tests, using the embedded server: {error}")  # noqa: T201  # to the test log
            return None


def with_database(url: str, name: str) -> str:
    """Return ``url`` with its database replaced by ``name``."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


@contextmanager
def new_database(server_url: str, *, template: str = "template0") -> Iterator[str]:
    """Yield the address of a new database; it is dropped afterwards, whoever is connected.

    Args:
        server_url: Where.
        template: What to clone; template1 would do, but TimescaleDB's workers may be connected to it.
    """
    name = f"test_{uuid.uuid4().hex}"
    with connect(server_url) as connection:
        _create(connection, name, template)
    try:
        yield with_database(server_url, name)
    finally:
        with connect(server_url) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def migrated_template(server_url: str) -> Iterator[str]:
    """Yield the name of a database with the current schema that nobody may connect to."""
    with new_database(server_url) as url:
        schema.upgrade(url)
        name = urlsplit(url).path.removeprefix("/")
        with connect(server_url) as connection:
            # TimescaleDB's background workers connect to every database that has the extension.
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield name


def _create(connection: psycopg.Connection[Any], name: str, template: str) -> None:
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
    deadline = time.monotonic() + 10
    while True:
        try:
            connection.execute(statement)
        except psycopg.errors.ObjectInUse:
            # A worker that was told to go is still on its way out.
            if time.monotonic() > deadline:
                raise
        else:
            return
