"""The small tables that are kept up to date row by row: ``runs``, ``instruments``, ``loader_positions``."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import psycopg

from orderflow_recorder.core.shards import WHOLE, Shard, Work, is_part_of, shards, sink_of
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.domain.records import Instrument
from orderflow_recorder.postgres.copy_text import timestamp

_START_RUN: Final = """
INSERT INTO public.runs (run_id, instance, started_at, version, settings)
VALUES (%(run_id)s, %(instance)s, %(time)s, %(version)s, %(settings)s)
ON CONFLICT (run_id) DO NOTHING
"""

_STOP_RUN: Final = """
UPDATE public.runs SET stopped_at = %(time)s
WHERE run_id = %(run_id)s AND stopped_at IS NULL
"""

# What has not changed keeps its row and its time; an older journal, replayed, overrides nothing.
_UPSERT_INSTRUMENT: Final = """
INSERT INTO public.instruments AS known
    (market, symbol, status, base_asset, quote_asset, contract_type, tick_size, step_size, receive_time)
VALUES (%(market)s, %(symbol)s, %(status)s, %(base_asset)s, %(quote_asset)s, %(contract_type)s,
        %(tick_size)s, %(step_size)s, %(receive_time)s)
ON CONFLICT (market, symbol) DO UPDATE
SET (status, base_asset, quote_asset, contract_type, tick_size, step_size, receive_time)
    = ROW (excluded.status, excluded.base_asset, excluded.quote_asset, excluded.contract_type,
           excluded.tick_size, excluded.step_size, excluded.receive_time)
WHERE known.receive_time < excluded.receive_time
  AND (known.status, known.base_asset, known.quote_asset, known.contract_type, known.tick_size, known.step_size)
      IS DISTINCT FROM (excluded.status, excluded.base_asset, excluded.quote_asset, excluded.contract_type,
                        excluded.tick_size, excluded.step_size)
"""

# Waits for who is just moving it.
_FIND_POSITION: Final = """
SELECT segment, byte_offset FROM public.loader_positions WHERE instance = %s AND sink = %s FOR UPDATE
"""

_POSITIONS: Final = "SELECT instance, sink, segment, byte_offset FROM public.loader_positions WHERE instance = ANY(%s)"

# One loader of a journal divides it at a time, and none moves meanwhile.
_LOCK_JOURNAL: Final = "SELECT pg_advisory_xact_lock(hashtextextended('loader_positions ' || %s, 0))"
_LOCK_POSITIONS: Final = "SELECT FROM public.loader_positions WHERE instance = %s FOR UPDATE"
_DELETE_POSITION: Final = "DELETE FROM public.loader_positions WHERE instance = %s AND sink = %s"
_INSERT_POSITION: Final = """
INSERT INTO public.loader_positions (instance, sink, segment, byte_offset) VALUES (%s, %s, %s, %s)
"""

# Locks the row until the commit: a second loader of the same journal waits, then finds that the
# position is no longer the one it started from.
_MOVE_POSITION: Final = """
UPDATE public.loader_positions SET segment = %s, byte_offset = %s, updated_at = now()
WHERE instance = %s AND sink = %s AND segment = %s AND byte_offset = %s
"""


def find_position(connection: psycopg.Connection[Any], instance: str, sink: str, shard: Shard = WHOLE) -> Position:
    """Return where one part of ``sink`` stands in the journal of ``instance``, the start if it is new.

    Where the journal was divided otherwise before, all parts of today begin where the last part of then stands:
    what the others had already is read again, and recognised.

    Args:
        connection: In autocommit mode.
        instance: Whose journal.
        sink: Name of the whole sink.
        shard: Which part of it.
    """
    parts = [sink_of(sink, part) for part in shards(Work.LOAD, shard.count)]
    if _parts(connection, instance, sink).keys() != set(parts):
        _divide(connection, instance, sink, parts)
    row = connection.execute(_FIND_POSITION, (instance, sink_of(sink, shard))).fetchone()
    return JOURNAL_START if row is None else Position(*row)


def find_positions(connection: psycopg.Connection[Any], instances: Sequence[str]) -> dict[tuple[str, str], Position]:
    """Return where every sink stands in the journals of ``instances``, by instance and sink."""
    rows = connection.execute(_POSITIONS, (list(instances),)).fetchall()
    return {(instance, sink): Position(segment, offset) for instance, sink, segment, offset in rows}


def _parts(connection: psycopg.Connection[Any], instance: str, sink: str) -> dict[str, Position]:
    found = find_positions(connection, [instance])
    return {name: position for (_, name), position in found.items() if is_part_of(sink, name)}


def _divide(connection: psycopg.Connection[Any], instance: str, sink: str, parts: Sequence[str]) -> None:
    """Give each of ``parts`` a position, and forget those of another division."""
    with connection.transaction():
        connection.execute(_LOCK_JOURNAL, (instance,))
        connection.execute(_LOCK_POSITIONS, (instance,))
        before = _parts(connection, instance, sink)
        if before.keys() == set(parts):
            return  # another part was first
        start = min(before.values(), default=JOURNAL_START)
        for name in before:
            connection.execute(_DELETE_POSITION, (instance, name))
        for name in parts:
            connection.execute(_INSERT_POSITION, (instance, name, start.segment, start.offset))


def move_position(cursor: psycopg.Cursor[Any], instance: str, sink: str, start: Position, end: Position) -> bool:
    """Move on from ``start`` to ``end``; false if the sink does not stand at ``start``."""
    cursor.execute(_MOVE_POSITION, (end.segment, end.offset, instance, sink, start.segment, start.offset))
    return cursor.rowcount == 1


def upsert_instruments(cursor: psycopg.Cursor[Any], instruments: Sequence[Instrument]) -> int:
    """Store what is new or changed, in order; return how many were."""
    if not instruments:
        return 0
    cursor.executemany(
        _UPSERT_INSTRUMENT,
        [{**msgspec.structs.asdict(one), "receive_time": timestamp(one.receive_time)} for one in instruments],
    )
    return cursor.rowcount


def record_runs(cursor: psycopg.Cursor[Any], events: Sequence[RecorderEvent]) -> int:
    """Derive rows of ``runs`` from the run events among ``events``; return how many changed."""
    changed = 0
    for event in events:
        if event.event is EventKind.RUN_STARTED:
            statement = _START_RUN
        elif event.event is EventKind.RUN_STOPPED:
            statement = _STOP_RUN
        else:
            continue
        cursor.execute(
            statement,
            {
                "run_id": event.run_id,
                "instance": event.instance,
                "time": timestamp(event.time),
                "version": str(event.detail.get("version", "")),
                "settings": msgspec.json.encode(event.detail.get("settings", {})).decode(),
            },
        )
        changed += cursor.rowcount
    return changed
