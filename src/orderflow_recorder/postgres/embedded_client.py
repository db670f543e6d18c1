"""The first connections to an embedded server: wait until it answers, make sure it is ours, create the database."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psycopg

from orderflow_recorder.postgres.embedded_cluster import SUPERUSER
from orderflow_recorder.postgres.embedded_process import EmbeddedPostgresError
from orderflow_recorder.postgres.embedded_socket import PORT, client_directory

DATABASE: Final = "orderflow"
POLL_S: Final = 0.05
_PROGRESS_S: Final = 5.0
_AUTHORIZATION: Final = "28"
"""SQLSTATE class of a refused login."""


class Progress:
    """Logs a line now and then while something takes long."""

    def __init__(self, text: str, log: Callable[[str], None]) -> None:
        """Remember what to say."""
        self.text = text
        self._log = log
        self._next_s = _PROGRESS_S

    def __call__(self, waited_s: float) -> None:
        """Log if it is time; ``waited_s`` is the time waited so far, seconds."""
        if waited_s >= self._next_s:
            self._next_s = waited_s + _PROGRESS_S
            self._log(f"{self.text} ({waited_s:.0f} s)")


def await_answer(data_dir: Path, *, alive: Callable[[], bool], log: Callable[[str], None]) -> bool:
    """Wait, however long its recovery takes, until the server of ``data_dir`` accepts a connection.

    Returns:
        False if it ended instead, as ``alive`` says.

    Raises:
        EmbeddedPostgresError: It refuses our login, or serves another directory.
    """
    progress = Progress("waiting for the embedded Postgres", log)
    began = time.monotonic()
    while True:
        try:
            with _connect(data_dir) as connection:
                _check_directory(connection, data_dir)
                return True
        except psycopg.OperationalError as error:
            reason = str(error).strip()
            if (error.sqlstate or "").startswith(_AUTHORIZATION):
                message = f"the embedded Postgres refuses us: {reason}; restore {data_dir / 'pg_hba.conf'}"
                raise EmbeddedPostgresError(message) from error
            progress.text = f"waiting for the embedded Postgres: {reason}"
        if not alive():
            return False
        progress(time.monotonic() - began)
        time.sleep(POLL_S)


def ensure_database(data_dir: Path) -> None:
    """Create the database if it is not there; the caller holds the start lock.

    Raises:
        EmbeddedPostgresError: The server could not.
    """
    try:
        with _connect(data_dir) as connection:
            found = connection.execute("SELECT FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.Error as error:
        message = f"the embedded Postgres could not create the database {DATABASE}: {error}"
        raise EmbeddedPostgresError(message) from error


def _check_directory(connection: psycopg.Connection, data_dir: Path) -> None:
    row = connection.execute("SHOW data_directory").fetchone()
    served = Path(row[0]) if row else Path()
    if not served.exists() or not served.samefile(data_dir):
        message = (
            f"the server at the socket in {data_dir} serves {served}, expected {data_dir}: was the folder moved under "
            "a running recorder? Stop that recorder first"
        )
        raise EmbeddedPostgresError(message)


def _connect(data_dir: Path) -> psycopg.Connection:
    return psycopg.connect(
        host=str(client_directory(data_dir)),
        port=PORT,
        user=SUPERUSER,
        dbname="postgres",
        connect_timeout=10,
        autocommit=True,
    )
