"""The SQL of retention, one constant a query; names of tables and columns are put in by `psycopg.sql`.

Each takes the parameters that `storage_retention` passes: ``cut`` and ``cutoff`` are times by the table's own
clock, ``market`` and ``symbol`` are null for all, ``streams`` is a pattern of stream names.
"""

from typing import Final, LiteralString

# A symbol costs a look into the index, whatever the number of its rows: the natural key begins with it.
EXPIRED_SYMBOLS: Final[LiteralString] = """
WITH RECURSIVE symbols AS (
    (SELECT market, symbol FROM public.{table} ORDER BY market, symbol LIMIT 1)
    UNION ALL
    SELECT next.market, next.symbol FROM symbols
    CROSS JOIN LATERAL (
        SELECT market, symbol FROM public.{table} AS t WHERE (t.market, t.symbol) > (symbols.market, symbols.symbol)
        ORDER BY market, symbol LIMIT 1
    ) AS next
)
SELECT market, symbol FROM symbols
WHERE EXISTS (
    SELECT FROM public.{table} AS t
    WHERE t.market = symbols.market AND t.symbol = symbols.symbol AND t.{time} < %(cutoff)s)
"""

NTH_TIME: Final[LiteralString] = """
SELECT {time} FROM public.{table}
WHERE market = %(market)s AND symbol = %(symbol)s AND {time} < %(cutoff)s
ORDER BY {time} OFFSET %(rows)s - 1 LIMIT 1
"""

# In the order in which sinks lock them, by code points, so that nobody waits in a circle.
LOCK_STREAMS: Final[LiteralString] = """
SELECT FROM public.coverage
WHERE stream ~ %(streams)s AND (%(market)s::text IS NULL OR (market = %(market)s AND symbol = %(symbol)s))
ORDER BY market COLLATE "C", symbol COLLATE "C", stream COLLATE "C"
FOR UPDATE
"""

# By time and id the order is nearly the same, but not quite: the venue's servers differ by milliseconds.
REACHED: Final[LiteralString] = """
SELECT one.market, one.symbol, reached.id
FROM (
    SELECT DISTINCT market, symbol FROM public.coverage
    WHERE stream ~ %(streams)s AND (%(market)s::text IS NULL OR (market = %(market)s AND symbol = %(symbol)s))
) AS one
CROSS JOIN LATERAL (
    SELECT t.{time} AS time FROM public.{table} AS t
    WHERE t.market = one.market AND t.symbol = one.symbol AND t.{time} < %(cut)s
    ORDER BY t.{time} DESC LIMIT 1
) AS newest
CROSS JOIN LATERAL (
    SELECT max({last}) AS id FROM public.{table} AS t
    WHERE t.market = one.market AND t.symbol = one.symbol
      AND t.{time} BETWEEN newest.time - interval '1 minute' AND newest.time AND t.{time} < %(cut)s
) AS reached
"""

DELETE_ROWS: Final[LiteralString] = """
DELETE FROM public.{table} WHERE market = %(market)s AND symbol = %(symbol)s AND {time} < %(cut)s
"""

STRAGGLERS: Final[LiteralString] = """
SELECT edge.market, edge.symbol, edge.id
FROM json_to_recordset(%(rows)s::json) AS edge (market text, symbol text, id bigint)
WHERE EXISTS (
    SELECT FROM public.{table} AS t
    WHERE t.market = edge.market AND t.symbol = edge.symbol
      AND t.{time} >= %(cut)s AND t.{time} < %(cut)s + interval '1 minute' AND {last} <= edge.id)
"""

# One symbol at a time: only for constants a compressed chunk knows which few rows to unpack.
DELETE_STRAGGLERS: Final[LiteralString] = """
DELETE FROM public.{table} AS t
WHERE t.market = %(market)s AND t.symbol = %(symbol)s
  AND t.{time} >= %(cut)s AND t.{time} < %(cut)s + interval '1 minute' AND {last} <= %(id)s
"""

# ``until`` bounds the chunks that have to be planned for.
REMAINING: Final[LiteralString] = """
SELECT edge.market, edge.symbol, first.id, first.receive_time::text
FROM json_to_recordset(%(rows)s::json) AS edge (market text, symbol text)
LEFT JOIN LATERAL (
    SELECT t.{time} AS time FROM public.{table} AS t
    WHERE t.market = edge.market AND t.symbol = edge.symbol AND {only}
      AND t.{time} >= %(cut)s AND t.{time} < %(until)s::timestamptz
    ORDER BY t.{time} LIMIT 1
) AS oldest ON true
LEFT JOIN LATERAL (
    SELECT {first} AS id, t.receive_time FROM public.{table} AS t
    WHERE t.market = edge.market AND t.symbol = edge.symbol AND {only}
      AND t.{time} BETWEEN oldest.time AND oldest.time + interval '1 minute'
      AND t.{time} >= %(cut)s AND t.{time} < %(until)s::timestamptz + interval '1 minute'
    ORDER BY 1, t.{time} LIMIT 1
) AS first ON true
"""

