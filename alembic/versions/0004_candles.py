"""Candles of one second and one minute: continuous aggregates where they are licensed, kept tables elsewhere.

Whatever keeps them, ``trade_candles_1s``, ``trade_candles_1m`` and the same two of ``agg_trade_candles`` are
there, with the same columns; ``candles_1s`` and ``candles_1m`` are one text over them.

Revision ID: 0004_candles
Revises: 0003_books
"""

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa
from alembic import op

from orderflow_recorder.postgres.timescale_candles import CandleAggregate, make_candle_aggregates

revision = "0004_candles"
down_revision = "0003_books"
branch_labels = None
depends_on = None

BUCKETS: Final = (("1s", "1 second"), ("1m", "1 minute"))
SOURCES: Final = (
    ("trade", "trade", "trade_id", "count(*)"),
    ("agg_trade", "aggTrade", "agg_trade_id", "sum(last_trade_id - first_trade_id + 1)::bigint"),
)
"""Name of the relations, name of the stream, its id, and the number of trades in a row."""

INNER: Final = """
    market, symbol, bucket, first_id, last_id, open, high, low, close,
    buy_volume, sell_volume, notional, trade_count"""
"""Columns of the inner relations."""

# The buyer is the aggressor where he is not the maker. Sums of nothing are 0.
SUMS: Final = """
       coalesce(sum(quantity) FILTER (WHERE NOT buyer_is_maker), 0) AS buy_volume,
       coalesce(sum(quantity) FILTER (WHERE buyer_is_maker), 0) AS sell_volume,
       sum(price * quantity) AS notional"""

# first() and last() by id: the order of the matches, whatever their times say.
SECONDS: Final = """
SELECT market, symbol, time_bucket('1 second', trade_time) AS bucket, min({id}) AS first_id, max({id}) AS last_id,
       first(price, {id}) AS open, max(price) AS high, min(price) AS low, last(price, {id}) AS close,{sums},
       {count} AS trade_count
FROM public.{source}s GROUP BY 1, 2, 3"""
MINUTES: Final = """
SELECT market, symbol, time_bucket('1 minute', bucket) AS bucket, min(first_id) AS first_id, max(last_id) AS last_id,
       first(open, first_id) AS open, max(high) AS high, min(low) AS low, last(close, last_id) AS close,
       sum(buy_volume) AS buy_volume, sum(sell_volume) AS sell_volume, sum(notional) AS notional,
       sum(trade_count)::bigint AS trade_count
FROM public.{source}_candles_1s GROUP BY 1, 2, 3"""

# A function, so that what has to be computed now is planned by itself: a view's planner would take it for the
# whole table, and compile code for it.
LIVE: Final = """
CREATE FUNCTION public.{source}_candles(market text, symbol text, width interval, since timestamptz, until timestamptz)
RETURNS TABLE (bucket timestamptz, first_id bigint, last_id bigint, open numeric, high numeric, low numeric,
               close numeric, buy_volume numeric, sell_volume numeric, notional numeric, trade_count bigint)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 60 SET jit TO off SET search_path TO public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT grouped.bucket, grouped.first_id, grouped.last_id, grouped.prices[1], grouped.high, grouped.low,
           grouped.prices[array_upper(grouped.prices, 1)], grouped.buy_volume, grouped.sell_volume, grouped.notional,
           grouped.trade_count
    FROM (
        SELECT date_bin($3, trade_time, timestamptz '2000-01-03 00:00+00') AS bucket, min({id}) AS first_id,
               max({id}) AS last_id, array_agg(price ORDER BY {id}) AS prices, max(price) AS high, min(price) AS low,
               {sums}, {count} AS trade_count
        FROM public.{source}s
        WHERE market = $1 AND symbol = $2 AND trade_time >= $4 AND trade_time < $5
        GROUP BY 1
    ) AS grouped;
END
$$"""

