"""Every table, as SQLAlchemy metadata; the migrations must arrive at exactly this.

Each column's comment gives its unit and, in brackets, the venue's key; `docs/schema.md` says the
same at length. Each unique index is a natural key with the columns in reading order: one symbol,
then time, then id (`docs/schema.md` has the measurement behind that order).
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData()


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


def _key(table: str, *columns: str) -> sa.Index:
    return sa.Index(f"{table}_key", *columns, unique=True)


trades = sa.Table(
    "trades",
    metadata,
    _market(),
    _symbol(),
    _id("trade_id", "Venue's trade id, consecutive per symbol [t]"),
    *_execution(),
    _key("trades", "market", "symbol", "trade_time", "trade_id"),
    comment="One row per match (stream trade; REST trades, historicalTrades)",
)

agg_trades = sa.Table(
    "agg_trades",
    metadata,
    _market(),
    _symbol(),
    _id("agg_trade_id", "Venue's aggregate id, consecutive per symbol [a]"),
    _id("first_trade_id", "First trade id of the aggregate [f]"),
    _id("last_trade_id", "Last trade id of the aggregate [l]"),
    *_execution(),
    _key("agg_trades", "market", "symbol", "trade_time", "agg_trade_id"),
    comment="Matches of one taker order at one price (stream aggTrade; REST aggTrades); the same flow as trades",
)

depth_diffs = sa.Table(
    "depth_diffs",
    metadata,
    _market(),
    _symbol(),
    _id("first_update_id", "First update id in the event [U]"),
    _id("final_update_id", "Final update id in the event [u]"),
    _id("previous_final_update_id", "Final update id of the event before; null on spot [pu]", nullable=True),
    _time("event_time", "When the venue sent it; ms or us as sent [E]"),
    _time("transaction_time", "Matching engine's time; null on spot [T]", nullable=True),
    _received(),
    *_sides(),
    _key("depth_diffs", "market", "symbol", "event_time", "final_update_id"),
    comment="One row per depth update, absolute quantities (stream depth)",
)

book_snapshots = sa.Table(
    "book_snapshots",
    metadata,
    _market(),
    _symbol(),
    _id("last_update_id", "Last update id the book contains [lastUpdateId]"),
    _text("source", "rest (the venue's answer) or checkpoint (rebuilt by us)"),
    _received(),
    *_sides(),
    _key("book_snapshots", "market", "symbol", "receive_time", "last_update_id", "source"),
    comment="Full books, best level first (REST depth); beyond the outermost price the book is unknown, not empty",
)

book_tops = sa.Table(
    "book_tops",
    metadata,
    _market(),
    _symbol(),
    _id("last_update_id", "Last update id the levels contain [lastUpdateId, u]"),
    _text("source", "stream (partial depth) or local (cut from our book)"),
    _time("event_time", "When the venue sent it; null on spot, whose frames carry no time [E]", nullable=True),
    _received(),
    *_sides(),
    _key("book_tops", "market", "symbol", "receive_time", "last_update_id", "source"),
    comment="The best 5, 10 or 20 levels, best first (streams depth5, depth10, depth20)",
)

book_tickers = sa.Table(
    "book_tickers",
    metadata,
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
    _key("book_tickers", "market", "symbol", "receive_time", "update_id"),
    comment="Best bid and ask at each change (stream bookTicker)",
)

mark_prices = sa.Table(
    "mark_prices",
    metadata,
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
    _key("mark_prices", "market", "symbol", "event_time"),
    comment="Mark price, index price and funding (stream markPrice, futures)",
)

liquidations = sa.Table(
    "liquidations",
    metadata,
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
    _key("liquidations", "market", "symbol", "event_time", "side"),
    comment="Liquidation orders, a sample of at most one per symbol and second (stream forceOrder, futures)",
)

coverage = sa.Table(
    "coverage",
    metadata,
    _market(),
    _symbol(),
    _text("stream", "Wire name without the symbol, e.g. trade, aggTrade, depth@100ms"),
    _id("first_id", "First id recorded (depth: update id); null for streams without consecutive ids", nullable=True),
    _id("last_id", "Last id recorded (depth: update id); null for streams without consecutive ids", nullable=True),
    _time("first_time", "When the record of first_id was received; us, our clock"),
    _time("last_time", "When the record of last_id was received; us, our clock"),
    _id("last_key", "Streams without consecutive ids: highest update id or event time (ns) recorded", nullable=True),
    sa.PrimaryKeyConstraint("market", "symbol", "stream", name="coverage_key"),
    comment="From where to where each stream is recorded; what is missing in between is in gaps",
)

gaps = sa.Table(
    "gaps",
    metadata,
    sa.Column("gap_id", sa.BigInteger, sa.Identity(always=True), nullable=False, comment="Our number of the gap"),
    _market(),
    _symbol(),
    _text("stream", "Wire name without the symbol, e.g. trade, aggTrade, depth@100ms"),
    _id("first_missing_id", "First missing id, inclusive (depth: update id); null without ids", nullable=True),
    _id("last_missing_id", "Last missing id, inclusive (depth: update id); null without ids", nullable=True),
    _time("from_time", "When the record before the gap was received; us, our clock", nullable=True),
    _time("to_time", "When the record after the gap was received; us, our clock", nullable=True),
    _text("cause", "Why the data is missing, e.g. disconnect"),
    _text("status", "open, healed or unrecoverable"),
    _time("opened_at", "When the record that revealed it was received; us, our clock"),
    _time("healed_at", "When the last of its ids was received; us, our clock", nullable=True),
    _text(
        "healed_by",
        "What filled it: rest, archive, or instance:<id> for a recorder that had the ids by stream",
        nullable=True,
    ),
    _text("instance", "INSTANCE_ID of the recorder that missed it"),
    _text("reason", "Why no source has it, if it is unrecoverable", nullable=True),
    sa.PrimaryKeyConstraint("gap_id", name="gaps_key"),
    sa.CheckConstraint("status IN ('open', 'healed', 'unrecoverable')", name="gaps_status_known"),
    sa.Index("gaps_by_id", "market", "symbol", "stream", "last_missing_id"),
    sa.Index("gaps_open", "market", "symbol", "stream", postgresql_where=sa.text("status = 'open'::text")),
    comment="The ledger of missing ranges: what, since when, why, and whether it was healed",
)

sync_events = sa.Table(
    "sync_events",
    metadata,
    _time("time", "When it happened; us, our clock"),
    _text("instance", "INSTANCE_ID of the recorder"),
    _text("run_id", "UUID of the run"),
    sa.Column("connection", sa.Integer, comment="Number of the socket within the run, if it concerns one"),
    sa.Column("epoch", sa.Integer, comment="Number of the book epoch within the run, for book events"),
    _text("event", "What happened, e.g. connected, book_synced, book_gap"),
    _text("market", "spot or usdm, if it concerns one market", nullable=True),
    _text("symbol", "Upper case, if it concerns one symbol", nullable=True),
    sa.Column("detail", JSONB, nullable=False, comment="What else is known, by event"),
    sa.Index(
        "sync_events_key",
        *("instance", "run_id", "time", "event", "market", "symbol", "connection"),
        sa.text("md5(detail::text)"),
        unique=True,
        postgresql_nulls_not_distinct=True,
    ),
    sa.Index("sync_events_by_time", "instance", "time"),
    sa.Index(
        "sync_events_sockets",
        *("instance", "run_id", "connection"),
        postgresql_where=sa.text("event = ANY (ARRAY['connected'::text, 'subscribed'::text])"),
    ),
    comment="What the recorder says of itself: connections, books, runs, limits, bad frames",
)

runs = sa.Table(
    "runs",
    metadata,
    _text("run_id", "UUID of the run"),
    _text("instance", "INSTANCE_ID of the recorder"),
    _time("started_at", "When the run began; us, our clock"),
    _time("stopped_at", "When it ended in good order; null while it runs, or after a crash", nullable=True),
    _text("version", "Version of orderflow-recorder"),
    sa.Column("settings", JSONB, nullable=False, comment="Settings of the run, without secrets"),
    sa.PrimaryKeyConstraint("run_id", name="runs_key"),
    comment="One row per run of a recorder, from its run_started and run_stopped events",
)

loader_positions = sa.Table(
    "loader_positions",
    metadata,
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

instruments = sa.Table(
    "instruments",
    metadata,
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
