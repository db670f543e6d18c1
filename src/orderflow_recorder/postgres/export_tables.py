"""What can be exported: the tables of rows, and the views of candles, which are made of rows."""

from typing import Any, Final

import sqlalchemy as sa
from psycopg import sql

from orderflow_recorder.postgres.columns import id_column, number_column, symbol_column, text_column, time_column
from orderflow_recorder.postgres.tables import metadata

CANDLES: Final = ("candles_1s", "candles_1m")

_IDS: Final = {
    "trades": "trade_id",
    "agg_trades": "agg_trade_id",
    "depth_diffs": "final_update_id",
    **dict.fromkeys(CANDLES, "last_id"),
}
_RECEIVED: Final = sql.SQL("(extract(epoch FROM receive_time) * 1000000)::bigint")
_KEY: Final = ("market", "symbol")
_VWAP: Final = sql.SQL("round(vwap, 18)")
_views: Final = sa.MetaData()

for _name in CANDLES:
    sa.Table(
        _name,
        _views,
        text_column("market", ""),
        symbol_column(),
        time_column("bucket", "Begin of the candle, by trade time"),
        *(number_column(name, "") for name in ("open", "high", "low", "close")),
        *(number_column(name, "") for name in ("volume", "buy_volume", "sell_volume", "delta")),
        id_column("trade_count", ""),
        number_column("vwap", "", nullable=True),
        sa.Column("complete", sa.Boolean, nullable=False),
        text_column("stream", ""),
        id_column("first_id", ""),
        id_column("last_id", ""),
        number_column("notional", ""),
        sa.Index(f"{_name}_key", "market", "symbol", "bucket", unique=True),
    )


def columns_of(table: str) -> list[sa.Column[Any]]:
    """Return every column of a table or view, in its order."""
    return list(_table(table).columns)


def order_of(table: str) -> sql.Composed:
    """Return what its rows are ordered by, after market and symbol."""
    (key,) = (index for index in _table(table).indexes if index.unique)
    return sql.SQL(", ").join(sql.Identifier(column.name) for column in key.columns if column.name not in _KEY)


def value_of(column: sa.Column[Any]) -> sql.Composable:
    """Return how to select a column: a quotient has as many digits as the server gives it, rounded it fits."""
    return _VWAP if column.name == "vwap" else sql.Identifier(column.name)


def position_of(table: str) -> sql.Composable:
    """Return what its gaps are counted in."""
    return sql.Identifier(_IDS[table]) if table in _IDS else _RECEIVED


def _table(name: str) -> sa.Table:
    return (_views if name in CANDLES else metadata).tables[name]
