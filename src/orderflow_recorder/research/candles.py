"""Candles of any interval as an Arrow table."""

from datetime import UTC, datetime
from typing import Any, Final

import psycopg
import pyarrow as pa
from psycopg import sql

from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.candles import CANDLES_FROM_MINUTES, CANDLES_FROM_SECONDS, MINUTE_S, aligned
from orderflow_recorder.research.decimals import DECIMAL, NUMBER_TYPES, Numbers
from orderflow_recorder.research.streaming import read_table

_BEGINNING: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = datetime(9000, 1, 1, tzinfo=UTC)

_NUMBERS: Final = ("open", "high", "low", "close", "volume", "buy_volume", "sell_volume", "delta")

_SCHEMAS: Final[dict[Numbers, pa.Schema]] = {
    numbers: pa.schema(
        [
            pa.field("bucket", pa.timestamp("us", "UTC"), nullable=False),
            *(pa.field(name, kind, nullable=False) for name in _NUMBERS),
            pa.field("trade_count", pa.int64(), nullable=False),
            pa.field("vwap", kind),
            pa.field("complete", pa.bool_(), nullable=False),
        ]
    )
    for numbers, kind in NUMBER_TYPES.items()
}

# A quotient has as many digits as the server gives it: rounded, it fits, and is as good.
_SELECT: Final = "SELECT {columns}, trade_count, {vwap} AS vwap, complete FROM ({candles}) AS candle ORDER BY bucket"


def candle_schema(numbers: Numbers) -> pa.Schema:
    """Return the columns of candles."""
    return _SCHEMAS[numbers]


def read_candle_table(
    connection: psycopg.Connection[Any],
    key: tuple[Market, str],
    span: tuple[datetime | None, datetime | None],
    seconds: int,
    numbers: Numbers,
) -> pa.Table:
    """Return the candles that begin in a span.

    Args:
        connection: Open.
        key: Market and symbol.
        span: First moment and the one after the last, aware; none: open.
        seconds: Length of a candle.
        numbers: How prices and quantities come.
    """
    start, end = span
    parameters = {
        "seconds": seconds,
        "market": key[0],
        "symbol": key[1],
        "start": aligned(start or _BEGINNING, seconds),
        "end": aligned(end or _END, seconds),
    }
    statement = CANDLES_FROM_SECONDS if seconds % MINUTE_S else CANDLES_FROM_MINUTES
    # COPY takes no parameters: libpq quotes them into the text.
    candles = psycopg.ClientCursor(connection).mogrify(statement, parameters)
    query = sql.SQL(_SELECT).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, ("bucket", *_NUMBERS))),
        vwap=sql.SQL("round(vwap, {})").format(sql.Literal(DECIMAL.scale)) if numbers == "exact" else sql.SQL("vwap"),
        candles=sql.SQL(candles),
    )
    return read_table(connection, query, _SCHEMAS[numbers], name="candles")
