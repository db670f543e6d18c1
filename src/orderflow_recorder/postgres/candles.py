"""Candles of any interval, read from the views."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, LiteralString

import msgspec
import psycopg
from psycopg.rows import class_row

from orderflow_recorder.domain.market import Market

MINUTE_S: Final = 60

# Intervals begin on whole multiples since a Monday, 00:00 UTC, as TimescaleDB's time_bucket has it. What a candle
# opens and closes with is that of its first and last part, which may be of different streams.
_CANDLES_OF: Final[LiteralString] = """
SELECT date_bin(make_interval(secs => %(seconds)s), bucket, timestamptz '2000-01-03 00:00+00') AS bucket,
       (array_agg(open ORDER BY bucket))[1] AS open, max(high) AS high, min(low) AS low,
       (array_agg(close ORDER BY bucket DESC))[1] AS close,
       sum(volume) AS volume, sum(buy_volume) AS buy_volume, sum(sell_volume) AS sell_volume, sum(delta) AS delta,
       sum(trade_count)::bigint AS trade_count, sum(notional) / nullif(sum(volume), 0) AS vwap,
       bool_and(complete) AS complete
FROM """
_CANDLES_WHERE: Final[LiteralString] = """
WHERE market = %(market)s AND symbol = %(symbol)s AND bucket >= %(start)s AND bucket < %(end)s
GROUP BY 1 ORDER BY 1
"""

CANDLES_FROM_SECONDS: Final[LiteralString] = _CANDLES_OF + "public.candles_1s" + _CANDLES_WHERE
"""Candles of ``seconds``, whole ones where ``start`` and ``end`` are multiples of it (`aligned`)."""
CANDLES_FROM_MINUTES: Final[LiteralString] = _CANDLES_OF + "public.candles_1m" + _CANDLES_WHERE
"""The same, for intervals of whole minutes."""

_EPOCH: Final = datetime.fromisoformat("2000-01-03T00:00:00+00:00")

# By the index, and only where nothing is left of the rows by the candles, all of them.
_NEWEST: Final[LiteralString] = """
SELECT coalesce(
    greatest(
        (SELECT max(trade_time) FROM public.trades WHERE market = %(market)s AND symbol = %(symbol)s),
        (SELECT max(trade_time) FROM public.agg_trades WHERE market = %(market)s AND symbol = %(symbol)s)
    ),
    (SELECT max(bucket) FROM public.candles_1m WHERE market = %(market)s AND symbol = %(symbol)s)
)
"""


class Candle(msgspec.Struct, frozen=True):
    """What was traded of one symbol in one interval; exact.

    Attributes:
        bucket: Begin of the interval, by trade time.
        open: Price of the first trade, quote asset.
        high: Highest price.
        low: Lowest price.
        close: Price of the last trade.
        volume: Quantity, base asset.
        buy_volume: Of it, what aggressors bought.
        sell_volume: Of it, what aggressors sold.
        delta: Bought minus sold.
        trade_count: Number of trades.
        vwap: Mean price, weighted by quantity; none where no quantity was traded.
        complete: False where a gap that is not healed touches it.
    """

    bucket: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    buy_volume: Decimal
    sell_volume: Decimal
    delta: Decimal
    trade_count: int
    vwap: Decimal | None
    complete: bool


def read_candles(
    connection: psycopg.Connection[Any],
    market: Market,
    symbol: str,
    interval_seconds: int,
    start: datetime,
    end: datetime,
) -> list[Candle]:
    """Return the candles that begin from ``start`` on and before ``end``, in order; empty ones are left out.

    Args:
        connection: Open.
        market: The market.
        symbol: Upper case.
        interval_seconds: Length of a candle, whole seconds, from 1.
        start: With a time zone.
        end: With a time zone.
    """
    query = CANDLES_FROM_SECONDS if interval_seconds % MINUTE_S else CANDLES_FROM_MINUTES
    parameters = {
        "seconds": interval_seconds,
        "market": market,
        "symbol": symbol,
        "start": aligned(start, interval_seconds),
        "end": aligned(end, interval_seconds),
    }
    with connection.cursor(row_factory=class_row(Candle)) as cursor:
        return cursor.execute(query, parameters).fetchall()


def newest_trade_time(connection: psycopg.Connection[Any], market: Market, symbol: str) -> datetime | None:
    """Return when ``symbol`` was last traded, about; none if it never was."""
    row = connection.execute(_NEWEST, {"market": market, "symbol": symbol}).fetchone()
    return None if row is None else row[0]


def aligned(moment: datetime, interval_seconds: int) -> datetime:
    """Return the first begin of an interval at or after ``moment``."""
    interval = timedelta(seconds=interval_seconds)
    return _EPOCH - (_EPOCH - moment) // interval * interval
