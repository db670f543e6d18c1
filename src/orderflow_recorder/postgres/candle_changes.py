"""Tells the candles, in the transaction of the rows, which finished minutes got rows since.

The coverage rows of the batch's streams are locked meanwhile, as they are when a mark moves
(`candle_refresh`). So a row is either seen when its minute is finished, or noted here.
"""

from typing import TYPE_CHECKING, Any, Final, LiteralString

import msgspec
import psycopg

from orderflow_recorder.domain.streams import StreamKind
from orderflow_recorder.postgres.copy_text import timestamp
from orderflow_recorder.postgres.ledger import Plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orderflow_recorder.domain.records import AggTrade, Trade
    from orderflow_recorder.postgres.ledger_streams import StreamKey

MINUTE_NS: Final = 60 * 1_000_000_000

_KINDS: Final = (StreamKind.TRADE, StreamKind.AGG_TRADE)

# Streams without a mark, and those of which the batch has rows before it. -infinity is never above a time.
_LATE: Final[LiteralString] = """
SELECT new.place, (extract(epoch FROM mark.finished_until) * 1000000)::bigint * 1000
FROM json_to_recordset(%(rows)s::json) AS new (market text, symbol text, stream text, first_time timestamptz, place int)
LEFT JOIN public.candle_marks AS mark USING (market, symbol, stream)
WHERE mark.finished_until IS NULL OR mark.finished_until > new.first_time
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


def note_changes(cursor: psycopg.Cursor[Any], plans: Plan) -> None:
    """Note which minutes before the marks a batch has written to, and mark streams that are new.

    Args:
        cursor: In the transaction that writes the rows; it holds the streams' locks.
        plans: What is written.
    """
    written: list[tuple[StreamKey, list[int]]] = []
    for key, plan in plans.items():
        if plan.records.kind in _KINDS:
            rows: Sequence[Trade | AggTrade] = plan.records.rows(plan.kept)
            if rows:
                written.append((key, [row.trade_time for row in rows]))
    if not written:
        return
    wanted = [
        {"place": place, "market": key[0], "symbol": key[1], "stream": key[2], "first_time": timestamp(min(times))}
        for place, (key, times) in enumerate(written)
    ]
    for place, mark in cursor.execute(_LATE, {"rows": msgspec.json.encode(wanted).decode()}).fetchall():
        key, times = written[place]
        if mark is None:
            cursor.execute(_MARK, key)
        else:
            cursor.execute(_NOTE, (*key, [timestamp(minute) for minute in minutes_before(times, mark)]))


def minutes_before(times: list[int], mark: int) -> list[int]:
    """Return the minutes that have a time before ``mark``, in order; all ns."""
    return sorted({time // MINUTE_NS * MINUTE_NS for time in times if time < mark})
