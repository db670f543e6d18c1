"""What a recording of captures by the real programs is set up with, and held to."""

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql

from tests.support.captures import QUERIES, Expected

SETTINGS = {
    "SYMBOLS_SPOT": "BTCUSDT,DOTUSDT,ETHUSDT",
    "SYMBOLS_FUTURES": "BTCUSDT,SANDUSDT,CHRUSDT,NEOUSDT,CTKUSDT,BATUSDT",
    "SPOT_STREAMS_TRADES": "trade,aggTrade",
    "FUTURES_STREAMS_TRADES": "trade,aggTrade",
    "SPOT_STREAMS_EXTRA": "bookTicker",
    "FUTURES_STREAMS_EXTRA": "bookTicker,markPrice@1s",
}


def rows(url: str, table: str) -> dict[Any, Any]:
    """Return the rows of ``table`` by market, symbol and id; no id is there twice."""
    with psycopg.connect(url) as connection:
        found = connection.execute(QUERIES[table]).fetchall()
    by_id = {row[:3]: row[3:] for row in found}
    assert len(by_id) == len(found), f"{table} holds an id twice"
    return by_id


def count(url: str, table: str) -> int:
    """Return how many rows ``table`` has."""
    with psycopg.connect(url) as connection:
        row = connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table))).fetchone()
    return int(row[0]) if row else 0


def assert_exact(url: str, expected: Expected) -> None:
    """Check that every expected row is there, digit for digit, and no other."""
    for table in QUERIES:
        found, wanted = rows(url, table), getattr(expected, table)
        assert found.keys() == wanted.keys(), (
            f"{table}: {len(wanted.keys() - found.keys())} missing, {len(found.keys() - wanted.keys())} not expected"
        )
        assert found == wanted


def loaded(url: str, expected: Expected) -> Callable[[], bool]:
    """Return what says whether as many rows as expected are in the database."""
    return lambda: all(count(url, table) >= len(getattr(expected, table)) for table in QUERIES)
