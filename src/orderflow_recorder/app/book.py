"""The book at an instant, with what people want to know of it."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import accumulate
from typing import Any

import msgspec
import psycopg

from orderflow_recorder.domain.errors import OrderflowError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.books import BookLevel, newest_book_time, read_book


class NoBookError(OrderflowError):
    """There is no trusted book of a symbol, at an instant or at all."""


class Rung(msgspec.Struct, frozen=True):
    """A level, and how much there is up to it.

    Attributes:
        price: Quote asset.
        quantity: Base asset.
        cumulated: Quantity of this level and all better ones, base asset.
        known: False beyond the edge of what is known: other levels may lie before it.
    """

    price: Decimal
    quantity: Decimal
    cumulated: Decimal
    known: bool


class Ladder(msgspec.Struct, frozen=True, kw_only=True):
    """A book at an instant.

    Attributes:
        market: The market.
        symbol: Upper case.
        at: The instant, venue's clock.
        trusted: Whether each update up to the instant is in it.
        checkpoint: ``last_update_id`` of the snapshot or checkpoint it is built from; none where there is no book.
        reason: Why it is not trusted; what it is built from, if it is.
        spread: Best ask minus best bid, quote asset; none where a side is empty.
        mid: Middle of the two, quote asset.
        bids: Best first.
        asks: Best first.
    """

    market: Market
    symbol: str
    at: datetime
    trusted: bool
    checkpoint: int | None
    reason: str
    spread: Decimal | None
    mid: Decimal | None
    bids: Sequence[Rung]
    asks: Sequence[Rung]


def read_ladder(
    connection: psycopg.Connection[Any], market: Market, symbol: str, at: datetime | None, levels: int
) -> Ladder:
    """Return the book at an instant.

    Args:
        connection: Open.
        market: The market.
        symbol: Upper case.
        at: The instant, venue's clock; none for the newest book there is.
        levels: Best levels of each side.

    Raises:
        NoBookError: The newest book is wanted, and there is none.
    """
    at = at or newest_book_time(connection, market, symbol)
    if at is None:
        raise NoBookError(
            f"no book of {market} {symbol}: expected diffs of its depth stream, the database has none; "
            "`orderflow-recorder coverage` lists what is recorded"
        )
    book = read_book(connection, market, symbol, at, levels)
    best = (book.bids[0].price, book.asks[0].price) if book.bids and book.asks else None
    return Ladder(
        market=market,
        symbol=symbol,
        at=at,
        trusted=book.verdict.trusted,
        checkpoint=book.verdict.checkpoint,
        reason=book.verdict.reason,
        spread=best[1] - best[0] if best else None,
        mid=(best[0] + best[1]) / 2 if best else None,
        bids=_rungs(book.bids),
        asks=_rungs(book.asks),
    )


def _rungs(levels: Sequence[BookLevel]) -> list[Rung]:
    sums = accumulate(level.quantity for level in levels)
    return [
        Rung(level.price, level.quantity, cumulated, level.known) for level, cumulated in zip(levels, sums, strict=True)
    ]
