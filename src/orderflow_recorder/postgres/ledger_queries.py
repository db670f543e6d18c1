"""The SQL of the ledger, one constant a query.

Streams are passed as one text, of JSON or of arrays (`array_text`): psycopg makes arrays element by element, which
costs more than everything else the ledger does for a stream.
"""

from typing import Final, LiteralString

# Rows must exist before they can be locked. Writers meet them in the order of the JSON, which is
# sorted, and so never wait for each other in a circle: a row that somebody else is creating is
# waited for here, one that exists is waited for below, and none is ever deleted once committed.
CREATE_COVERAGE: Final[LiteralString] = """
INSERT INTO public.coverage (market, symbol, stream, first_time, last_time)
SELECT wanted.market, wanted.symbol, wanted.stream, wanted.time, wanted.time
FROM json_to_recordset(%(rows)s::json) AS wanted (market text, symbol text, stream text, time timestamptz, place int)
WHERE NOT EXISTS (
    SELECT FROM public.coverage AS known
    WHERE known.market = wanted.market AND known.symbol = wanted.symbol AND known.stream = wanted.stream
)
ORDER BY wanted.place
ON CONFLICT DO NOTHING
"""

LOCK_COVERAGE: Final[LiteralString] = """
SELECT wanted.place, known.first_id, known.last_id, known.last_key,
       (extract(epoch FROM known.first_time) * 1000000)::bigint * 1000,
       (extract(epoch FROM known.last_time) * 1000000)::bigint * 1000
FROM json_to_recordset(%(rows)s::json) AS wanted (market text, symbol text, stream text, place int)
JOIN public.coverage AS known USING (market, symbol, stream)
ORDER BY wanted.place
FOR UPDATE OF known
"""

UPDATE_COVERAGE: Final[LiteralString] = """
UPDATE public.coverage AS known
SET first_id = new.first_id, last_id = new.last_id, last_key = new.last_key,
    first_time = new.first_time, last_time = new.last_time
FROM json_to_recordset(%(rows)s::json) AS new (
    market text, symbol text, stream text, first_id bigint, last_id bigint, last_key bigint,
    first_time timestamptz, last_time timestamptz
)
WHERE known.market = new.market AND known.symbol = new.symbol AND known.stream = new.stream
"""

# Only rows that are as expected and that nobody holds: who waits for none may lock them in any order. A row that
# somebody changes while this runs is not as expected, or, if it still is, no longer where this statement sees it.
ADVANCE_COVERAGE: Final[LiteralString] = """
WITH held AS MATERIALIZED (
    SELECT known.ctid AS place, new.last_id, new.last_key,
           timestamptz 'epoch' + new.microseconds * interval '1 microsecond' AS last_time
    FROM unnest(
        %(markets)s::text[], %(symbols)s::text[], %(streams)s::text[], %(known_ids)s::bigint[],
        %(known_keys)s::bigint[], %(ids)s::bigint[], %(keys)s::bigint[], %(microseconds)s::bigint[]
    ) AS new (market, symbol, stream, known_id, known_key, last_id, last_key, microseconds)
    JOIN public.coverage AS known USING (market, symbol, stream)
    WHERE known.last_id IS NOT DISTINCT FROM new.known_id AND known.last_key IS NOT DISTINCT FROM new.known_key
    FOR UPDATE OF known SKIP LOCKED
)
UPDATE public.coverage AS known
SET last_id = held.last_id, last_key = held.last_key, last_time = held.last_time
FROM held WHERE known.ctid = held.place
"""

# Only what this transaction created and then had no use for.
DELETE_UNUSED_COVERAGE: Final[LiteralString] = """
DELETE FROM public.coverage AS known
USING json_to_recordset(%(rows)s::json) AS unused (market text, symbol text, stream text)
WHERE known.market = unused.market AND known.symbol = unused.symbol AND known.stream = unused.stream
  AND known.last_id IS NULL AND known.last_key IS NULL
"""

LOAD_GAPS: Final[LiteralString] = """
SELECT known.market, known.symbol, known.stream, known.gap_id, known.first_missing_id, known.last_missing_id,
       (extract(epoch FROM known.opened_at) * 1000000)::bigint * 1000,
       (extract(epoch FROM known.from_time) * 1000000)::bigint * 1000,
       (extract(epoch FROM known.to_time) * 1000000)::bigint * 1000,
       known.cause, known.instance, known.status, known.reason,
       (extract(epoch FROM known.healed_at) * 1000000)::bigint * 1000, known.healed_by
FROM json_to_recordset(%(rows)s::json) AS wanted (
    market text, symbol text, stream text, first_id numeric, last_id numeric
)
JOIN public.gaps AS known USING (market, symbol, stream)
WHERE known.last_missing_id >= wanted.first_id AND known.first_missing_id <= wanted.last_id
"""

INSERT_GAP: Final[LiteralString] = """
INSERT INTO public.gaps (market, symbol, stream, first_missing_id, last_missing_id, from_time, to_time,
                         cause, status, opened_at, healed_at, healed_by, instance, reason)
VALUES (%(market)s, %(symbol)s, %(stream)s, %(first_missing_id)s, %(last_missing_id)s, %(from_time)s, %(to_time)s,
        %(cause)s, %(status)s, %(opened_at)s, %(healed_at)s, %(healed_by)s, %(instance)s, %(reason)s)
"""

UPDATE_GAP: Final[LiteralString] = """
UPDATE public.gaps
SET first_missing_id = %(first_missing_id)s, last_missing_id = %(last_missing_id)s, status = %(status)s,
    healed_at = %(healed_at)s, healed_by = %(healed_by)s, reason = %(reason)s
WHERE gap_id = %(gap_id)s
"""

DELETE_GAPS: Final[LiteralString] = "DELETE FROM public.gaps WHERE gap_id = ANY(%s)"

# A socket's streams may have been told long before. How many collectors shared the symbols then, the run knows.
LOAD_EVENTS: Final[LiteralString] = """
WITH told AS (
    SELECT * FROM public.sync_events
    WHERE instance = ANY(%(instances)s) AND time >= %(since)s AND event = ANY(%(kinds)s)
), events AS (
    SELECT * FROM told
    UNION ALL
    SELECT * FROM public.sync_events
    WHERE instance = ANY(%(instances)s) AND event = ANY (ARRAY['connected', 'subscribed'])
      AND (run_id, connection) IN (SELECT run_id, connection FROM told)
)
SELECT (extract(epoch FROM time) * 1000000)::bigint * 1000, event, instance, run_id, market, symbol, connection, detail,
       (SELECT settings ->> 'COLLECTOR_SHARDS' FROM public.runs WHERE runs.run_id = events.run_id)
FROM events
"""

LAST_EVENT: Final[LiteralString] = """
SELECT (extract(epoch FROM time) * 1000000)::bigint * 1000
FROM public.sync_events
WHERE instance = %(instance)s AND event = ANY(%(kinds)s)
ORDER BY time DESC LIMIT 1
"""
