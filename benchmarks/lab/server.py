"""The server that the benchmarks write to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil
import psycopg
from loguru import logger

from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.embedded import EmbeddedPostgres
from orderflow_recorder.postgres.embedded_process import find_programs

VARIABLE: Final = "BENCH_DB_URL"


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """Yield the address of the server of ``BENCH_DB_URL``, or of an embedded one of its own in ``folder``."""
    logger.disable("orderflow_recorder")  # its lines would stand between ours
    given = os.environ.get(VARIABLE)
    if given:
        yield given
        return
    with EmbeddedPostgres(folder / "postgres") as url:
        yield url


def postmaster(url: str) -> psutil.Process | None:
    """Return the server's main process; none if it is on another machine."""
    with connect(url) as connection:
        try:
            process = psutil.Process(connection.info.backend_pid)
            parent = process.parent()
        except psutil.Error:
            return None
        return parent if "postgres" in process.name() else None


def describe(url: str) -> str:
    """Return the server's version, and TimescaleDB's where it is there."""
    with connect(url) as connection:
        text = f"PostgreSQL {_one(connection, 'SHOW server_version')}"
        found = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
    return f"{text}, TimescaleDB {found[0]}" if found else text


def psql() -> Path:
    """Return the ``psql`` that comes with the embedded server."""
    return find_programs() / "psql"


def _one(connection: psycopg.Connection[Any], query: str) -> Any:  # noqa: ANN401  # any column
    row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]
