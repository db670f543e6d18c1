"""Create every table of the recorder, as hypertables where TimescaleDB is there.

Revision ID: 0001_initial
Revises: nothing
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from orderflow_recorder.postgres.hypertable import Hypertable
from orderflow_recorder.postgres.timescale import make_hypertables

revision = "0001_initial"
down_revision = None
branch_labels = None
depends_on = None

TABLES = (
    "trades",
    "agg_trades",
    "depth_diffs",
    "book_snapshots",
    "book_tops",
    "book_tickers",
    "mark_prices",
    "liquidations",
    "coverage",
    "gaps",
    "sync_events",
    "runs",
    "loader_positions",
    "instruments",
)

HYPERTABLES = (
    Hypertable("trades", time="trade_time", order=("trade_id",), chunk_hours=6),
    Hypertable("agg_trades", time="trade_time", order=("agg_trade_id",), chunk_hours=6),
    Hypertable("depth_diffs", time="event_time", order=("final_update_id",), chunk_hours=1),
    Hypertable("book_snapshots", time="receive_time", order=("last_update_id", "source"), chunk_hours=24),
    Hypertable("book_tops", time="receive_time", order=("last_update_id", "source"), chunk_hours=1),
    Hypertable("book_tickers", time="receive_time", order=("update_id",), chunk_hours=1),
    Hypertable("mark_prices", time="event_time", order=(), chunk_hours=24),
    Hypertable("liquidations", time="event_time", order=("side",), chunk_hours=24 * 7),
)


def upgrade() -> None:
    """Create the tables, then hypertables where the server can."""
    _create_trades()
    _create_books()
    _create_futures()
    _create_ledger()
    _create_journal_tables()
    make_hypertables(op.get_bind(), HYPERTABLES)


def downgrade() -> None:
    """Drop every table; the extension stays, it may serve others."""
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_trades() -> None:
    op.create_table(
        "trades",
        _market(),
        _symbol(),
        _id("trade_id", "Venue's trade id, consecutive per symbol [t]"),
        *_execution(),
        comment="One row per match (stream trade; REST trades, historicalTrades)",
    )
    op.create_index("trades_key", "trades", ["market", "symbol", "trade_time", "trade_id"], unique=True)
    op.create_table(
        "agg_trades",
        _market(),
        _symbol(),
        _id("agg_trade_id", "Venue's aggregate id, consecutive per symbol [a]"),
        _id("first_trade_id", "First trade id of the aggregate [f]"),
        _id("last_trade_id", "Last trade id of the aggregate [l]"),
        *_execution(),
        comment="Matches of one taker order at one price (stream aggTrade; REST aggTrades); the same flow as trades",
    )
    op.create_index("agg_trades_key", "agg_trades", ["market", "symbol", "trade_time", "agg_trade_id"], unique=True)


def _create_books() -> None:
    op.create_table(
        "depth_diffs",
        _market(),
        _symbol(),
        _id("first_update_id", "First update id in the event [U]"),
        _id("final_update_id", "Final update id in the event [u]"),
        _id("previous_final_update_id", "Final update id of the event before; null on spot [pu]", nullable=True),
        _time("event_time", "When the venue sent it; ms or us as sent [E]"),
        _time("transaction_time", "Matching engine's time; null on spot [T]", nullable=True),
        _received(),
        *_sides(),
        comment="One row per depth update, absolute quantities (stream depth)",
    )
    op.create_index(
        "depth_diffs_key", "depth_diffs", ["market", "symbol", "event_time", "final_update_id"], unique=True
    )
    op.create_table(
        "book_snapshots",
        _market(),
        _symbol(),
        _id("last_update_id", "Last update id the book contains [lastUpdateId]"),
        _text("source", "rest (the venue's answer) or checkpoint (rebuilt by us)"),
        _received(),
        *_sides(),
        comment="Full books, best level first (REST depth); beyond the outermost price the book is unknown, not empty",
    )
    op.create_index(
        "book_snapshots_key",
        "book_snapshots",
        ["market", "symbol", "receive_time", "last_update_id", "source"],
        unique=True,
    )
    op.create_table(
        "book_tops",
        _market(),
        _symbol(),
        _id("last_update_id", "Last update id the levels contain [lastUpdateId, u]"),
        _text("source", "stream (partial depth) or local (cut from our book)"),
        _time("event_time", "When the venue sent it; null on spot, whose frames carry no time [E]", nullable=True),
        _received(),
        *_sides(),
        comment="The best 5, 10 or 20 levels, best first (streams depth5, depth10, depth20)",
    )
    op.create_index(
        "book_tops_key", "book_tops", ["market", "symbol", "receive_time", "last_update_id", "source"], unique=True
    )
    op.create_table(
        "book_tickers",
        _market(),
        _symbol(),
        _id("update_id", "Update id of the book, same space as depth [u]"),
        _number("bid_price", "Best bid, quote asset; 0 where the side is empty [b]"),
        _number("bid_quantity", "Quantity at the best bid, base asset [B]"),
        _number("ask_price", "Best ask, quote asset; 0 where the side is empty [a]"),
        _number("ask_quantity", "Quantity at the best ask, base asset [A]"),
        _time("event_time", "When the venue sent it; null on spot [E]", nullable=True),
        _time("transaction_time", "Matching engine's time; null on spot [T]", nullable=True),
        _received(),
        comment="Best bid and ask at each change (stream bookTicker)",
    )
    op.create_index("book_tickers_key", "book_tickers", ["market", "symbol", "receive_time", "update_id"], unique=True)


def _create_futures() -> None:
    op.create_table(
        "mark_prices",
        _market(),
        _symbol(),
        _number("mark_price", "Quote asset [p]"),
        _number("average_mark_price", "Quote asset; null before 2026 [ap]", nullable=True),
        _number("index_price", "Quote asset [i]"),
        _number("estimated_settle_price", "Quote asset; of use in the last hour before settlement [P]", nullable=True),
        _number("funding_rate", "Fraction per funding interval, signed; null where there is none [r]", nullable=True),
        _time("next_funding_time", "Next funding; null where none is scheduled [T]", nullable=True),
        _time("event_time", "When the venue sent it; ms [E]"),
        _received(),
        comment="Mark price, index price and funding (stream markPrice, futures)",
    )
    op.create_index("mark_prices_key", "mark_prices", ["market", "symbol", "event_time"], unique=True)
    op.create_table(
        "liquidations",
        _market(),
        _symbol(),
        _text("side", "BUY or SELL: the liquidation order's side [S]"),
        _text("order_type", "Order type, e.g. LIMIT [o]"),
        _text("time_in_force", "Time in force, e.g. IOC [f]"),
        _number("price", "Order price, quote asset [p]"),
        _number("average_price", "Average fill price, quote asset [ap]"),
        _number("quantity", "Original quantity, base asset [q]"),
        _number("last_filled_quantity", "Last fill, base asset [l]"),
        _number("filled_quantity", "Accumulated fills, base asset [z]"),
        _text("status", "Order status, e.g. FILLED [X]"),
        _time("trade_time", "The fill; ms [T]"),
        _time("event_time", "When the venue sent it; ms [E]"),
        _received(),
        comment="Liquidation orders, a sample of at most one per symbol and second (stream forceOrder, futures)",
    )
    op.create_index("liquidations_key", "liquidations", ["market", "symbol", "event_time", "side"], unique=True)


def _create_ledger() -> None:
    op.create_table(
        "coverage",
        _market(),
        _symbol(),
        _text("stream", "Wire name without the symbol, e.g. trade, aggTrade, depth@100ms"),
        _id("first_id", "First id recorded (depth: update id); null for streams without ids", nullable=True),
        _id("last_id", "Last id recorded (depth: update id); null for streams without ids", nullable=True),
        _time("first_time", "Time of the first record; us"),
        _time("last_time", "Time of the last record; us"),
        sa.PrimaryKeyConstraint("market", "symbol", "stream", name="coverage_key"),
        comment="From where to where each stream is recorded; what is missing in between is in gaps",
    )
    op.create_table(
        "gaps",
        sa.Column("gap_id", sa.BigInteger, sa.Identity(always=True), nullable=False, comment="Our number of the gap"),
        _market(),
        _symbol(),
        _text("stream", "Wire name without the symbol, e.g. trade, aggTrade, depth@100ms"),
        _id("first_missing_id", "First missing id, inclusive (depth: update id); null without ids", nullable=True),
        _id("last_missing_id", "Last missing id, inclusive (depth: update id); null without ids", nullable=True),
        _time("from_time", "Time of the last record before the gap; us", nullable=True),
        _time("to_time", "Time of the first record after the gap; us", nullable=True),
        _text("cause", "Why the data is missing, e.g. disconnected, sequence"),
        _text("status", "open, healed or unrecoverable"),
        _time("opened_at", "When the gap was registered; us"),
        _time("healed_at", "When the last missing id arrived; us", nullable=True),
        _text("healed_by", "What filled it, e.g. rest or the instance that had the ids", nullable=True),
        _text("instance", "INSTANCE_ID of the recorder that registered it"),
        sa.PrimaryKeyConstraint("gap_id", name="gaps_key"),
        sa.CheckConstraint("status IN ('open', 'healed', 'unrecoverable')", name="gaps_status_known"),
        comment="The ledger of missing ranges: what, since when, why, and whether it was healed",
    )


def _create_journal_tables() -> None:
    op.create_table(
        "sync_events",
        _time("time", "When it happened; us, our clock"),
        _text("instance", "INSTANCE_ID of the recorder"),
        _text("run_id", "UUID of the run"),
        sa.Column("connection", sa.Integer, comment="Number of the socket within the run, if it concerns one"),
        sa.Column("epoch", sa.Integer, comment="Number of the book epoch within the run, for book events"),
        _text("event", "What happened, e.g. connected, book_synced, book_gap"),
        _text("market", "spot or usdm, if it concerns one market", nullable=True),
        _text("symbol", "Upper case, if it concerns one symbol", nullable=True),
        sa.Column("detail", JSONB, nullable=False, comment="What else is known, by event"),
        comment="What the recorder says of itself: connections, books, runs, limits, bad frames",
    )
    op.create_index(
        "sync_events_key",
        "sync_events",
        ["instance", "run_id", "time", "event", "market", "symbol", "connection"],
        unique=True,
        postgresql_nulls_not_distinct=True,
    )
    op.create_table(
        "runs",
        _text("run_id", "UUID of the run"),
        _text("instance", "INSTANCE_ID of the recorder"),
        _time("started_at", "When the run began; us, our clock"),
        _time("stopped_at", "When it ended in good order; null while it runs, or after a crash", nullable=True),
        _text("version", "Version of orderflow-recorder"),
        sa.Column("settings", JSONB, nullable=False, comment="Settings of the run, without secrets"),
        sa.PrimaryKeyConstraint("run_id", name="runs_key"),
        comment="One row per run of a recorder, from its run_started and run_stopped events",
    )
    op.create_table(
        "loader_positions",
        _text("instance", "INSTANCE_ID whose journal is read"),
        _text("sink", "Name of the sink, e.g. postgres"),
        _id("segment", "Journal segment read up to; 0 before the first"),
        _id("byte_offset", "Bytes of that segment's uncompressed text that are in the tables"),
        sa.Column(
            "updated_at",
            sa.DateTime(timezone=True),
            nullable=False,
            server_default=sa.func.now(),
            comment="Last commit; us",
        ),
        sa.PrimaryKeyConstraint("instance", "sink", name="loader_positions_key"),
        comment="How far each sink has read each journal; moves in the same transaction as the rows",
    )
    op.create_table(
        "instruments",
        _market(),
        _symbol(),
        _text("status", "TRADING while it trades [status]"),
        _text("base_asset", "What is traded; unit of quantity [baseAsset]"),
        _text("quote_asset", "What it is priced in; unit of price [quoteAsset]"),
        _text("contract_type", "Futures only, e.g. PERPETUAL [contractType]", nullable=True),
        _number("tick_size", "Price step, quote asset [PRICE_FILTER.tickSize]", nullable=True),
        _number("step_size", "Quantity step, base asset [LOT_SIZE.stepSize]", nullable=True),
        _time("receive_time", "When the venue first described it like this; us, our clock"),
        sa.PrimaryKeyConstraint("market", "symbol", name="instruments_key"),
        comment="Each symbol as exchangeInfo last described it",
    )


def _text(name: str, comment: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable, comment=comment)


def _id(name: str, comment: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=nullable, autoincrement=False, comment=comment)


def _number(name: str, comment: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.Numeric, nullable=nullable, comment=comment)


def _numbers(name: str, comment: str) -> sa.Column[Any]:
    return sa.Column(name, sa.ARRAY(sa.Numeric), nullable=False, comment=comment)


def _time(name: str, comment: str, *, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable, comment=comment)


def _market() -> sa.Column[str]:
    return _text("market", "spot or usdm (USD-M futures)")


def _symbol() -> sa.Column[str]:
    return _text("symbol", "Upper case, as the venue's REST writes it [s]")


def _received() -> sa.Column[Any]:
    return _time("receive_time", "Our socket read, before parsing; us, our clock")


def _execution() -> tuple[sa.Column[Any], ...]:
    return (
        _number("price", "Quote asset per base asset, exact as sent [p]"),
        _number("quantity", "Base asset, exact as sent [q]"),
        sa.Column("buyer_is_maker", sa.Boolean, nullable=False, comment="True where the aggressor sold [m]"),
        _time("trade_time", "The match; ms or us as sent, venue's clock [T]"),
        _time("event_time", "When the venue sent it; null where it came by REST [E]", nullable=True),
        _received(),
    )


def _sides() -> tuple[sa.Column[Any], ...]:
    return (
        _numbers("bid_prices", "Bid prices, quote asset; same order as bid_quantities [b, bids]"),
        _numbers("bid_quantities", "Quantities at bid_prices, base asset; 0 in a diff removes the level [b, bids]"),
        _numbers("ask_prices", "Ask prices, quote asset; same order as ask_quantities [a, asks]"),
        _numbers("ask_quantities", "Quantities at ask_prices, base asset; 0 in a diff removes the level [a, asks]"),
    )
