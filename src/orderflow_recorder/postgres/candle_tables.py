"""The tables behind the candles, as SQLAlchemy metadata; views and aggregates are in the migration alone."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from orderflow_recorder.postgres.columns import (
    id_column,
    market_column,
    number_column,
    symbol_column,
    text_column,
    time_column,
)


def add_candle_tables(metadata: sa.MetaData) -> None:
    """Add the tables that candles are kept in, and those that say what is kept."""
    for name, width in (("finished_candles_1s", "1 second"), ("finished_candles_1m", "1 minute")):
        sa.Table(
            name,
            metadata,
            *_stream_columns(),
            time_column("bucket", "Begin of the candle, by trade time"),
            *_value_columns(),
            sa.PrimaryKeyConstraint("market", "symbol", "stream", "bucket", name=f"{name}_key"),
            comment=f"Finished candles of {width}, where no continuous aggregate keeps them",
        )
    sa.Table(
        "candle_marks",
        metadata,
        *_stream_columns(),
        time_column("finished_until", "Candles before it are kept; from it on they are computed when asked for"),
        time_column(
            "refresh_from", "From where to finished_until the aggregates must be refreshed, if at all", nullable=True
        ),
        sa.PrimaryKeyConstraint("market", "symbol", "stream", name="candle_marks_key"),
        comment="How far the candles of each stream are kept",
    )
    sa.Table(
        "candle_changes",
        metadata,
        *_stream_columns(),
        time_column("minute", "Begin of the minute, by trade time"),
        sa.Column(
            "noted", sa.BigInteger, sa.Identity(always=True), nullable=False, comment="Grows with each row that came"
        ),
        sa.PrimaryKeyConstraint("market", "symbol", "stream", "minute", name="candle_changes_key"),
        comment="Minutes before the mark that got rows since and wait to be computed again",
    )


def _stream_columns() -> Sequence[sa.Column[Any]]:
    return (
        market_column(),
        symbol_column(),
        text_column("stream", "trade or aggTrade: what the candle is made of"),
    )


def _value_columns() -> Sequence[sa.Column[Any]]:
    return (
        id_column("first_id", "Lowest id of its rows"),
        id_column("last_id", "Highest id of its rows"),
        number_column("open", "Price of the lowest id, quote asset"),
        number_column("high", "Highest price, quote asset"),
        number_column("low", "Lowest price, quote asset"),
        number_column("close", "Price of the highest id, quote asset"),
        number_column("buy_volume", "Quantity bought by aggressors, base asset"),
        number_column("sell_volume", "Quantity sold by aggressors, base asset"),
        number_column("notional", "Sum of price times quantity, quote asset"),
        id_column("trade_count", "Number of trades"),
    )
