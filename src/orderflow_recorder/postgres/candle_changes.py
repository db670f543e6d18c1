"""Tells the candles, in the transaction of the rows, which finished minutes got rows since.

The coverage rows of the batch's streams are locked meanwhile, as they are when a mark moves
(`candle_refresh`). So a row is either seen when its minute is finished, or noted here.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from operator import attrgetter
from typing import Any, Final, LiteralString

import psycopg

from orderflow_recorder.domain.records import AggTrade, Trade
from orderflow_recorder.domain.streams import Stream, StreamKind
from orderflow_recorder.postgres.array_text import array_text
from orderflow_recorder.postgres.copy_text import timestamp
from orderflow_recorder.postgres.ledger_streams import Written

MINUTE_NS: Final = 60 * 1_000_000_000
_MICROSECOND_NS: Final = 1000

_KINDS: Final = (StreamKind.TRADE, StreamKind.AGG_TRADE)

_TRADE_TIME: Final = attrgetter("trade_time")

# Nearly never: a mark is behind the newest row of its stream, and most rows are newer than those of all others.
_ANY_LATE: Final[LiteralString] = """
SELECT EXISTS (
    SELECT FROM public.candle_marks
    WHERE finished_until > timestamptz 'epoch' + %(microseconds)s::bigint * interval '1 microsecond'
)
"""

# Streams without a mark, and those of which the batch has rows before it. -infinity is never above a time.
_LATE: Final[LiteralString] = """
SELECT new.place - 1, (extract(epoch FROM mark.finished_until) * 1000000)::bigint * 1000
FROM unnest(%s::text[], %s::text[], %s::text[], %s::bigint[])
    WITH ORDINALITY AS new (market, symbol, stream, microseconds, place)
LEFT JOIN public.candle_marks AS mark USING (market, symbol, stream)
WHERE mark.finished_until IS NULL
   OR mark.finished_until > timestamptz 'epoch' + new.microseconds * interval '1 microsecond'
ORDER BY new.place
"""

_MARK: Final[LiteralString] = """
INSERT INTO public.candle_marks (market, symbol, stream, finished_until)
SELECT market, symbol, stream, '-infinity'
FROM unnest(%s::text[], %s::text[], %s::text[]) AS new (market, symbol, stream)
ON CONFLICT DO NOTHING
"""

# A minute that is noted again gets a new number: who computes it now must not forget it then.
_NOTE: Final[LiteralString] = """
INSERT INTO public.candle_changes (market, symbol, stream, minute)
SELECT %s, %s, %s, minute FROM unnest(%s::timestamptz[]) AS minute
ON CONFLICT (market, symbol, stream, minute) DO UPDATE SET noted = DEFAULT
"""


def note_changes(
    cursor: psycopg.Cursor[Any], written: Iterable[Written], marked: AbstractSet[Stream] = frozenset()
) -> list[Stream]:
    """Note which minutes before the marks a batch has written to, and mark streams that are new.

    Args:
        cursor: In the transaction that writes the rows; it holds the streams' locks.
        written: What is written.
        marked: Streams that are known to have a mark.

    Returns:
        Streams that have a mark once the transaction is committed: all that candles are made of.
    """
    trades = [(records.stream, records.rows(kept)) for records, kept in written if records.kind in _KINDS]
    trades = [(stream, rows) for stream, rows in trades if rows]
    streams = [stream for stream, _ in trades]
    if not trades or (marked >= set(streams) and not _is_any_late(cursor, trades)):
        return streams
    # In ids' order times mostly are, too, but nobody promises it.
    times = [min(map(_TRADE_TIME, rows)) // _MICROSECOND_NS for _, rows in trades]
    late = cursor.execute(_LATE, (*_columns(streams), array_text(times))).fetchall()
    if new := sorted(streams[place] for place, mark in late if mark is None):  # as whoever else creates marks
        cursor.execute(_MARK, _columns(new))
    for place, mark in late:
        stream, rows = trades[place]
        if mark is not None:
            minutes = [timestamp(minute) for minute in minutes_before(map(_TRADE_TIME, rows), mark)]
            cursor.execute(_NOTE, (stream.market, stream.symbol, stream.name, minutes))
    return streams


def _columns(streams: Sequence[Stream]) -> tuple[str, str, str]:
    """Return streams as arrays of markets, symbols and names."""
    return (
        array_text([stream.market for stream in streams]),
        array_text([stream.symbol for stream in streams]),
        array_text([stream.name for stream in streams]),
    )


def _is_any_late(cursor: psycopg.Cursor[Any], trades: Iterable[tuple[Stream, Sequence[Trade | AggTrade]]]) -> bool:
    first = min(map(_TRADE_TIME, chain.from_iterable(rows for _, rows in trades)))
    found = cursor.execute(_ANY_LATE, {"microseconds": first // _MICROSECOND_NS}).fetchone()
    return found is not None and bool(found[0])


def minutes_before(times: Iterable[int], mark: int) -> list[int]:
    """Return the minutes that have a time before ``mark``, in order; all ns."""
    return sorted({time // MINUTE_NS * MINUTE_NS for time in times if time < mark})
