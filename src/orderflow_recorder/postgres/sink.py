"""The sink: batches into tables, with the journal's position in the same transaction.

Straight first: one COPY a table. If a row is there already or cannot be stored, nothing of that
attempt remains and the batch is written the careful way (`fallback`). If the server vanishes while
it commits, nobody knows whether it did: `open` then returns the position that the database holds,
and the loader reads on from there. So ``synchronous_commit`` is off: a commit that a crash of the
server loses takes its position with it, and is read again.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
import psycopg
from loguru import logger
from psycopg import errors as sqlstates
from psycopg import sql

from orderflow_recorder.domain.errors import SchemaMismatchError, SinkUnavailableError
from orderflow_recorder.domain.events import RecorderEvent
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import Instrument, Record
from orderflow_recorder.ports.sink import Batch, Rejected, WriteResult
from orderflow_recorder.postgres.catalogue import find_position, move_position, record_runs, upsert_instruments
from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.copy_text import LAYOUTS
from orderflow_recorder.postgres.errors import ROW_ERRORS, sink_error
from orderflow_recorder.postgres.fallback import copy_rows, insert_new, write_isolating
from orderflow_recorder.postgres.schema import SchemaStatus, read_revision, require_server, schema_state

Groups = Mapping[type[msgspec.Struct], Sequence[Any]]

_NEEDS_CARE: Final = (*ROW_ERRORS, sqlstates.DeadlockDetected)


class PostgresSink:
    """Satisfies `orderflow_recorder.ports.sink.Sink`."""

    name = "postgres"

    def __init__(self, url: str) -> None:
        """Remember the database; `open` connects.

        Args:
            url: As `connection.connect` takes it.

        Raises:
            SettingsError: From `open`: it is not an address.
        """
        self._url = url
        self._address = redact_url(url)
        self._connection: psycopg.Connection[Any] | None = None

    def open(self, instance: str) -> Position:
        """Connect, check server and schema, and return where the journal must be read from.

        Args:
            instance: Whose journal.

        Raises:
            SinkUnavailableError: Try again later.
            SinkRefusedError: A person must act: old server, wrong password, missing permission.
            SchemaMismatchError: The schema is not this version's.
        """
        self.close()
        if psycopg.pq.__impl__ == "python":
            logger.warning(
                "psycopg runs without its C part: loading is several times slower; pip install psycopg[binary]"
            )
        connection = connect(self._url)
        try:
            require_server(connection, self._address)
            self._require_schema(connection)
            connection.execute("SET synchronous_commit TO off")
            position = find_position(connection, instance, self.name)
        except psycopg.Error as error:
            connection.close()
            raise sink_error(error, self._address) from error
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return position

    def write(self, batch: Batch) -> WriteResult:
        """Write records and position in one transaction.

        Args:
            batch: Must start where the sink stands.

        Returns:
            Rows written, rows already there (for instruments: unchanged), rows refused. A
            `SpentTradeId` is no row and counts as none.

        Raises:
            SinkUnavailableError: Connection lost, or the sink stands elsewhere; open again.
            SinkRefusedError: A person must act.
        """
        connection = self._connection
        if connection is None:
            message = f"{self._address}: the sink is not open"
            raise SinkUnavailableError(message)
        groups = _by_type(batch.records)
        try:
            try:
                return self._write_straight(connection, batch, groups)
            except _NEEDS_CARE:
                return self._write_carefully(connection, batch, groups)
        except psycopg.Error as error:
            raise sink_error(error, self._address) from error

    def close(self) -> None:
        """Release the connection. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write_straight(self, connection: psycopg.Connection[Any], batch: Batch, groups: Groups) -> WriteResult:
        inserted = 0
        with connection.transaction(), connection.cursor() as cursor:
            self._move(cursor, batch)
            for kind, layout in LAYOUTS.items():
                if records := groups.get(kind):
                    copy_rows(cursor, sql.Identifier("public", layout.table), layout, records)
                    inserted += len(records)
            inserted += upsert_instruments(cursor, groups.get(Instrument, ()))
            record_runs(cursor, groups.get(RecorderEvent, ()))
        return WriteResult(inserted, _rows(groups) - inserted)

    def _write_carefully(self, connection: psycopg.Connection[Any], batch: Batch, groups: Groups) -> WriteResult:
        inserted = 0
        rejected: list[Rejected] = []
        with connection.transaction(), connection.cursor() as cursor:
            self._move(cursor, batch)
            for kind, layout in LAYOUTS.items():
                write = partial(insert_new, cursor, layout)
                inserted += write_isolating(connection, groups.get(kind, ()), write, rejected)
            write_runs = partial(record_runs, cursor)
            write_isolating(connection, groups.get(RecorderEvent, ()), write_runs, [])
            write_instruments = partial(upsert_instruments, cursor)
            inserted += write_isolating(connection, groups.get(Instrument, ()), write_instruments, rejected)
        return WriteResult(inserted, _rows(groups) - inserted - len(rejected), tuple(rejected))

    def _require_schema(self, connection: psycopg.Connection[Any]) -> None:
        state = schema_state(read_revision(connection))
        if state.status is not SchemaStatus.CURRENT:
            message = f"{self._address}: {state.message}"
            raise SchemaMismatchError(message)

    def _move(self, cursor: psycopg.Cursor[Any], batch: Batch) -> None:
        if not move_position(cursor, batch.instance, self.name, batch.start, batch.end):
            message = (
                f"{self._address}: the position of instance {batch.instance!r} is not {batch.start}: expected to be "
                "the only loader of this journal; reading on from where the database stands"
            )
            raise SinkUnavailableError(message)


def _by_type(records: Sequence[Record]) -> Groups:
    groups: defaultdict[type[msgspec.Struct], list[Any]] = defaultdict(list)
    for record in records:
        groups[type(record)].append(record)
    return groups


def _rows(groups: Groups) -> int:
    return sum(len(records) for kind, records in groups.items() if kind in LAYOUTS or kind is Instrument)
