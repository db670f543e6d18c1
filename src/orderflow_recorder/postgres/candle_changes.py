"""Tells the candles, in the transaction of the rows, which finished minutes got rows since.

The coverage rows of the batch's streams are locked meanwhile, as they are when a mark moves
(`candle_refresh`). So a row is either seen when its minute is finished, or noted here.
"""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Final, LiteralString

import psycopg

from orderflow_recorder.domain.streams import StreamKind
from orderflow_recorder.postgres.array_text import array_text
from orderflow_recorder.postgres.copy_text import timestamp
from orderflow_recorder.postgres.ledger_streams import Written

MINUTE_NS: Final = 60 * 1_000_000_000
_MICROSECOND_NS: Final = 1000

_KINDS: Final = (StreamKind.TRADE, StreamKind.AGG_TRADE)

_TRADE_TIME: Final = attrgetter("trade_time")

# Streams without a mark, and those of which the batch has rows before it. -infinity is never above a time.
_LATE: Final[LiteralString] = """
SELECT new.place - 1, (extract(epoch FROM mark.finished_until) * 1000000)::bigint * 1000
FROM unnest(
    %(markets)s::text[], %(symbols)s::text[], %(streams)s::text[], %(microseconds)s::bigint[]
) WITH ORDINALITY AS new (market, symbol, stream, microseconds, place)
LEFT JOIN public.candle_marks AS mark USING (market, symbol, stream)
WHERE mark.finished_until IS NULL
   OR mark.finished_until > timestamptz 'epoch' + new.microseconds * interval '1 microsecond'
ORDER BY new.place
"""

_MARK: Final[LiteralString] = """
INSERT INTO public.candle_marks (market, symbol, stream, finished_until) VALUES (%s, %s, %s, '-infinity')
ON CONFLICT DO NOTHING
"""

# A minute that is noted again gets a new number: who computes it now must not forget it then.
_NOTE: Final[LiteralString] = """
INSERT INTO public.candle_changes (market, symbol, stream, minute)
SELECT %s, %s, %s, minute FROM unnest(%s::timestamptz[]) AS minute
ON CONFLICT (market, symbol, stream, minute) DO UPDATE SET noted = DEFAULT
"""


def note_changes(cursor: psycopg.Cursor[Any], written: Iterable[Written]) -> None:
    """Note which minutes before the marks a batch has written to, and mark streams that are new.

    Args:
        cursor: In the transaction that writes the rows; it holds the streams' locks.
        written: What is written.
    """
    trades = [(records.stream, records.rows(kept)) for records, kept in written if records.kind in _KINDS]
    trades = [(stream, rows) for stream, rows in trades if rows]
    if not trades:
        return
    wanted = {
        "markets": array_text([stream.market for stream, _ in trades]),
        "symbols": array_text([stream.symbol for stream, _ in trades]),
        "streams": array_text([stream.name for stream, _ in trades]),
        # In ids' order times mostly are, too, but nobody promises it.
        "microseconds": array_text([min(map(_TRADE_TIME, rows)) // _MICROSECOND_NS for _, rows in trades]),
    }
    for place, mark in cursor.execute(_LATE, wanted).fetchall():
        stream, rows = trades[place]
        key = (stream.market, stream.symbol, stream.name)
        if mark is None:
            cursor.execute(_MARK, key)
        else:
            minutes = minutes_before(map(_TRADE_TIME, rows), mark)
            cursor.execute(_NOTE, (*key, [timestamp(minute) for minute in minutes]))


def minutes_before(times: Iterable[int], mark: int) -> list[int]:
    """Return the minutes that have a time before ``mark``, in order; all ns."""
    return sorted({time // MINUTE_NS * MINUTE_NS for time in times if time < mark})
