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
    hole record;
    chain record;
    earliest timestamptz;
    latest timestamptz;
BEGIN
    trusted := false;

    -- The last diff, and the first one after it. Near ones first: to plan over all chunks takes longer than to search.
    FOREACH step IN ARRAY far LOOP
        SELECT diff.final_update_id, diff.event_time, diff.receive_time INTO newest
        FROM public.depth_diffs AS diff
        WHERE diff.market = book_basis.market AND diff.symbol = wanted_symbol
            AND diff.event_time <= book_basis.at
            AND diff.event_time >= coalesce(book_basis.at - step, '-infinity')
        ORDER BY diff.event_time DESC, diff.final_update_id DESC
        LIMIT 1;
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
            AND diff.event_time > book_basis.at
            AND diff.event_time <= coalesce(book_basis.at + step, 'infinity')
        ORDER BY diff.event_time, diff.final_update_id
        LIMIT 1;
        EXIT WHEN FOUND;
    END LOOP;

    -- Inside a hole: what the venue changed between the last diff and this instant is not known.
    IF later.final_update_id IS NOT NULL THEN
        SELECT gap.first_missing_id, gap.last_missing_id, gap.stream, gap.cause, gap.status INTO hole
        FROM public.gaps AS gap
        WHERE gap.market = book_basis.market AND gap.symbol = wanted_symbol AND gap.stream LIKE 'depth%'
            AND gap.status <> 'healed'
            AND gap.first_missing_id <= later.final_update_id AND gap.last_missing_id > newest.final_update_id
        ORDER BY gap.first_missing_id
        LIMIT 1;
        IF FOUND THEN
            reason := format('inside a hole from update id %s to %s of %s, cause %s, %s',
                hole.first_missing_id, hole.last_missing_id, hole.stream, hole.cause, hole.status);
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
        ORDER BY snapshot.last_update_id DESC, snapshot.source, snapshot.receive_time DESC
        LIMIT 1;
        EXIT WHEN FOUND;
    END LOOP;
    IF base.last_update_id IS NULL THEN
        reason := 'no snapshot or checkpoint up to this instant';
        RETURN;
    END IF;

    -- An older base crosses the same hole.
    SELECT gap.first_missing_id, gap.last_missing_id, gap.stream, gap.cause, gap.status INTO hole
    FROM public.gaps AS gap
    WHERE gap.market = book_basis.market AND gap.symbol = wanted_symbol AND gap.stream LIKE 'depth%'
        AND gap.status <> 'healed'
        AND gap.first_missing_id <= newest.final_update_id AND gap.last_missing_id > base.last_update_id
    ORDER BY gap.first_missing_id DESC
    LIMIT 1;
    IF FOUND THEN
        reason := format('no snapshot since a hole from update id %s to %s of %s, cause %s, %s',
            hole.first_missing_id, hole.last_missing_id, hole.stream, hole.cause, hole.status);
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
    reason := format('%s %s and the %s diffs after it, to update id %s',
        CASE base.source WHEN 'rest' THEN 'snapshot' ELSE base.source END,
        base.last_update_id, chain.diffs, newest.final_update_id);
