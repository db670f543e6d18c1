"""The sink: batches into tables, with the ledger and the journal's position in the same transaction.

Straight first: what the ledger says is new, one COPY a table. If a row is there already or cannot be
stored, nothing of that attempt remains and the batch is written the careful way. If the server vanishes while
it commits, nobody knows whether it did: `open` then returns the position that the database holds,
and the loader reads on from there. So ``synchronous_commit`` is off: a commit that a crash of the
server loses takes its position with it, and is read again.

The sink remembers where it left each stream. As long as nobody else writes them, it does not ask again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import psycopg
from loguru import logger
from psycopg import errors as sqlstates
from psycopg import sql

from orderflow_recorder.core.shards import WHOLE, Shard, sink_of
from orderflow_recorder.domain.errors import SchemaMismatchError, SinkUnavailableError
from orderflow_recorder.domain.events import RecorderEvent
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import Instrument
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.ports.crashpoint import CrashPoint, reach
from orderflow_recorder.ports.sink import Batch, WriteResult
from orderflow_recorder.postgres.candle_changes import note_changes
from orderflow_recorder.postgres.catalogue import find_position, move_position, record_runs, upsert_instruments
from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.copy_text import LAYOUTS
from orderflow_recorder.postgres.errors import ROW_ERRORS, sink_error
from orderflow_recorder.postgres.fallback import copy_rows, insert_new
from orderflow_recorder.postgres.ledger import BatchLedger, LedgerOutdatedError
from orderflow_recorder.postgres.ledger_careful import write_carefully
from orderflow_recorder.postgres.ledger_store import Coverage, Newest, last_interruption
from orderflow_recorder.postgres.ledger_streams import StreamKey, Written
from orderflow_recorder.postgres.prepared import prepared
from orderflow_recorder.postgres.schema import SchemaStatus, read_revision, require_server, schema_state

_NEEDS_CARE: Final = (*ROW_ERRORS, sqlstates.DeadlockDetected)
_NOTHING: Final = Coverage()


class PostgresSink:
    """Satisfies `orderflow_recorder.ports.sink.Sink`."""

    name = "postgres"

    def __init__(self, url: str, *, shard: Shard = WHOLE, name: str = name) -> None:
        """Remember the database; `open` connects.

        Args:
            url: As `connection.connect` takes it.
            shard: Which part of the journal's symbols is written.
            name: Under which the position is kept; that of a part has the part behind it.

        Raises:
            SettingsError: From `open`: it is not an address.
        """
        self.name = sink_of(name, shard)
        self._whole = name
        self._shard = shard
        self._url = url
        self._address = redact_url(url)
        self._connection: psycopg.Connection[Any] | None = None
        self._interrupted_at = 0
        self._known = dict[StreamKey, Newest]()
        self._alone = False  # nobody else has written to them, as of the last look
        self._marked = set[Stream]()

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
            # A host that froze in mid-transaction must not keep the ledger locked for other recorders.
            connection.execute("SET idle_in_transaction_session_timeout TO '60s'")
            position = find_position(connection, instance, self._whole, self._shard)
            self._interrupted_at = last_interruption(connection, instance)
        except psycopg.Error as error:
            connection.close()
            raise sink_error(error, self._address) from error
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        return position

    def prepare(self, batch: Batch) -> Batch:
        """Return ``batch`` with its rows sorted and encoded."""
        return msgspec.structs.replace(batch, ready=prepared(batch))

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
        try:
            try:
                try:
                    return self._write_straight(connection, batch)
                except LedgerOutdatedError:
                    self._alone = False
                    return self._write_straight(connection, batch)
            except _NEEDS_CARE:
                return self._write_carefully(connection, batch)
        except psycopg.Error as error:
            raise sink_error(error, self._address) from error

    def close(self) -> None:
        """Release the connection. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._forget_streams()

    def _write_straight(self, connection: psycopg.Connection[Any], batch: Batch) -> WriteResult:
        inserted = duplicates = 0
        ready = prepared(batch)
        with connection.transaction(), connection.cursor() as cursor:
            self._move(cursor, batch)
            ledger = BatchLedger(cursor, batch, ready, interrupted_at=self._interrupted_at)
            newest, written = self._account(ledger)
            everything = all(kept is None for _, kept in written)
            new, known = (ready.rows, 0) if everything else _new_rows(written, ledger.others)
            for kind, layout in LAYOUTS.items():
                rows = new.get(kind, ())
                if rows and kind is RecorderEvent and self._shard.count > 1:
                    added = insert_new(cursor, layout, rows)  # the other parts write it, too
                    inserted, duplicates = inserted + added, duplicates + len(rows) - added
                elif rows:
                    reach(CrashPoint.BEFORE_COPY)
                    data = ready.encoded.get(kind) if everything else None
                    copy_rows(cursor, sql.Identifier("public", layout.table), layout, data or layout.encode(rows))
                    reach(CrashPoint.AFTER_COPY)
                    inserted += len(rows)
            instruments = ledger.others.get(Instrument, ())
            changed = upsert_instruments(cursor, instruments)
            record_runs(cursor, ledger.others.get(RecorderEvent, ()))
            marked = note_changes(cursor, written, self._marked)
            reach(CrashPoint.BEFORE_COMMIT)
        reach(CrashPoint.AFTER_COMMIT)
        self._interrupted_at = ledger.interrupted_at
        self._alone = all(self._known.get(key, found.newest) == found.newest for key, found in ledger.coverage.items())
        self._known.update(newest)
        self._marked.update(marked)
        return WriteResult(inserted + changed, duplicates + known + len(instruments) - changed)

    def _account(self, ledger: BatchLedger) -> tuple[Mapping[StreamKey, Newest], Sequence[Written]]:
        """Write the ledger of a batch; return where its streams stand now, and what to write of them."""
        reach(CrashPoint.BEFORE_LEDGER)
        newest = ledger.advance(self._known) if self._alone else None
        written: Sequence[Written] = [(records, None) for records in ledger.streams.values()]
        if newest is None:
            ledger.create([key for key in ledger.streams if key not in self._known])
            ledger.lock()
            plans = ledger.plan({})
            ledger.store(plans)
            newest = {key: plan.coverage.newest for key, plan in plans.items() if plan.coverage != _NOTHING}
            written = [(plan.records, plan.kept) for plan in plans.values()]
        reach(CrashPoint.AFTER_LEDGER)
        return newest, written

    def _write_carefully(self, connection: psycopg.Connection[Any], batch: Batch) -> WriteResult:
        with connection.transaction(), connection.cursor() as cursor:
            self._move(cursor, batch)
            ledger = BatchLedger(cursor, batch, prepared(batch), interrupted_at=self._interrupted_at)
            result = write_carefully(connection, cursor, ledger)
        self._interrupted_at = ledger.interrupted_at
        self._forget_streams()
        return result

    def _forget_streams(self) -> None:
        self._known.clear()
        self._marked.clear()
        self._alone = False

    def _require_schema(self, connection: psycopg.Connection[Any]) -> None:
        state = schema_state(read_revision(connection))
        if state.status is not SchemaStatus.CURRENT:
            message = f"{self._address}: {state.message}"
            raise SchemaMismatchError(message)

    def _move(self, cursor: psycopg.Cursor[Any], batch: Batch) -> None:
        reach(CrashPoint.BEFORE_POSITION)
        if not move_position(cursor, batch.instance, self.name, batch.start, batch.end):
            message = (
                f"{self._address}: the position of instance {batch.instance!r} is not {batch.start}: expected to be "
                "the only loader of this journal; reading on from where the database stands"
            )
            raise SinkUnavailableError(message)
        reach(CrashPoint.AFTER_POSITION)


def _new_rows(
    written: Iterable[Written], others: Mapping[type[msgspec.Struct], Sequence[Any]]
) -> tuple[Mapping[type[msgspec.Struct], Sequence[Any]], int]:
    """Return the new rows of each table, and how many were there already."""
    rows = defaultdict[type[msgspec.Struct], list[Any]](list)
    known = 0
    for records, kept in written:
        new = records.rows(kept)
        rows[records.table] += new
        known += len(records.rows()) - len(new)
    for kind, more in others.items():
        rows[kind] += more
    return rows, known
