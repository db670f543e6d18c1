"""The small tables that are kept up to date row by row: ``runs``, ``instruments``, ``loader_positions``."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import psycopg

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

_FIND_POSITION: Final = """
INSERT INTO public.loader_positions AS known (instance, sink, segment, byte_offset)
VALUES (%s, %s, %s, %s)
ON CONFLICT (instance, sink) DO UPDATE SET updated_at = known.updated_at
RETURNING segment, byte_offset
"""

# Locks the row until the commit: a second loader of the same journal waits, then finds that the
# position is no longer the one it started from.
_MOVE_POSITION: Final = """
UPDATE public.loader_positions SET segment = %s, byte_offset = %s, updated_at = now()
WHERE instance = %s AND sink = %s AND segment = %s AND byte_offset = %s
"""


def find_position(connection: psycopg.Connection[Any], instance: str, sink: str) -> Position:
    """Return where ``sink`` stands in the journal of ``instance``, the start if it is new."""
    row = connection.execute(_FIND_POSITION, (instance, sink, JOURNAL_START.segment, JOURNAL_START.offset)).fetchone()
    return JOURNAL_START if row is None else Position(*row)


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
