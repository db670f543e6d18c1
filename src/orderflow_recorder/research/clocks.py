"""From our clock to the venue's: by rows that carry both times, never by comparing the two clocks.

The clocks may differ by seconds, or, where old recordings were played, by years.
"""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

import psycopg

from orderflow_recorder.domain.market import Market

_MOST_PAIRS: Final = 2_000
"""Rows that are read of a table, at most: evenly over the time."""

# Rows that came by REST have no event time: their receive time says when they were asked for.
_PAIRS: Final[LiteralString] = """
(SELECT DISTINCT ON (date_bin(%(step)s, event_time, %(start)s)) receive_time, event_time
 FROM public.depth_diffs
 WHERE market = %(market)s AND symbol = %(symbol)s AND event_time >= %(start)s AND event_time < %(end)s
 ORDER BY date_bin(%(step)s, event_time, %(start)s), event_time)
UNION ALL
(SELECT DISTINCT ON (date_bin(%(step)s, trade_time, %(start)s)) receive_time, event_time
 FROM public.trades
 WHERE market = %(market)s AND symbol = %(symbol)s AND trade_time >= %(start)s AND trade_time < %(end)s
   AND event_time IS NOT NULL
 ORDER BY date_bin(%(step)s, trade_time, %(start)s), trade_time)
UNION ALL
(SELECT DISTINCT ON (date_bin(%(step)s, trade_time, %(start)s)) receive_time, event_time
 FROM public.agg_trades
 WHERE market = %(market)s AND symbol = %(symbol)s AND trade_time >= %(start)s AND trade_time < %(end)s
   AND event_time IS NOT NULL
 ORDER BY date_bin(%(step)s, trade_time, %(start)s), trade_time)
"""


class Clocks:
    """What the venue's clock showed when ours showed something."""

    def __init__(self, pairs: Iterable[tuple[datetime, datetime]]) -> None:
        """Take receive and event times of the same rows."""
        self._pairs = sorted(pairs)

    def venue_time(self, received: datetime) -> datetime | None:
        """Return the venue's time of something received, by the row received nearest to it; none without rows.

        Args:
            received: By our clock.
        """
        if not self._pairs:
            return None
        after = bisect_left(self._pairs, received, key=lambda pair: pair[0])
        near = self._pairs[max(0, after - 1) : after + 1]
        ours, venues = min(near, key=lambda pair: abs(pair[0] - received))
        return venues + (received - ours)


def read_clocks(
    connection: psycopg.Connection[Any], market: Market, symbol: str, start: datetime, end: datetime
) -> Clocks:
    """Return how the clocks stood over a period.

    Args:
        connection: Open.
        market: The market.
        symbol: Upper case.
        start: First instant, by the venue's clock.
        end: First instant after it.
    """
    step = max((end - start) / _MOST_PAIRS, timedelta(microseconds=1))
    parameters = {"market": market, "symbol": symbol, "start": start, "end": end, "step": step}
    return Clocks(connection.execute(_PAIRS, parameters).fetchall())
