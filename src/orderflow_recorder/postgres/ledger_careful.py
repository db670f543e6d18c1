"""The careful way to write a batch: what the database refuses is returned, and is missing in the ledger."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from typing import Any

import psycopg

from orderflow_recorder.domain.events import RecorderEvent
from orderflow_recorder.domain.records import Instrument, SpentTradeId
from orderflow_recorder.ports.sink import Rejected, WriteResult
from orderflow_recorder.postgres.candle_changes import note_changes
from orderflow_recorder.postgres.catalogue import record_runs, upsert_instruments
from orderflow_recorder.postgres.copy_text import LAYOUTS, Layout
from orderflow_recorder.postgres.fallback import insert_new, write_isolating
from orderflow_recorder.postgres.ledger import BatchLedger
from orderflow_recorder.postgres.ledger_streams import StreamKey, StreamRecords


class _Rows:
    """Writes rows of streams, and remembers which were tried and which refused."""

    def __init__(self, connection: psycopg.Connection[Any], cursor: psycopg.Cursor[Any]) -> None:
        self.inserted = 0
        self.rejected: list[Rejected] = []
        self.refused: defaultdict[StreamKey, set[int]] = defaultdict(set)
        self._tried: defaultdict[StreamKey, set[int]] = defaultdict(set)
        self._connection = connection
        self._cursor = cursor

    def write(self, records: StreamRecords, kept: Sequence[int] | None) -> bool:
        """Write what is kept and was not tried before; return whether anything was refused."""
        tried = self._tried[records.key]
        todo = [
            index
            for index in (range(len(records.records)) if kept is None else kept)
            if index not in tried and type(records.records[index]) is not SpentTradeId
        ]
        tried.update(todo)
        insert = partial(self._insert, LAYOUTS[records.table], records.records)
        inserted, refused = write_isolating(self._connection, todo, insert)
        self.inserted += inserted
        for index, reason in refused:
            self.refused[records.key].add(index)
            self.rejected.append(Rejected(records.records[index], reason))
        return bool(refused)

    def _insert(self, layout: Layout, records: Sequence[Any], indexes: Sequence[int]) -> int:
        return insert_new(self._cursor, layout, [records[index] for index in indexes])


def write_carefully(
    connection: psycopg.Connection[Any], cursor: psycopg.Cursor[Any], ledger: BatchLedger
) -> WriteResult:
    """Write a batch whose rows may be there already, or be refused.

    The ledger must not count a refused row as covered, so it is planned again without it, until
    nothing more is refused. That may bring rows to light that were second to a refused one.
    """
    everything = sum(len(records.rows()) for records in ledger.streams.values()) + sum(map(len, ledger.others.values()))
    rows = _Rows(connection, cursor)
    rejected = _create_streams(connection, ledger)
    ledger.lock()
    plans = ledger.plan({})
    while [plan for plan in plans.values() if rows.write(plan.records, plan.kept)]:
        plans = ledger.plan(rows.refused)
    ledger.store(plans)
    note_changes(cursor, [(plan.records, plan.kept) for plan in plans.values()])
    inserted = rows.inserted
    rejected += rows.rejected
    for kind, layout in LAYOUTS.items():
        new, refused = write_isolating(connection, ledger.others.get(kind, ()), partial(insert_new, cursor, layout))
        inserted += new
        rejected += [Rejected(*one) for one in refused]
    write_isolating(connection, ledger.others.get(RecorderEvent, ()), partial(record_runs, cursor))
    changed, refused = write_isolating(
        connection, ledger.others.get(Instrument, ()), partial(upsert_instruments, cursor)
    )
    rejected += [Rejected(*one) for one in refused]
    inserted += changed
    return WriteResult(inserted, everything - inserted - len(rejected), tuple(rejected))


def _create_streams(connection: psycopg.Connection[Any], ledger: BatchLedger) -> list[Rejected]:
    """Create the streams' rows; return the records of those whose names the database cannot hold."""

    def create(keys: Sequence[StreamKey]) -> int:
        ledger.create(keys)
        return 0

    _, refused = write_isolating(connection, list(ledger.streams), create)
    return [Rejected(record, reason) for key, reason in refused for record in ledger.forget(key).records]