# Rows that somebody put into a database that no recorder ever wrote to. One probe of the index a symbol.
UNMARKED: Final = """
CREATE FUNCTION public.{source}_symbols_without_mark() RETURNS TABLE (market text, symbol text)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 1 SET jit TO off SET search_path TO public, pg_temp AS $$
DECLARE
    known record;
BEGIN
    IF EXISTS (SELECT FROM public.candle_marks AS mark WHERE mark.stream = '{stream}') THEN
        RETURN;
    END IF;
    SELECT one.market, one.symbol INTO known FROM public.{source}s AS one ORDER BY one.market, one.symbol LIMIT 1;
    WHILE FOUND LOOP
        market := known.market;
        symbol := known.symbol;
        RETURN NEXT;
        SELECT one.market, one.symbol INTO known FROM public.{source}s AS one
        WHERE (one.market, one.symbol) > (known.market, known.symbol) ORDER BY one.market, one.symbol LIMIT 1;
    END LOOP;
END
$$"""

SPANS: Final = """
CREATE VIEW public.{source}_candle_spans AS
SELECT market, symbol, finished_until AS since, timestamptz 'infinity' AS until
FROM public.candle_marks WHERE stream = '{stream}'
UNION ALL
SELECT market, symbol, minute, minute + interval '1 minute' FROM public.candle_changes WHERE stream = '{stream}'
UNION ALL
SELECT market, symbol, timestamptz '-infinity', timestamptz 'infinity'
FROM public.{source}_symbols_without_mark()"""

KEPT: Final = """
CREATE VIEW public.{source}_candles_{name} AS
SELECT {inner}
FROM public.finished_candles_{name} AS finished
WHERE stream = '{stream}' AND NOT EXISTS (
    SELECT FROM public.candle_changes AS changed
    WHERE changed.market = finished.market AND changed.symbol = finished.symbol AND changed.stream = '{stream}'
      AND changed.minute = date_bin('1 minute', finished.bucket, timestamptz '2000-01-03 00:00+00')
)
UNION ALL
SELECT span.market, span.symbol, live.bucket, live.first_id, live.last_id, live.open, live.high, live.low, live.close,
       live.buy_volume, live.sell_volume, live.notional, live.trade_count
FROM public.{source}_candle_spans AS span
CROSS JOIN LATERAL public.{source}_candles(span.market, span.symbol, '{width}', span.since, span.until) AS live"""

# Gaps of a stream do not overlap: if the first that ends at or behind the candle's beginning does not begin before
# its end, no other does. DISTINCT ON, unlike NOT EXISTS, hands a condition on bucket down to both sources.
CANDLES: Final = """
CREATE VIEW public.candles_{name} AS
SELECT market, symbol, bucket, open, high, low, close, buy_volume + sell_volume AS volume, buy_volume, sell_volume,
       buy_volume - sell_volume AS delta, trade_count, notional / nullif(buy_volume + sell_volume, 0) AS vwap,
       coalesce((
           SELECT gap.first_missing_id > candle.last_id + 1 FROM public.gaps AS gap
           WHERE gap.market = candle.market AND gap.symbol = candle.symbol AND gap.stream = candle.stream
             AND gap.status <> 'healed' AND gap.last_missing_id >= candle.first_id - 1
           ORDER BY gap.last_missing_id LIMIT 1
       ), true) AS complete,
       stream, first_id, last_id, notional
FROM (
    SELECT DISTINCT ON (market, symbol, bucket) *
    FROM (
        SELECT 'trade' AS stream, 1 AS choice, {inner}
        FROM public.trade_candles_{name}
        UNION ALL
        SELECT 'aggTrade', 2, {inner}
        FROM public.agg_trade_candles_{name}
    ) AS sources
    ORDER BY market, symbol, bucket, choice
) AS candle"""


def upgrade() -> None:
    """Create tables, the inner relations by what the server can, and the views over them."""
    _create_tables()
    op.create_index(
        "gaps_unhealed",
        "gaps",
        ["market", "symbol", "stream", "last_missing_id"],
        postgresql_where=sa.text("status <> 'healed'::text"),
    )
    if not make_candle_aggregates(op.get_bind(), list(_aggregates())):
        for source, stream, number, count in SOURCES:
            words = {"source": source, "stream": stream, "id": number, "count": count, "sums": SUMS, "inner": INNER}
            for statement in (LIVE, UNMARKED, SPANS):
                op.execute(statement.format(**words))
            for name, width in BUCKETS:
                op.execute(KEPT.format(**words, name=name, width=width))
    for name, width in BUCKETS:
        op.execute(CANDLES.format(name=name, inner=INNER))
        op.execute(
            f"COMMENT ON VIEW public.candles_{name} IS 'Candles of {width}, from trades or else from agg_trades'"
        )


