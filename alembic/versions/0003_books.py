"""Books at an instant: functions book_at, book_levels and book_verdict; what a checkpoint knows.

Revision ID: 0003_books
Revises: 0002_ledger
"""

import sqlalchemy as sa
from alembic import op

revision = "0003_books"
down_revision = "0002_ledger"
branch_labels = None
depends_on = None

KNOWN = (
    ("known_bid", "The book is complete down to this price; null: to its outermost price"),
    ("known_ask", "The book is complete up to this price; null: to its outermost price"),
)

# What another stream of the same book has (depth@100ms beside depth@1000ms) is not missing from the book.
BOOK_HOLE = """
CREATE FUNCTION public.book_hole(market text, symbol text, after_id bigint, to_id bigint)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $body$
    SELECT format('a hole from update id %s to %s of %s, cause %s, %s',
        gap.first_missing_id, gap.last_missing_id, gap.stream, gap.cause, gap.status)
    FROM public.gaps AS gap
    WHERE gap.market = book_hole.market AND gap.symbol = upper(book_hole.symbol)
        AND gap.stream LIKE 'depth%' AND gap.status <> 'healed'
        AND gap.first_missing_id <= book_hole.to_id AND gap.last_missing_id > book_hole.after_id
        AND NOT EXISTS (
            SELECT FROM public.coverage AS other
            WHERE other.market = gap.market AND other.symbol = gap.symbol
                AND other.stream LIKE 'depth%' AND other.stream <> gap.stream
                AND other.first_id <= gap.first_missing_id AND other.last_id >= gap.last_missing_id
                AND NOT EXISTS (
                    SELECT FROM public.gaps AS its
                    WHERE its.market = gap.market AND its.symbol = gap.symbol AND its.stream = other.stream
                        AND its.status <> 'healed'
                        AND its.first_missing_id <= gap.last_missing_id AND its.last_missing_id >= gap.first_missing_id
                )
        )
    ORDER BY gap.first_missing_id DESC
    LIMIT 1
$body$
"""

