"""Every table, as SQLAlchemy metadata; the migrations must arrive at exactly this.

Each column's comment gives its unit and, in brackets, the venue's key; `docs/schema.md` says the
same at length. Each unique index is a natural key with the columns in reading order: one symbol,
then time, then id (`docs/schema.md` has the measurement behind that order).
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from orderflow_recorder.postgres.candle_tables import add_candle_tables
from orderflow_recorder.postgres.columns import (
    execution_columns,
    id_column,
    market_column,
    natural_key,
    number_column,
    receive_time_column,
    side_columns,
    symbol_column,
    text_column,
    time_column,
)

metadata = sa.MetaData()


trades = sa.Table(
    "trades",
    metadata,
    market_column(),
    symbol_column(),
    id_column("trade_id", "Venue's trade id, consecutive per symbol [t]"),
    *execution_columns(),
    natural_key("trades", "market", "symbol", "trade_time", "trade_id"),
    comment="One row per match (stream trade; REST trades, historicalTrades)",
)

agg_trades = sa.Table(
    "agg_trades",
    metadata,
    market_column(),
    symbol_column(),
    id_column("agg_trade_id", "Venue's aggregate id, consecutive per symbol [a]"),
    id_column("first_trade_id", "First trade id of the aggregate [f]"),
    id_column("last_trade_id", "Last trade id of the aggregate [l]"),
    *execution_columns(),
    natural_key("agg_trades", "market", "symbol", "trade_time", "agg_trade_id"),
    comment="Matches of one taker order at one price (stream aggTrade; REST aggTrades); the same flow as trades",
)

depth_diffs = sa.Table(
    "depth_diffs",
    metadata,
    market_column(),
    symbol_column(),
    id_column("first_update_id", "First update id in the event [U]"),
    id_column("final_update_id", "Final update id in the event [u]"),
    id_column("previous_final_update_id", "Final update id of the event before; null on spot [pu]", nullable=True),
    time_column("event_time", "When the venue sent it; ms or us as sent [E]"),
    time_column("transaction_time", "Matching engine's time; null on spot [T]", nullable=True),
    receive_time_column(),
    *side_columns(),
    natural_key("depth_diffs", "market", "symbol", "event_time", "final_update_id"),
    comment="One row per depth update, absolute quantities (stream depth)",
)

book_snapshots = sa.Table(
    "book_snapshots",
    metadata,
    market_column(),
    symbol_column(),
    id_column("last_update_id", "Last update id the book contains [lastUpdateId]"),
    text_column("source", "rest (the venue's answer) or checkpoint (rebuilt by us)"),
    receive_time_column(),
    *side_columns(),
    number_column("known_bid", "The book is complete down to this price; null: to its outermost price", nullable=True),
    number_column("known_ask", "The book is complete up to this price; null: to its outermost price", nullable=True),
    natural_key("book_snapshots", "market", "symbol", "receive_time", "last_update_id", "source"),
    comment="Full books, best level first (REST depth); beyond the outermost price the book is unknown, not empty",
)

book_tops = sa.Table(
    "book_tops",
    metadata,
    market_column(),
    symbol_column(),
    id_column("last_update_id", "Last update id the levels contain [lastUpdateId, u]"),
    text_column("source", "stream (partial depth) or local (cut from our book)"),
    time_column("event_time", "When the venue sent it; null on spot, whose frames carry no time [E]", nullable=True),
    receive_time_column(),
    *side_columns(),
    natural_key("book_tops", "market", "symbol", "receive_time", "last_update_id", "source"),
    comment="The best 5, 10 or 20 levels, best first (streams depth5, depth10, depth20)",
)

book_tickers = sa.Table(
    "book_tickers",
    metadata,
    market_column(),
    symbol_column(),
    id_column("update_id", "Update id of the book, same space as depth [u]"),
    number_column("bid_price", "Best bid, quote asset; 0 where the side is empty [b]"),
    number_column("bid_quantity", "Quantity at the best bid, base asset [B]"),
    number_column("ask_price", "Best ask, quote asset; 0 where the side is empty [a]"),
    number_column("ask_quantity", "Quantity at the best ask, base asset [A]"),
    time_column("event_time", "When the venue sent it; null on spot [E]", nullable=True),
    time_column("transaction_time", "Matching engine's time; null on spot [T]", nullable=True),
    receive_time_column(),
    natural_key("book_tickers", "market", "symbol", "receive_time", "update_id"),
    comment="Best bid and ask at each change (stream bookTicker)",
)

mark_prices = sa.Table(
    "mark_prices",
    metadata,
    market_column(),
    symbol_column(),
    number_column("mark_price", "Quote asset [p]"),
    number_column("average_mark_price", "Quote asset; null before 2026 [ap]", nullable=True),
    number_column("index_price", "Quote asset [i]"),
    number_column(
        "estimated_settle_price", "Quote asset; of use in the last hour before settlement [P]", nullable=True
    ),
    number_column("funding_rate", "Fraction per funding interval, signed; null where there is none [r]", nullable=True),
    time_column("next_funding_time", "Next funding; null where none is scheduled [T]", nullable=True),
    time_column("event_time", "When the venue sent it; ms [E]"),
    receive_time_column(),
    natural_key("mark_prices", "market", "symbol", "event_time"),
    comment="Mark price, index price and funding (stream markPrice, futures)",
)

liquidations = sa.Table(
    "liquidations",
    metadata,
    market_column(),
    symbol_column(),
    text_column("side", "BUY or SELL: the liquidation order's side [S]"),
    text_column("order_type", "Order type, e.g. LIMIT [o]"),
    text_column("time_in_force", "Time in force, e.g. IOC [f]"),
    number_column("price", "Order price, quote asset [p]"),
    number_column("average_price", "Average fill price, quote asset [ap]"),
    number_column("quantity", "Original quantity, base asset [q]"),
    number_column("last_filled_quantity", "Last fill, base asset [l]"),
    number_column("filled_quantity", "Accumulated fills, base asset [z]"),
    text_column("status", "Order status, e.g. FILLED [X]"),
    time_column("trade_time", "The fill; ms [T]"),
    time_column("event_time", "When the venue sent it; ms [E]"),
    receive_time_column(),
    natural_key("liquidations", "market", "symbol", "event_time", "side"),
    comment="Liquidation orders, a sample of at most one per symbol and second (stream forceOrder, futures)",
)

coverage = sa.Table(
    "coverage",
    metadata,
    market_column(),
    symbol_column(),
    text_column("stream", "Wire name without the symbol, e.g. trade, aggTrade, depth@100ms"),
    id_column(
        "first_id", "First id recorded (depth: update id); null for streams without consecutive ids", nullable=True
    ),
    id_column(
        "last_id", "Last id recorded (depth: update id); null for streams without consecutive ids", nullable=True
    ),
    time_column("first_time", "When the record of first_id was received; us, our clock"),
    time_column("last_time", "When the record of last_id was received; us, our clock"),
    id_column(
        "last_key", "Streams without consecutive ids: highest update id or event time (ns) recorded", nullable=True
    ),
    sa.PrimaryKeyConstraint("market", "symbol", "stream", name="coverage_key"),
    comment="From where to where each stream is recorded; what is missing in between is in gaps",
)

gaps = sa.Table(
    "gaps",
    metadata,
    sa.Column("gap_id", sa.BigInteger, sa.Identity(always=True), nullable=False, comment="Our number of the gap"),
    market_column(),
    symbol_column(),
    text_column("stream", "Wire name without the symbol, e.g. trade, aggTrade, depth@100ms"),
    id_column("first_missing_id", "First missing id, inclusive (depth: update id); null without ids", nullable=True),
    id_column("last_missing_id", "Last missing id, inclusive (depth: update id); null without ids", nullable=True),
    time_column("from_time", "When the record before the gap was received; us, our clock", nullable=True),
    time_column("to_time", "When the record after the gap was received; us, our clock", nullable=True),
    text_column("cause", "Why the data is missing, e.g. disconnect"),
    text_column("status", "open, healed or unrecoverable"),
    time_column("opened_at", "When the record that revealed it was received; us, our clock"),
    time_column("healed_at", "When the last of its ids was received; us, our clock", nullable=True),
    text_column(
        "healed_by",
        "What filled it: rest, archive, or instance:<id> for a recorder that had the ids by stream",
        nullable=True,
    ),
    text_column("instance", "INSTANCE_ID of the recorder that missed it"),
    text_column("reason", "Why no source has it, if it is unrecoverable", nullable=True),
    sa.PrimaryKeyConstraint("gap_id", name="gaps_key"),
    sa.CheckConstraint("status IN ('open', 'healed', 'unrecoverable')", name="gaps_status_known"),
    sa.Index("gaps_by_id", "market", "symbol", "stream", "last_missing_id"),
    sa.Index(
        "gaps_unhealed",
        *("market", "symbol", "stream", "last_missing_id"),
        postgresql_where=sa.text("status <> 'healed'::text"),
    ),
    sa.Index("gaps_open", "market", "symbol", "stream", postgresql_where=sa.text("status = 'open'::text")),
    comment="The ledger of missing ranges: what, since when, why, and whether it was healed",
)

sync_events = sa.Table(
    "sync_events",
    metadata,
    time_column("time", "When it happened; us, our clock"),
    text_column("instance", "INSTANCE_ID of the recorder"),
    text_column("run_id", "UUID of the run"),
    sa.Column("connection", sa.Integer, comment="Number of the socket within the run, if it concerns one"),
    sa.Column("epoch", sa.Integer, comment="Number of the book epoch within the run, for book events"),
    text_column("event", "What happened, e.g. connected, book_synced, book_gap"),
    text_column("market", "spot or usdm, if it concerns one market", nullable=True),
    text_column("symbol", "Upper case, if it concerns one symbol", nullable=True),
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
    text_column("run_id", "UUID of the run"),
    text_column("instance", "INSTANCE_ID of the recorder"),
    time_column("started_at", "When the run began; us, our clock"),
    time_column("stopped_at", "When it ended in good order; null while it runs, or after a crash", nullable=True),
    text_column("version", "Version of orderflow-recorder"),
    sa.Column("settings", JSONB, nullable=False, comment="Settings of the run, without secrets"),
    sa.PrimaryKeyConstraint("run_id", name="runs_key"),
    comment="One row per run of a recorder, from its run_started and run_stopped events",
)

loader_positions = sa.Table(
    "loader_positions",
    metadata,
    text_column("instance", "INSTANCE_ID whose journal is read"),
    text_column("sink", "Name of the sink, e.g. postgres"),
    id_column("segment", "Journal segment read up to; 0 before the first"),
    id_column("byte_offset", "Bytes of that segment's uncompressed text that are in the tables"),
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
    market_column(),
    symbol_column(),
    text_column("status", "TRADING while it trades [status]"),
    text_column("base_asset", "What is traded; unit of quantity [baseAsset]"),
    text_column("quote_asset", "What it is priced in; unit of price [quoteAsset]"),
    text_column("contract_type", "Futures only, e.g. PERPETUAL [contractType]", nullable=True),
    number_column("tick_size", "Price step, quote asset [PRICE_FILTER.tickSize]", nullable=True),
    number_column("step_size", "Quantity step, base asset [LOT_SIZE.stepSize]", nullable=True),
    time_column("receive_time", "When the venue first described it like this; us, our clock"),
    sa.PrimaryKeyConstraint("market", "symbol", name="instruments_key"),
    comment="Each symbol as exchangeInfo last described it",
)

add_candle_tables(metadata)