# A stream without rows has no ledger; where two speeds of a stream share a table, one may be all gone.
FORGET_STREAMS: Final[LiteralString] = """
WITH forgotten AS (
    DELETE FROM public.coverage AS known
    USING json_to_recordset(%(rows)s::json) AS kept (market text, symbol text, id bigint, receive_time timestamptz)
    WHERE known.market = kept.market AND known.symbol = kept.symbol AND known.stream ~ %(streams)s
      AND (kept.receive_time IS NULL
           OR known.last_id < kept.id
           OR (known.last_key IS NOT NULL AND known.last_time < kept.receive_time AND EXISTS (
                   SELECT FROM public.coverage AS other
                   WHERE other.market = kept.market AND other.symbol = kept.symbol AND other.stream ~ %(streams)s
                     AND other.last_time >= kept.receive_time)))
    RETURNING known.market, known.symbol, known.stream
)
DELETE FROM public.gaps USING forgotten
WHERE gaps.market = forgotten.market AND gaps.symbol = forgotten.symbol AND gaps.stream = forgotten.stream
"""

MOVE_STREAMS: Final[LiteralString] = """
UPDATE public.coverage AS known
SET first_id = CASE WHEN known.first_id IS NULL THEN NULL ELSE kept.id END,
    first_time = least(kept.receive_time, known.last_time)
FROM json_to_recordset(%(rows)s::json) AS kept (market text, symbol text, id bigint, receive_time timestamptz)
WHERE known.market = kept.market AND known.symbol = kept.symbol AND known.stream ~ %(streams)s
  AND (known.first_id < kept.id OR (known.first_id IS NULL AND known.first_time < kept.receive_time))
"""

DELETE_OLD_GAPS: Final[LiteralString] = """
DELETE FROM public.gaps
USING public.coverage AS known,
      json_to_recordset(%(rows)s::json) AS kept (market text, symbol text)
WHERE known.market = kept.market AND known.symbol = kept.symbol AND known.stream ~ %(streams)s
  AND gaps.market = known.market AND gaps.symbol = known.symbol AND gaps.stream = known.stream
  AND (gaps.last_missing_id < known.first_id
       OR (gaps.last_missing_id IS NULL AND gaps.to_time <= known.first_time))
"""

TRIM_GAPS: Final[LiteralString] = """
UPDATE public.gaps SET first_missing_id = known.first_id
FROM public.coverage AS known,
     json_to_recordset(%(rows)s::json) AS kept (market text, symbol text)
WHERE known.market = kept.market AND known.symbol = kept.symbol AND known.stream ~ %(streams)s
  AND gaps.market = known.market AND gaps.symbol = known.symbol AND gaps.stream = known.stream
  AND gaps.first_missing_id < known.first_id
"""

EXPIRED_CHUNKS: Final[LiteralString] = """
SELECT range_end FROM timescaledb_information.chunks
WHERE hypertable_schema = 'public' AND hypertable_name = %(table)s AND range_end <= %(cutoff)s
ORDER BY range_end
"""

CHUNK_SIZES: Final[LiteralString] = """
SELECT range_end, total_bytes
FROM timescaledb_information.chunks
JOIN chunks_detailed_size(%(relation)s::regclass) USING (chunk_schema, chunk_name)
WHERE hypertable_schema = 'public' AND hypertable_name = %(table)s AND range_end <= %(cutoff)s
"""

DROP_CHUNKS: Final[LiteralString] = "SELECT count(*) FROM drop_chunks(%(relation)s::regclass, older_than => %(cut)s)"

IS_HYPERTABLE: Final[LiteralString] = """
SELECT EXISTS (
    SELECT FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public' AND hypertable_name = %(table)s)
"""

BYTES_A_ROW: Final[LiteralString] = """
SELECT pg_total_relation_size(oid) / reltuples FROM pg_class WHERE oid = %(relation)s::regclass AND reltuples > 0
"""

DELETE_EVENTS: Final[LiteralString] = """
DELETE FROM public.sync_events
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM public.sync_events
    WHERE instance = %(instance)s AND time < %(cutoff)s ORDER BY time LIMIT %(rows)s))
"""

INSTANCES: Final[LiteralString] = "SELECT instance FROM public.loader_positions UNION SELECT instance FROM public.runs"

# What keeps the candles: continuous aggregates, or tables that stay empty where there are aggregates.
CANDLE_AGGREGATES: Final[LiteralString] = """
SELECT view_name::text,
       format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)::regclass::oid::bigint
FROM timescaledb_information.continuous_aggregates
WHERE view_schema = 'public' AND view_name LIKE '%candles%'
ORDER BY view_name
"""

HYPERTABLE_SIZE: Final[LiteralString] = "SELECT hypertable_size(%(relation)s::oid::regclass)"

CANDLE_STREAMS: Final[LiteralString] = """
SELECT market, symbol, stream FROM public.candle_marks ORDER BY market, symbol, stream
"""

DELETE_CANDLES: Final[LiteralString] = """
DELETE FROM public.{table}
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM public.{table}
    WHERE market = %(market)s AND symbol = %(symbol)s AND stream = %(stream)s AND bucket < %(cutoff)s
    ORDER BY bucket LIMIT %(rows)s))
"""