def downgrade() -> None:
    """Drop it all; the rows that candles are made of stay."""
    bind = op.get_bind()
    for name, _ in reversed(BUCKETS):
        op.execute(f"DROP VIEW public.candles_{name}")
    for source, *_ in SOURCES:
        materialized = bind.scalar(sa.text(f"SELECT to_regclass('public.{source}_candle_spans') IS NULL"))
        for name, _ in reversed(BUCKETS):
            op.execute(f"DROP {'MATERIALIZED VIEW' if materialized else 'VIEW'} public.{source}_candles_{name}")
        op.execute(f"DROP VIEW IF EXISTS public.{source}_candle_spans")
        op.execute(f"DROP FUNCTION IF EXISTS public.{source}_symbols_without_mark")
        op.execute(f"DROP FUNCTION IF EXISTS public.{source}_candles")
    op.drop_index("gaps_unhealed", "gaps")
    for table in ("candle_changes", "candle_marks", "finished_candles_1m", "finished_candles_1s"):
        op.drop_table(table)


def _aggregates() -> Iterator[CandleAggregate]:
    for source, _, number, count in SOURCES:
        words = {"source": source, "id": number, "count": count, "sums": SUMS}
        yield CandleAggregate(f"{source}_candles_1s", SECONDS.format(**words), end_offset="10 seconds")
        yield CandleAggregate(f"{source}_candles_1m", MINUTES.format(**words), end_offset="1 minute")


def _create_tables() -> None:
    for name, width in BUCKETS:
        table = f"finished_candles_{name}"
        op.create_table(
            table,
            *_stream(),
            _time("bucket", "Begin of the candle, by trade time"),
            _id("first_id", "Lowest id of its rows"),
            _id("last_id", "Highest id of its rows"),
            _number("open", "Price of the lowest id, quote asset"),
            _number("high", "Highest price, quote asset"),
            _number("low", "Lowest price, quote asset"),
            _number("close", "Price of the highest id, quote asset"),
            _number("buy_volume", "Quantity bought by aggressors, base asset"),
            _number("sell_volume", "Quantity sold by aggressors, base asset"),
            _number("notional", "Sum of price times quantity, quote asset"),
            _id("trade_count", "Number of trades"),
            sa.PrimaryKeyConstraint("market", "symbol", "stream", "bucket", name=f"{table}_key"),
            comment=f"Finished candles of {width}, where no continuous aggregate keeps them",
        )
    op.create_table(
        "candle_marks",
        *_stream(),
        _time("finished_until", "Candles before it are kept; from it on they are computed when asked for"),
        _time(
            "refresh_from", "From where to finished_until the aggregates must be refreshed, if at all", nullable=True
        ),
        sa.PrimaryKeyConstraint("market", "symbol", "stream", name="candle_marks_key"),
        comment="How far the candles of each stream are kept",
    )
    op.create_table(
        "candle_changes",
        *_stream(),
        _time("minute", "Begin of the minute, by trade time"),
        sa.Column(
            "noted", sa.BigInteger, sa.Identity(always=True), nullable=False, comment="Grows with each row that came"
        ),
        sa.PrimaryKeyConstraint("market", "symbol", "stream", "minute", name="candle_changes_key"),
        comment="Minutes before the mark that got rows since and wait to be computed again",
    )


def _stream() -> tuple[sa.Column[str], ...]:
    return (
        sa.Column("market", sa.Text, nullable=False, comment="spot or usdm (USD-M futures)"),
        sa.Column("symbol", sa.Text, nullable=False, comment="Upper case, as the venue's REST writes it [s]"),
        sa.Column("stream", sa.Text, nullable=False, comment="trade or aggTrade: what the candle is made of"),
    )


def _id(name: str, comment: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False, comment=comment)


def _number(name: str, comment: str) -> sa.Column[object]:
    return sa.Column(name, sa.Numeric, nullable=False, comment=comment)


def _time(name: str, comment: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, comment=comment)