# Custom plans: a generic one would look into every chunk of a hypertable. JIT costs more than it saves.
# Columns win over parameters of the same name, which are written with the function's name before them.
BOOK_BASIS = """
CREATE FUNCTION public.book_basis(
    market text, symbol text, at timestamptz,
    OUT trusted boolean, OUT reason text, OUT source text, OUT last_update_id bigint, OUT receive_time timestamptz,
    OUT final_update_id bigint, OUT since timestamptz, OUT until timestamptz
)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET plan_cache_mode = force_custom_plan
SET jit = off
AS $body$
#variable_conflict use_column
DECLARE
    far CONSTANT interval[] := ARRAY['1 minute', '1 hour', '1 day', NULL]::interval[];
    wanted_symbol CONSTANT text := upper(book_basis.symbol);
    step interval;
    newest record;
    later record;
    base record;
    hole text;
    chain record;
    earliest timestamptz;
    latest timestamptz;
BEGIN
    trusted := false;

    -- The last diff, and the first one after it. Near ones first: to plan over all chunks takes longer than to search.
    FOREACH step IN ARRAY far LOOP
        SELECT diff.final_update_id, diff.event_time, diff.receive_time INTO newest FROM public.depth_diffs AS diff
        WHERE diff.market = book_basis.market AND diff.symbol = wanted_symbol
            AND diff.event_time <= book_basis.at AND diff.event_time >= coalesce(book_basis.at - step, '-infinity')
        ORDER BY diff.event_time DESC, diff.final_update_id DESC LIMIT 1;
        EXIT WHEN FOUND;
    END LOOP;
    IF newest.final_update_id IS NULL THEN
        reason := 'nothing recorded before: no diff of this market and symbol up to this instant';
        RETURN;
    END IF;
    FOREACH step IN ARRAY far LOOP
        SELECT diff.final_update_id, diff.event_time,
            CASE diff.market WHEN 'usdm' THEN diff.previous_final_update_id ELSE diff.first_update_id - 1 END AS start
        INTO later
        FROM public.depth_diffs AS diff
        WHERE diff.market = book_basis.market AND diff.symbol = wanted_symbol
            AND diff.event_time > book_basis.at AND diff.event_time <= coalesce(book_basis.at + step, 'infinity')
        ORDER BY diff.event_time, diff.final_update_id LIMIT 1;
        EXIT WHEN FOUND;
    END LOOP;

    -- Inside a hole: what the venue changed between the last diff and this instant is not known.
    IF later.final_update_id IS NOT NULL AND book_basis.at > newest.event_time THEN
        hole := public.book_hole(market, symbol, newest.final_update_id, later.final_update_id);
        IF hole IS NOT NULL THEN
            reason := 'inside ' || hole;
            RETURN;
        ELSIF coalesce(later.start > newest.final_update_id, true) THEN
            reason := format('inside a hole from update id %s to %s, cause unknown: the ledger does not have it',
                newest.final_update_id + 1, later.start);
            RETURN;
        END IF;
    END IF;

    -- The newest base: near the last diff by our clock, else wherever it is (another clock, another replay).
    FOR earliest, latest IN
        VALUES (newest.receive_time - interval '2 hours', newest.receive_time + interval '1 minute'),
            ('-infinity'::timestamptz, 'infinity'::timestamptz)
    LOOP
        SELECT snapshot.last_update_id, snapshot.source, snapshot.receive_time INTO base
        FROM public.book_snapshots AS snapshot
        WHERE snapshot.market = book_basis.market AND snapshot.symbol = wanted_symbol
            AND snapshot.receive_time >= earliest AND snapshot.receive_time <= latest
            AND snapshot.last_update_id <= newest.final_update_id
        ORDER BY snapshot.last_update_id DESC, snapshot.source, snapshot.receive_time DESC LIMIT 1;
        EXIT WHEN FOUND;
    END LOOP;
    IF base.last_update_id IS NULL THEN
        reason := 'no snapshot or checkpoint up to this instant';
        RETURN;
    END IF;

    -- An older base crosses the same hole.
    hole := public.book_hole(market, symbol, base.last_update_id, newest.final_update_id);
    IF hole IS NOT NULL THEN
        reason := 'no snapshot since ' || hole;
        RETURN;
    END IF;

    -- The rows themselves must chain. Event times of the base are estimated: the venue's clock is not ours.
    FOREACH since IN ARRAY ARRAY[
        base.receive_time + (newest.event_time - newest.receive_time) - interval '5 minutes', '-infinity'::timestamptz
    ] LOOP
        SELECT count(*) AS diffs,
            min(link.before) FILTER (WHERE link.broken) AS before,
            min(link.start) FILTER (WHERE link.broken) AS start
        INTO chain
        FROM (
            SELECT row.before, row.start,
                row.first_update_id > base.last_update_id AND coalesce(row.start > row.before, true) AS broken
            FROM (
                SELECT diff.first_update_id,
                    CASE diff.market WHEN 'usdm' THEN diff.previous_final_update_id ELSE diff.first_update_id - 1 END
                        AS start,
                    lag(diff.final_update_id, 1, base.last_update_id)
                        OVER (ORDER BY diff.final_update_id, diff.event_time) AS before
                FROM public.depth_diffs AS diff
                WHERE diff.market = book_basis.market AND diff.symbol = wanted_symbol
                    AND diff.event_time >= book_basis.since AND diff.event_time <= newest.event_time
                    AND diff.final_update_id > base.last_update_id
                    AND diff.final_update_id <= newest.final_update_id
            ) AS row
        ) AS link;
        EXIT WHEN newest.final_update_id = base.last_update_id
            OR chain.diffs > 0 AND chain.before IS DISTINCT FROM base.last_update_id;
    END LOOP;
    IF chain.before IS NOT NULL OR chain.diffs = 0 AND newest.final_update_id > base.last_update_id THEN
        reason := format('no snapshot since a hole from update id %s to %s, cause unknown: the ledger does not have it',
            coalesce(chain.before, base.last_update_id) + 1, coalesce(chain.start, newest.final_update_id));
        RETURN;
    END IF;

    source := base.source;
    last_update_id := base.last_update_id;
    receive_time := base.receive_time;
    final_update_id := newest.final_update_id;
    until := newest.event_time;
    IF later.final_update_id IS NULL AND book_basis.at > newest.event_time THEN
        reason := format('after the last recorded diff (%s UTC): the book as of then',
            to_char(newest.event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'));
        RETURN;
    END IF;
    trusted := true;
    reason := format('%s %s and %s %s after it, to update id %s',
        CASE base.source WHEN 'rest' THEN 'snapshot' ELSE base.source END, base.last_update_id,
        chain.diffs, CASE chain.diffs WHEN 1 THEN 'diff' ELSE 'diffs' END, newest.final_update_id);
END
$body$
"""

