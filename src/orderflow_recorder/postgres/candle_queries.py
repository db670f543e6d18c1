"""The SQL of `candle_refresh`, one constant a query.

``{table}`` and ``{candles}`` are those of the stream, ``{over}`` is `OVER`.
"""

from typing import Final, LiteralString

# The version of TimescaleDB where it keeps the candles, else null.
AGGREGATES: Final[LiteralString] = """
SELECT extversion FROM pg_extension
WHERE extname = 'timescaledb' AND to_regclass('public.trade_candle_spans') IS NULL
"""

# Symbols that have rows and no mark, by one probe of the index each: rows from before there were marks.
MARK_UNKNOWN: Final[LiteralString] = """
WITH RECURSIVE known (market, symbol) AS (
    (SELECT market, symbol FROM {table} ORDER BY market, symbol LIMIT 1)
    UNION ALL
    SELECT next.market, next.symbol
    FROM known CROSS JOIN LATERAL (
        SELECT market, symbol FROM {table} WHERE (market, symbol) > (known.market, known.symbol)
        ORDER BY market, symbol LIMIT 1
    ) AS next
)
INSERT INTO public.candle_marks (market, symbol, stream, finished_until)
SELECT market, symbol, %(stream)s, '-infinity' FROM known ORDER BY market, symbol
ON CONFLICT DO NOTHING
"""

# Up to where minutes are over: a little older than the newest row. An old recording's last minute counts as over in an
# aggregate, which hides what is before the newest bucket of any symbol and not kept.
OVER: Final[LiteralString] = """
CASE WHEN %(aggregates)s AND found.last < now() - interval '23 hours'
     THEN date_trunc('minute', found.last) + interval '1 minute'
     ELSE date_trunc('minute', found.last - %(settle)s::interval) END
"""

# Streams with minutes that are over, by their first row behind the mark. Only those that a recorder covers: nobody
# locks another one while writing to it, so its mark must not move.
WORK: Final[LiteralString] = """
SELECT mark.market, mark.symbol, mark.stream, found.first
FROM public.candle_marks AS mark
JOIN public.coverage AS covered USING (market, symbol, stream)
CROSS JOIN LATERAL (
    SELECT min(trade_time) AS first, max(trade_time) AS last FROM {table}
    WHERE market = mark.market AND symbol = mark.symbol AND trade_time >= mark.finished_until
) AS found
WHERE mark.stream = %(stream)s AND {over} > greatest(mark.finished_until, found.first)
"""

LOCK: Final[LiteralString] = """
SELECT FROM public.coverage WHERE market = %(market)s AND symbol = %(symbol)s AND stream = %(stream)s FOR UPDATE
"""

# From where to where the mark goes: whole minutes, a little older than the newest row, not too many at once.
NEXT: Final[LiteralString] = """
SELECT date_trunc('minute', found.first) AS since,
       least({over}, date_trunc('minute', found.first) + %(window)s::interval) AS until
FROM public.candle_marks AS mark
CROSS JOIN LATERAL (
    SELECT min(trade_time) AS first, max(trade_time) AS last FROM {table}
    WHERE market = mark.market AND symbol = mark.symbol AND trade_time >= mark.finished_until
) AS found
WHERE mark.market = %(market)s AND mark.symbol = %(symbol)s AND mark.stream = %(stream)s
"""

# The policy of an aggregate sees the last day; what is older must be refreshed by name.
MOVE: Final[LiteralString] = """
UPDATE public.candle_marks
SET finished_until = %(until)s,
    refresh_from = CASE WHEN %(aggregates)s AND %(since)s < now() - interval '23 hours'
                        THEN least(refresh_from, %(since)s) ELSE refresh_from END
WHERE market = %(market)s AND symbol = %(symbol)s AND stream = %(stream)s
"""

CHANGED: Final[LiteralString] = """
SELECT DISTINCT market, symbol, stream FROM public.candle_changes ORDER BY market, symbol, stream
"""

TAKE_CHANGES: Final[LiteralString] = """
DELETE FROM public.candle_changes
WHERE market = %(market)s AND symbol = %(symbol)s AND stream = %(stream)s AND minute IN (
    SELECT minute FROM public.candle_changes
    WHERE market = %(market)s AND symbol = %(symbol)s AND stream = %(stream)s ORDER BY minute LIMIT %(limit)s
)
RETURNING minute, minute + interval '1 minute'
"""

