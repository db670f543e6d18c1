"""What arrived last, cheaply: a few index look-ups a symbol, whatever the size of the tables."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from orderflow_recorder.domain.market import Market


class StreamActivity(msgspec.Struct, frozen=True):
    """The newest row of one symbol in one table.

    Attributes:
        market: The market.
        symbol: Upper case.
        table: The table, e.g. ``trades``.
        rows: About how many there are; none where ids cannot tell.
        last_id: Id of the newest row.
        last_time: Its receive time.
        age_seconds: Since then, by the server's clock.
    """

    market: Market
    symbol: str
    table: str
    rows: int | None
    last_id: int
    last_time: datetime
    age_seconds: float


# The time's lower bound keeps old chunks out: a symbol without rows would be looked for in each of them.
_ACTIVITY: Final[LiteralString] = """
WITH symbols AS (
    SELECT market, symbol FROM public.instruments
    WHERE symbol = ANY(%(symbols)s) OR (%(all)s AND status = 'TRADING')
)
SELECT market, symbol, 'trades', last.trade_id - first.trade_id + 1, last.trade_id, last.receive_time,
       extract(epoch FROM now() - last.receive_time)::double precision
FROM symbols
CROSS JOIN LATERAL (
    SELECT trade_id, receive_time FROM public.trades AS t
    WHERE t.market = symbols.market AND t.symbol = symbols.symbol AND trade_time > now() - interval '1 day'
    ORDER BY trade_time DESC, trade_id DESC LIMIT 1) AS last
CROSS JOIN LATERAL (
    SELECT trade_id FROM public.trades AS t
    WHERE t.market = symbols.market AND t.symbol = symbols.symbol ORDER BY trade_time, trade_id LIMIT 1) AS first
UNION ALL
SELECT market, symbol, 'agg_trades', last.agg_trade_id - first.agg_trade_id + 1, last.agg_trade_id, last.receive_time,
       extract(epoch FROM now() - last.receive_time)::double precision
FROM symbols
CROSS JOIN LATERAL (
    SELECT agg_trade_id, receive_time FROM public.agg_trades AS t
    WHERE t.market = symbols.market AND t.symbol = symbols.symbol AND trade_time > now() - interval '1 day'
    ORDER BY trade_time DESC, agg_trade_id DESC LIMIT 1) AS last
CROSS JOIN LATERAL (
    SELECT agg_trade_id FROM public.agg_trades AS t
    WHERE t.market = symbols.market AND t.symbol = symbols.symbol ORDER BY trade_time, agg_trade_id LIMIT 1) AS first
UNION ALL
SELECT market, symbol, 'depth_diffs', NULL, last.final_update_id, last.receive_time,
       extract(epoch FROM now() - last.receive_time)::double precision
FROM symbols
CROSS JOIN LATERAL (
    SELECT final_update_id, receive_time FROM public.depth_diffs AS t
    WHERE t.market = symbols.market AND t.symbol = symbols.symbol AND event_time > now() - interval '1 day'
    ORDER BY event_time DESC, final_update_id DESC LIMIT 1) AS last
ORDER BY 1, 2, 3
"""


def stream_activity(connection: psycopg.Connection[Any], symbols: Sequence[str] | None) -> list[StreamActivity]:
    """Return the newest row of each symbol in each table, if it is younger than a day.

    Args:
        connection: Open.
        symbols: Upper case; none for all that trade.

    Returns:
        By market, symbol, table.
    """
    parameters = {"symbols": list(symbols or ()), "all": symbols is None}
    return [
        StreamActivity(Market(market), *rest) for market, *rest in connection.execute(_ACTIVITY, parameters).fetchall()
    ]