END
$body$
"""

# The newest change of a price is the greatest by update id, then by place within the diff.
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
    edge numeric;
BEGIN
    SELECT * INTO basis FROM public.book_basis(book_levels.market, book_levels.symbol, book_levels.at);
    IF basis.last_update_id IS NULL THEN
        RETURN;
    END IF;
    SELECT snapshot.known_bid, snapshot.known_ask,
        snapshot.bid_prices, snapshot.bid_quantities, snapshot.ask_prices, snapshot.ask_quantities
    INTO base
    FROM public.book_snapshots AS snapshot
    WHERE snapshot.market = book_levels.market AND snapshot.symbol = wanted_symbol
        AND snapshot.receive_time = basis.receive_time AND snapshot.last_update_id = basis.last_update_id
        AND snapshot.source = basis.source;

    edge := coalesce(base.known_bid, (SELECT min(outer_price) FROM unnest(base.bid_prices) AS outer_price));
    RETURN QUERY
    SELECT 'bid', level.price, level.quantity, coalesce(level.price >= edge, false)
    FROM (
        SELECT change.price, (max(ARRAY[change.id, change.place, change.quantity]))[3] AS quantity
        FROM (
            SELECT 0 AS id, listed.place, listed.price, listed.quantity
            FROM unnest(base.bid_prices, base.bid_quantities) WITH ORDINALITY AS listed (price, quantity, place)
            UNION ALL
            SELECT diff.final_update_id, listed.place, listed.price, listed.quantity
            FROM public.depth_diffs AS diff,
                unnest(diff.bid_prices, diff.bid_quantities) WITH ORDINALITY AS listed (price, quantity, place)
            WHERE diff.market = book_levels.market AND diff.symbol = wanted_symbol
                AND diff.event_time >= basis.since AND diff.event_time <= basis.until
                AND diff.final_update_id > basis.last_update_id AND diff.final_update_id <= basis.final_update_id
        ) AS change
        GROUP BY change.price
    ) AS level
    WHERE level.quantity <> 0
    ORDER BY level.price DESC
    LIMIT book_levels.levels;

    edge := coalesce(base.known_ask, (SELECT max(outer_price) FROM unnest(base.ask_prices) AS outer_price));
    RETURN QUERY
    SELECT 'ask', level.price, level.quantity, coalesce(level.price <= edge, false)
    FROM (
        SELECT change.price, (max(ARRAY[change.id, change.place, change.quantity]))[3] AS quantity
        FROM (
            SELECT 0 AS id, listed.place, listed.price, listed.quantity
            FROM unnest(base.ask_prices, base.ask_quantities) WITH ORDINALITY AS listed (price, quantity, place)
            UNION ALL
            SELECT diff.final_update_id, listed.place, listed.price, listed.quantity
            FROM public.depth_diffs AS diff,
                unnest(diff.ask_prices, diff.ask_quantities) WITH ORDINALITY AS listed (price, quantity, place)
            WHERE diff.market = book_levels.market AND diff.symbol = wanted_symbol
                AND diff.event_time >= basis.since AND diff.event_time <= basis.until
                AND diff.final_update_id > basis.last_update_id AND diff.final_update_id <= basis.final_update_id
        ) AS change
        GROUP BY change.price
    ) AS level
    WHERE level.quantity <> 0
    ORDER BY level.price
    LIMIT book_levels.levels;
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

FUNCTIONS = (
    (
        "book_basis(text, text, timestamptz)",
        BOOK_BASIS,
        "What book_levels builds from: a snapshot or checkpoint and the diffs after it, or why there is no book",
    ),
    (
        "book_levels(text, text, timestamptz, integer)",
        BOOK_LEVELS,
        (
            "The book at an instant of the venue''s clock, bids best first, then asks best first; "
            "known: nothing unseen lies between this level and the best"
        ),
    ),
    (
        "book_at(text, text, timestamptz, integer)",
        BOOK_AT,
        (
            "The book at an instant of the venue''s clock, bids best first, then asks best first; "
            "no rows where there is no trusted one, see book_verdict"
        ),
    ),
    (
        "book_verdict(text, text, timestamptz)",
        BOOK_VERDICT,
        "Whether the book at an instant can be trusted, what it is built from (last_update_id), and why or why not",
    ),
)


def upgrade() -> None:
    """Add the columns and the functions."""
    for column, comment in KNOWN:
        op.add_column("book_snapshots", sa.Column(column, sa.Numeric, comment=comment))
    for signature, definition, comment in FUNCTIONS:
        op.execute(definition)
        op.execute(f"COMMENT ON FUNCTION public.{signature} IS '{comment}'")


def downgrade() -> None:
    """Drop the functions and the columns."""
    for signature, _, _ in reversed(FUNCTIONS):
        op.execute(f"DROP FUNCTION public.{signature}")
    for column, _ in reversed(KNOWN):
        op.drop_column("book_snapshots", column)
