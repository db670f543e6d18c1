"""The book at an instant, and what the books of a span are made of."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, LiteralString, TypeAlias, cast

import msgspec
import polars as pl
import psycopg
import pyarrow as pa
from psycopg import sql

from orderflow_recorder.domain.market import Market
from orderflow_recorder.research.decimals import NUMBER_TYPES, Numbers
from orderflow_recorder.research.streaming import read_table

Level: TypeAlias = tuple[Decimal, Decimal] | tuple[float, float] | tuple[str, str]
"""Price and quantity, decimals, floats or texts as asked."""


class Book(msgspec.Struct, frozen=True):
    """A book at an instant, and whether it can be trusted.

    Attributes:
        market: The market.
        symbol: Upper case.
        at: The instant, venue's clock.
        bids: Columns price, quantity, known; best first. Between a level that is not ``known`` and the
            one before it there may be others that nobody saw.
        asks: The same.
        trusted: Whether nothing is missing between what the book is built from and ``at``.
        checkpoint: Last update id of the snapshot or checkpoint it is built from; none if there is none.
        reason: Why it is not trusted; else what it is built from.
    """

    market: Market
    symbol: str
    at: datetime
    bids: pl.DataFrame
    asks: pl.DataFrame
    trusted: bool
    checkpoint: int | None
    reason: str


class BookUpdate(msgspec.Struct, frozen=True, gc=False):
    """The book right after a diff.

    Attributes:
        event_time: When the venue sent the diff.
        receive_time: When we received it, our clock.
        update_id: The diff's final update id.
        bids: Best first.
        asks: Best first.
        known_bid: Below this price the book is unknown, not empty; none: the whole side is.
        known_ask: Above this price the book is unknown, not empty; none: the whole side is.
    """

    event_time: datetime
    receive_time: datetime
    update_id: int
    bids: Sequence[Level]
    asks: Sequence[Level]
    known_bid: Decimal | float | str | None
    known_ask: Decimal | float | str | None


class BookBreak(msgspec.Struct, frozen=True):
    """Here the books end: what comes next does not follow. They go on at the next base that diffs reach.

    Attributes:
        event_time: Of the first diff after the hole.
        first_missing_id: First update id that is not known; none where there was no book before.
        last_missing_id: Last update id that is not known.
        reason: What the ledger says, or that there is no snapshot yet.
    """

    event_time: datetime
    first_missing_id: int | None
    last_missing_id: int
    reason: str


_LEVELS_SCHEMA: Final[dict[Numbers, pa.Schema]] = {
    numbers: pa.schema([("side", pa.string()), ("price", kind), ("quantity", kind), ("known", pa.bool_())])
    for numbers, kind in NUMBER_TYPES.items()
}

_LEVELS: Final = "SELECT side, price, quantity, known FROM public.book_levels({}, {}, {}, {})"

_VERDICT: Final[LiteralString] = """
SELECT trusted, checkpoint, reason FROM public.book_verdict(%(market)s, %(symbol)s, %(at)s)
"""


def read_book(
    connection: psycopg.Connection[Any], key: tuple[Market, str], at: datetime, levels: int | None, numbers: Numbers
) -> Book:
    """Return the book at an instant of the venue's clock; without levels where there is none.

    Args:
        connection: In a transaction that sees one moment.
        key: Market and symbol.
        at: Aware.
        levels: Of each side, the best; none: all.
        numbers: How prices and quantities come.
    """
    market, symbol = key
    verdict = connection.execute(_VERDICT, {"market": market, "symbol": symbol, "at": at}).fetchone()
    trusted, checkpoint, reason = verdict or (False, None, "")
    query = sql.SQL(_LEVELS).format(*(sql.Literal(value) for value in (str(market), symbol, at, levels)))
    found = cast(
        "pl.DataFrame",
        pl.from_arrow(read_table(connection, query, _LEVELS_SCHEMA[numbers], name="book_levels")),
    )
    bids, asks = (found.filter(pl.col("side") == side).drop("side") for side in ("bid", "ask"))
    return Book(market, symbol, at, bids, asks, trusted, checkpoint, reason)
