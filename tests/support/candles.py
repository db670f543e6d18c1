"""Candles by a computation that shares no code with the database, and reads of what the database says."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import sql

Key = tuple[str, str, datetime]
"""Market, symbol, begin."""

VIEWS: Final = {"candles_1s": timedelta(seconds=1), "candles_1m": timedelta(minutes=1)}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Execution(NamedTuple):
    """A trade, or an aggregate of ``trades`` of them."""

    number: int
    price: Decimal
    quantity: Decimal
    buyer_is_maker: bool
    time: datetime
    trades: int = 1


class Values(NamedTuple):
    """What a candle says, but for vwap and complete."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    buy_volume: Decimal
    sell_volume: Decimal
    delta: Decimal
    trade_count: int
    notional: Decimal
    first_id: int
    last_id: int
    stream: str


def computed(
    trades: Mapping[tuple[str, str], Iterable[Execution]],
    agg_trades: Mapping[tuple[str, str], Iterable[Execution]],
    width: timedelta,
) -> dict[Key, Values]:
    """Return candles by key: of trades where there are any, else of aggregates."""
    return _grouped(agg_trades, width, "aggTrade") | _grouped(trades, width, "trade")


def stored(connection: psycopg.Connection[Any], view: str) -> dict[Key, Values]:
    """Return what a view says of everything; check what follows from it."""
    connection.execute("SET timezone TO 'UTC'")
    columns = sql.SQL(", ").join(map(sql.Identifier, ("market", "symbol", "bucket", *Values._fields, "vwap")))
    query = sql.SQL("SELECT {} FROM {}").format(columns, sql.Identifier(view))
    found = {}
    for market, symbol, bucket, *values, vwap in connection.execute(query).fetchall():
        candle = Values(*values)
        assert abs(vwap * candle.volume - candle.notional) <= candle.notional * Decimal("1e-15")
        assert (market, symbol, bucket) not in found
        found[market, symbol, bucket] = candle
    return found


def has_aggregates(connection: psycopg.Connection[Any]) -> bool:
    """Say whether TimescaleDB keeps the candles."""
    return connection.execute("SELECT to_regclass('trade_candle_spans') IS NULL").fetchone() == (True,)


def _grouped(
    executions: Mapping[tuple[str, str], Iterable[Execution]], width: timedelta, stream: str
) -> dict[Key, Values]:
    groups: defaultdict[Key, list[Execution]] = defaultdict(list)
    for key, rows in executions.items():
        for row in rows:
            groups[*key, row.time - (row.time - _EPOCH) % width].append(row)
    return {key: _candle(sorted(group), stream) for key, group in groups.items()}


def _candle(rows: list[Execution], stream: str) -> Values:
    prices = [row.price for row in rows]
    buys = sum((row.quantity for row in rows if not row.buyer_is_maker), Decimal(0))
    sells = sum((row.quantity for row in rows if row.buyer_is_maker), Decimal(0))
    return Values(
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[-1],
        volume=buys + sells,
        buy_volume=buys,
        sell_volume=sells,
        delta=buys - sells,
        trade_count=sum(row.trades for row in rows),
        notional=sum((row.price * row.quantity for row in rows), Decimal(0)),
        first_id=rows[0].number,
        last_id=rows[-1].number,
        stream=stream,
    )