# A candle only grows. One that would shrink is made of rows that were dropped since: the old one stays.
KEEP_SECONDS: Final[LiteralString] = """
INSERT INTO public.finished_candles_1s AS known
SELECT %(market)s, %(symbol)s, %(stream)s, live.*
FROM unnest(%(since)s::timestamptz[], %(until)s::timestamptz[]) AS span (since, until)
CROSS JOIN LATERAL {candles}(%(market)s, %(symbol)s, '1 second', span.since, span.until) AS live
ON CONFLICT (market, symbol, stream, bucket) DO UPDATE
SET (first_id, last_id, open, high, low, close, buy_volume, sell_volume, notional, trade_count)
  = (excluded.first_id, excluded.last_id, excluded.open, excluded.high, excluded.low, excluded.close,
     excluded.buy_volume, excluded.sell_volume, excluded.notional, excluded.trade_count)
WHERE excluded.first_id <= known.first_id AND excluded.last_id >= known.last_id
  AND excluded.trade_count >= known.trade_count
"""

KEEP_MINUTES: Final[LiteralString] = """
INSERT INTO public.finished_candles_1m AS known
SELECT %(market)s, %(symbol)s, %(stream)s, date_trunc('minute', second.bucket),
       min(second.first_id), max(second.last_id), (array_agg(second.open ORDER BY second.first_id))[1],
       max(second.high), min(second.low), (array_agg(second.close ORDER BY second.last_id DESC))[1],
       sum(second.buy_volume), sum(second.sell_volume), sum(second.notional), sum(second.trade_count)::bigint
FROM unnest(%(since)s::timestamptz[], %(until)s::timestamptz[]) AS span (since, until)
JOIN public.finished_candles_1s AS second
    ON second.market = %(market)s AND second.symbol = %(symbol)s AND second.stream = %(stream)s
    AND second.bucket >= span.since AND second.bucket < span.until
GROUP BY date_trunc('minute', second.bucket)
ON CONFLICT (market, symbol, stream, bucket) DO UPDATE
SET (first_id, last_id, open, high, low, close, buy_volume, sell_volume, notional, trade_count)
  = (excluded.first_id, excluded.last_id, excluded.open, excluded.high, excluded.low, excluded.close,
     excluded.buy_volume, excluded.sell_volume, excluded.notional, excluded.trade_count)
"""

# What the aggregates of a stream wait for, oldest first: a watermark that jumps ahead would hide what is before it.
PENDING: Final[LiteralString] = """
SELECT market, symbol, refresh_from AS since, finished_until AS until, NULL::bigint AS noted
FROM public.candle_marks WHERE stream = %(stream)s AND refresh_from IS NOT NULL
UNION ALL
(SELECT market, symbol, minute, minute + interval '1 minute', noted
 FROM public.candle_changes WHERE stream = %(stream)s ORDER BY minute LIMIT %(limit)s)
ORDER BY since, market, symbol
"""

REFRESH: Final[LiteralString] = "CALL public.refresh_continuous_aggregate(%s::regclass, %s, %s)"
REFRESH_IN_BATCHES: Final[LiteralString] = (
    "CALL public.refresh_continuous_aggregate(%s::regclass, %s, %s, options => %s::jsonb)"
)

# What was noted again meanwhile has another number, a mark that moved meanwhile another end.
FORGET_CHANGES: Final[LiteralString] = """
DELETE FROM public.candle_changes AS changed
USING unnest(%(markets)s::text[], %(symbols)s::text[], %(minutes)s::timestamptz[], %(noted)s::bigint[])
    AS done (market, symbol, minute, noted)
WHERE changed.market = done.market AND changed.symbol = done.symbol AND changed.stream = %(stream)s
  AND changed.minute = done.minute AND changed.noted = done.noted
"""

FORGET_REFRESH: Final[LiteralString] = """
UPDATE public.candle_marks SET refresh_from = NULL
WHERE market = %(market)s AND symbol = %(symbol)s AND stream = %(stream)s
  AND refresh_from = %(since)s AND finished_until = %(until)s
"""
