"""What is recorded and what is missing over a period, by the venue's clock.

The ledger says which ids are missing, and when we received their neighbours. Here a hole lies between the
row before its ids and the row after them, by the times of those rows.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind, stream_kind
from orderflow_recorder.postgres.ledger_reads import (
    CoverageRow,
    Filter,
    GapRow,
    by_stream,
    read_coverage,
    read_gaps,
)
from orderflow_recorder.research.clocks import Clocks, read_clocks


class Hole(msgspec.Struct, frozen=True):
    """Something missing of one stream, by the venue's clock.

    Attributes:
        stream: Wire name without the symbol.
        start: When the row before it happened, not before the period.
        end: When the row after it happened, not after the period.
        first_id: First missing id; none where the stream has no ids.
        last_id: Last missing id.
        cause: Why it is missing.
        status: Open or unrecoverable.
        reason: Why no source has it; empty if one may.
    """

    stream: str
    start: datetime
    end: datetime
    first_id: int | None
    last_id: int | None
    cause: str
    status: str
    reason: str


class Recorded(msgspec.Struct, frozen=True):
    """What there is of one stream over a period.

    Attributes:
        stream: Wire name without the symbol.
        start: First record, or the period's start where there are earlier ones.
        end: Last record, or the period's end where there are later ones.
        holes: What is missing in between, by time.
    """

    stream: str
    start: datetime
    end: datetime
    holes: Sequence[Hole]


# Of each table the rows of the period and one on either side: a hole may reach into the period. A row stands for its
# ids from first_id to last_id; `reached` is the greatest id before it.
_TRADES: Final[LiteralString] = """
WITH found AS (
    (SELECT trade_time AS time, trade_id AS first_id, trade_id AS last_id FROM public.trades
     WHERE market = %(market)s AND symbol = %(symbol)s AND trade_time < %(start)s
     ORDER BY trade_time DESC, trade_id DESC LIMIT 1)
    UNION ALL
    SELECT trade_time, trade_id, trade_id FROM public.trades
    WHERE market = %(market)s AND symbol = %(symbol)s AND trade_time >= %(start)s AND trade_time < %(end)s
    UNION ALL
    (SELECT trade_time, trade_id, trade_id FROM public.trades
     WHERE market = %(market)s AND symbol = %(symbol)s AND trade_time >= %(end)s
     ORDER BY trade_time, trade_id LIMIT 1)
)
"""
_AGG_TRADES: Final[LiteralString] = """
WITH found AS (
    (SELECT trade_time AS time, agg_trade_id AS first_id, agg_trade_id AS last_id FROM public.agg_trades
     WHERE market = %(market)s AND symbol = %(symbol)s AND trade_time < %(start)s
     ORDER BY trade_time DESC, agg_trade_id DESC LIMIT 1)
    UNION ALL
    SELECT trade_time, agg_trade_id, agg_trade_id FROM public.agg_trades
    WHERE market = %(market)s AND symbol = %(symbol)s AND trade_time >= %(start)s AND trade_time < %(end)s
    UNION ALL
    (SELECT trade_time, agg_trade_id, agg_trade_id FROM public.agg_trades
     WHERE market = %(market)s AND symbol = %(symbol)s AND trade_time >= %(end)s
     ORDER BY trade_time, agg_trade_id LIMIT 1)
)
"""
_DIFFS: Final[LiteralString] = """
WITH found AS (
    (SELECT event_time AS time, coalesce(previous_final_update_id + 1, first_update_id) AS first_id,
            final_update_id AS last_id FROM public.depth_diffs
     WHERE market = %(market)s AND symbol = %(symbol)s AND event_time < %(start)s
     ORDER BY event_time DESC, final_update_id DESC LIMIT 1)
    UNION ALL
    SELECT event_time, coalesce(previous_final_update_id + 1, first_update_id), final_update_id FROM public.depth_diffs
    WHERE market = %(market)s AND symbol = %(symbol)s AND event_time >= %(start)s AND event_time < %(end)s
    UNION ALL
    (SELECT event_time, coalesce(previous_final_update_id + 1, first_update_id), final_update_id FROM public.depth_diffs
     WHERE market = %(market)s AND symbol = %(symbol)s AND event_time >= %(end)s
     ORDER BY event_time, final_update_id LIMIT 1)
)
"""
_ENDS: Final[LiteralString] = """SELECT min(time), max(time) FROM found"""
_JUMPS: Final[LiteralString] = """
SELECT least(time_before, time), greatest(time_before, time), reached, first_id
FROM (
    SELECT time, first_id, lag(time) OVER (ORDER BY last_id) AS time_before,
           max(last_id) OVER (ORDER BY last_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
    FROM found
) AS chained
WHERE first_id > reached + 1
ORDER BY first_id
"""
_TABLES: Final[dict[StreamKind, LiteralString]] = {
    StreamKind.TRADE: _TRADES,
    StreamKind.AGG_TRADE: _AGG_TRADES,
    StreamKind.DEPTH: _DIFFS,
}


class _Jump(msgspec.Struct, frozen=True):
    """Two rows that follow each other, though not by their ids."""

    start: datetime
    end: datetime
    reached: int
    first_id: int


class _Question(msgspec.Struct, frozen=True):
    connection: psycopg.Connection[Any]
    market: Market
    symbol: str
    start: datetime
    end: datetime

    def rows(self, query: LiteralString) -> list[Any]:
        """Return what a query finds."""
        values = {"market": self.market, "symbol": self.symbol, "start": self.start, "end": self.end}
        return self.connection.execute(query, values).fetchall()


def read_recorded(
    connection: psycopg.Connection[Any], market: Market, symbol: str, start: datetime, end: datetime
) -> list[Recorded]:
    """Return what there is of each stream over a period, and what is missing; streams without any are left out.

    Streams without ids are placed by the clocks of trades and book changes received around them.

    Args:
        connection: Open; in a transaction, if rows and ledger are to agree.
        market: The market.
        symbol: Upper case.
        start: First instant, by the venue's clock.
        end: First instant after it.
    """
    question = _Question(connection, market, symbol, start, end)
    wanted = Filter(market, symbol)
    gaps = by_stream(read_gaps(connection, wanted))
    clocks: Clocks | None = None
    found: list[Recorded | None] = []
    for one in read_coverage(connection, wanted):
        unhealed = [gap for gap in gaps[one.key] if gap.status is not GapStatus.HEALED]
        if (table := _TABLES.get(stream_kind(market, one.stream))) is not None:
            found.append(_by_ids(question, table, one, unhealed))
        else:
            clocks = clocks or read_clocks(connection, market, symbol, start, end)
            found.append(_by_clocks(question, clocks, one, unhealed))
    return [one for one in found if one is not None]


def _by_ids(
    question: _Question, table: LiteralString, coverage: CoverageRow, gaps: Sequence[GapRow]
) -> Recorded | None:
    ((first, last),) = question.rows(table + _ENDS)
    if first is None or first >= question.end or last < question.start:
        return None
    jumps = [_Jump(*row) for row in question.rows(table + _JUMPS)] if gaps else []
    holes = [hole for gap in gaps for hole in _holes_of(gap, jumps, question)]
    return _recorded(question, coverage.stream, first, last, holes)


def _holes_of(gap: GapRow, jumps: Sequence[_Jump], question: _Question) -> Iterator[Hole]:
    """Yield where the ids of a gap are missing between rows; another depth stream may have them."""
    if gap.first_missing_id is None or gap.last_missing_id is None:
        return
    for jump in jumps:
        if gap.last_missing_id > jump.reached and gap.first_missing_id < jump.first_id:
            yield from _clipped(question, gap, jump.start, jump.end)


def _by_clocks(question: _Question, clocks: Clocks, coverage: CoverageRow, gaps: Sequence[GapRow]) -> Recorded | None:
    first, last = clocks.venue_time(coverage.first_time), clocks.venue_time(coverage.last_time)
    if first is None or last is None or first >= question.end or last < question.start:
        return None
    holes: list[Hole] = []
    for gap in gaps:
        start = clocks.venue_time(gap.from_time) if gap.from_time else None
        end = clocks.venue_time(gap.to_time) if gap.to_time else None
        if start is not None and end is not None:
            holes += _clipped(question, gap, start, end)
    return _recorded(question, coverage.stream, first, last, holes)


def _clipped(question: _Question, gap: GapRow, start: datetime, end: datetime) -> Iterator[Hole]:
    low, high = max(start, question.start), min(end, question.end)
    if low <= high and start < question.end and end >= question.start:
        ids = (gap.first_missing_id, gap.last_missing_id)
        yield Hole(gap.stream, low, high, *ids, gap.cause, str(gap.status), gap.reason or "")


def _recorded(question: _Question, stream: str, first: datetime, last: datetime, holes: Sequence[Hole]) -> Recorded:
    in_time = sorted(holes, key=lambda hole: (hole.start, hole.first_id or 0))
    return Recorded(stream, max(first, question.start), min(last, question.end), in_time)