# The newest change of a price is the greatest (update id, quantity): an update names a price once. Measured against
# DISTINCT ON, array_agg, max(id) joined back; unnest in the select list takes a third of the time of unnest in FROM.
BOOK_LEVELS = """
CREATE FUNCTION public.book_levels(market text, symbol text, at timestamptz, levels integer DEFAULT NULL)
RETURNS TABLE (side text, price numeric, quantity numeric, known boolean)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET plan_cache_mode = force_custom_plan
SET jit = off
SET work_mem = '64MB'
AS $body$
#variable_conflict use_column
DECLARE
    wanted_symbol CONSTANT text := upper(book_levels.symbol);
    basis record;
    base record;
    bids boolean;
    edge numeric;
BEGIN
    SELECT * INTO basis FROM public.book_basis(book_levels.market, book_levels.symbol, book_levels.at);
    IF basis.last_update_id IS NULL THEN
        RETURN;
    END IF;
    SELECT snapshot.* INTO base FROM public.book_snapshots AS snapshot
    WHERE snapshot.market = book_levels.market AND snapshot.symbol = wanted_symbol
        AND snapshot.receive_time = basis.receive_time AND snapshot.last_update_id = basis.last_update_id
        AND snapshot.source = basis.source;
    FOREACH bids IN ARRAY ARRAY[true, false] LOOP
        IF bids THEN
            edge := coalesce(base.known_bid, (SELECT min(price) FROM unnest(base.bid_prices) AS price));
        ELSE
            edge := coalesce(base.known_ask, (SELECT max(price) FROM unnest(base.ask_prices) AS price));
        END IF;
        RETURN QUERY
        SELECT CASE WHEN bids THEN 'bid' ELSE 'ask' END, level.price, level.quantity,
            coalesce(CASE WHEN bids THEN level.price >= edge ELSE level.price <= edge END, false)
        FROM (
            SELECT change.price, (max(ARRAY[change.id, change.quantity]))[2] AS quantity
            FROM (
                SELECT 0 AS id, unnest(CASE WHEN bids THEN base.bid_prices ELSE base.ask_prices END) AS price,
                    unnest(CASE WHEN bids THEN base.bid_quantities ELSE base.ask_quantities END) AS quantity
                UNION ALL
                SELECT diff.final_update_id, unnest(CASE WHEN bids THEN diff.bid_prices ELSE diff.ask_prices END),
                    unnest(CASE WHEN bids THEN diff.bid_quantities ELSE diff.ask_quantities END)
                FROM public.depth_diffs AS diff
                WHERE diff.market = book_levels.market AND diff.symbol = wanted_symbol
                    AND diff.event_time >= basis.since AND diff.event_time <= basis.until
                    AND diff.final_update_id > basis.last_update_id
                    AND diff.final_update_id <= basis.final_update_id
            ) AS change
            GROUP BY change.price
        ) AS level
        WHERE level.quantity <> 0
        ORDER BY CASE WHEN bids THEN level.price END DESC, CASE WHEN NOT bids THEN level.price END
        LIMIT book_levels.levels;
    END LOOP;
END
$body$
"""

BOOK_AT = """
CREATE FUNCTION public.book_at(market text, symbol text, at timestamptz, levels integer DEFAULT NULL)
RETURNS TABLE (side text, price numeric, quantity numeric)
LANGUAGE sql STABLE PARALLEL SAFE
AS $body$
    SELECT found.side, found.price, found.quantity
    FROM public.book_levels(book_at.market, book_at.symbol, book_at.at, book_at.levels) AS found
$body$
"""

BOOK_VERDICT = """
CREATE FUNCTION public.book_verdict(market text, symbol text, at timestamptz)
RETURNS TABLE (trusted boolean, checkpoint bigint, reason text)
LANGUAGE sql STABLE PARALLEL SAFE
AS $body$
    SELECT basis.trusted, basis.last_update_id, basis.reason
    FROM public.book_basis(book_verdict.market, book_verdict.symbol, book_verdict.at) AS basis
$body$
"""

INSTANT = "text, text, timestamptz"
FUNCTIONS = (
    ("book_hole", "text, text, bigint, bigint", BOOK_HOLE),
    ("book_basis", INSTANT, BOOK_BASIS),
    ("book_levels", f"{INSTANT}, integer", BOOK_LEVELS),
    ("book_at", f"{INSTANT}, integer", BOOK_AT),
    ("book_verdict", INSTANT, BOOK_VERDICT),
)
COMMENTS = {
    "book_hole": "The last hole between two update ids of a book that is not healed, in words; null: none",
    "book_basis": "What book_levels starts from, a snapshot or checkpoint, and which diffs it applies; or why nothing",
    "book_levels": "As book_at; known is false beyond the price that the book is complete to",
    "book_at": "The book at an instant of the venue's clock, bids then asks, best first; none where it is not trusted",
    "book_verdict": "Whether the book at an instant can be trusted, the last_update_id it is built from, and why (not)",
}


def upgrade() -> None:
    """Add the columns and the functions."""
    for column, comment in KNOWN:
        op.add_column("book_snapshots", sa.Column(column, sa.Numeric, comment=comment))
    for name, arguments, definition in FUNCTIONS:
        op.execute(definition)
        comment = COMMENTS[name].replace("'", "''")
        op.execute(f"COMMENT ON FUNCTION public.{name}({arguments}) IS '{comment}'")


def downgrade() -> None:
    """Drop the functions and the columns."""
    for name, arguments, _ in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION public.{name}({arguments})")
    for column, _ in reversed(KNOWN):
        op.drop_column("book_snapshots", column)
