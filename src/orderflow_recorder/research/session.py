"""Connections that only read, and that see one moment for as long as they are asked to."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final

import psycopg
from psycopg import sql

from orderflow_recorder.domain.errors import SchemaMismatchError
from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.errors import sink_error
from orderflow_recorder.postgres.schema import SchemaStatus, read_revision, require_server, schema_state
from orderflow_recorder.research.errors import QuestionError

_UTC: Final = "SET timezone TO 'UTC'"
_PATIENCE: Final = "SET statement_timeout TO {}"
_EXPORT: Final = "SELECT pg_export_snapshot()"
_IMPORT: Final = "SET TRANSACTION SNAPSHOT {}"


class Session:
    """A connection for questions that are answered at once, and more of them for those answered bit by bit."""

    def __init__(self, url: str, patience_s: float | None = None) -> None:
        """Connect.

        Args:
            url: As `connection.connect` takes it.
            patience_s: A statement that takes longer is cancelled by the server, seconds; none: never.

        Raises:
            SinkUnavailableError: No server answers.
            SinkRefusedError: It refuses, or has another schema than this version's.
            SettingsError: The address is not one.
        """
        self._url = url
        self._patience_ms = None if patience_s is None else round(patience_s * 1000)
        self._snapshot: str | None = None
        self._connection = self._open()
        try:
            self._require_schema()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def one_moment(self) -> Iterator[None]:
        """See the database as it is now, whatever is written meanwhile.

        Raises:
            QuestionError: It is inside of another such moment.
        """
        if self._snapshot is not None:
            msg = "one_moment: expected no other one around it, received one inside of another"
            raise QuestionError(msg)
        with ExitStack() as stack:
            with self._failures():
                stack.enter_context(self._connection.transaction())
                (self._snapshot,) = self._connection.execute(_EXPORT).fetchone() or (None,)
            try:
                # Outside of what translates errors: those of the caller are no errors of this database.
                yield
            finally:
                self._snapshot = None

    @contextmanager
    def asking(self) -> Iterator[psycopg.Connection[Any]]:
        """Give the connection, in a transaction that sees one moment.

        Raises:
            SinkError: The database failed.
        """
        with self._failures(), self._connection.transaction():
            yield self._connection

    @contextmanager
    def another(self) -> Iterator[psycopg.Connection[Any]]:
        """Give a connection of its own, in a transaction that sees the same moment, if there is one.

        So that an answer can be taken bit by bit, and other questions asked in between.

        Raises:
            SinkError: The database failed.
        """
        snapshot = self._snapshot
        with self._failures(), self._open() as connection, connection.transaction():
            if snapshot is not None:
                connection.execute(sql.SQL(_IMPORT).format(sql.Literal(snapshot)))
            yield connection

    def _open(self) -> psycopg.Connection[Any]:
        connection = connect(self._url)
        with self._failures():
            connection.execute(_UTC)
            if self._patience_ms is not None:
                connection.execute(sql.SQL(_PATIENCE).format(sql.Literal(self._patience_ms)))
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        return connection

    def _require_schema(self) -> None:
        with self._failures():
            address = redact_url(self._url)
            require_server(self._connection, address)
            state = schema_state(read_revision(self._connection))
            if state.status is not SchemaStatus.CURRENT:
                msg = f"{address}: {state.message}"
                raise SchemaMismatchError(msg)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise sink_error(error, redact_url(self._url)) from error
