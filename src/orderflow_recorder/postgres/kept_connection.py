"""A connection for the same few questions again and again; changes nothing."""

from collections.abc import Mapping
from threading import Lock
from typing import Any, Final, LiteralString

import psycopg

from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.errors import sink_error

_SETTINGS: Final[LiteralString] = "SET default_transaction_read_only TO on; SET statement_timeout TO '10s'"


class KeptConnection:
    """Connects when asked, and again when the connection is lost.

    May be asked from any thread; who comes second waits.
    """

    def __init__(self, url: str) -> None:
        """Remember the database, as `connection.connect` takes it."""
        self._url = url
        self._lock = Lock()
        self._connection: psycopg.Connection[Any] | None = None

    def read(self, query: LiteralString, parameters: Mapping[str, object]) -> list[Any]:
        """Return all rows.

        Raises:
            SinkUnavailableError: Try again later.
            SinkRefusedError: A person must act.
        """
        with self._lock:
            try:
                return self._open().execute(query, parameters).fetchall()
            except psycopg.Error as error:
                self._close()
                raise sink_error(error, redact_url(self._url)) from error

    def close(self) -> None:
        """Release the connection. Idempotent."""
        with self._lock:
            self._close()

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = connect(self._url)
            self._connection.execute(_SETTINGS)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
