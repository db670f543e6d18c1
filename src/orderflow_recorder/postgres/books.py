"""Books at an instant, as the functions ``book_levels`` and ``book_verdict`` of the schema give them.

Every function takes an open connection (`connection.connect`) and changes nothing.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from orderflow_recorder.domain.market import Market


class BookLevel(msgspec.Struct, frozen=True):
    """One level of one side.

    Attributes:
        price: Quote asset.
        quantity: Base asset.
        known: Whether the book is complete from the best price to this one; beyond its edge other levels may
            lie between this one and its neighbours.
    """

    price: Decimal
    quantity: Decimal
    known: bool


class BookVerdict(msgspec.Struct, frozen=True):
    """Whether a book can be trusted.

    Attributes:
        trusted: Whether each update up to the instant is in it.
        checkpoint: ``last_update_id`` of the snapshot or checkpoint it is built from; none where there is no book.
        reason: Why it is not trusted; what it is built from, if it is.
    """

    trusted: bool
    checkpoint: int | None
    reason: str


class BookAt(msgspec.Struct, frozen=True):
    """A book at an instant.

    Attributes:
        verdict: Whether it can be trusted.
        bids: Best first; empty where there is no book.
        asks: The same.
    """

    verdict: BookVerdict
    bids: list[BookLevel]
    asks: list[BookLevel]


_NEWEST: Final[LiteralString] = """
SELECT event_time FROM public.depth_diffs
WHERE market = %(market)s AND symbol = %(symbol)s
ORDER BY event_time DESC LIMIT 1
"""

# One statement, so that levels and verdict are of the same rows, whatever is written meanwhile.
_BOOK: Final[LiteralString] = """
SELECT verdict.trusted, verdict.checkpoint, verdict.reason, level.side, level.price, level.quantity, level.known
FROM public.book_verdict(%(market)s, %(symbol)s, %(at)s) AS verdict
LEFT JOIN public.book_levels(%(market)s, %(symbol)s, %(at)s, %(levels)s) WITH ORDINALITY
    AS level (side, price, quantity, known, place) ON true
ORDER BY level.place
"""


def newest_book_time(connection: psycopg.Connection[Any], market: Market, symbol: str) -> datetime | None:
    """Return the event time of the last diff of ``symbol`` (upper case), none without one."""
    row = connection.execute(_NEWEST, {"market": market, "symbol": symbol}).fetchone()
    return None if row is None else row[0]


def read_book(
    connection: psycopg.Connection[Any], market: Market, symbol: str, at: datetime, levels: int | None = None
) -> BookAt:
    """Return the book at an instant.

    Args:
        connection: Open.
        market: The market.
        symbol: The symbol.
        at: The instant, venue's clock.
        levels: Best levels of each side; none for all.
    """
    parameters = {"market": market, "symbol": symbol, "at": at, "levels": levels}
    rows = connection.execute(_BOOK, parameters).fetchall()
    sides: dict[str | None, list[BookLevel]] = {"bid": [], "ask": [], None: []}
    for _, _, _, side, *level in rows:
        sides[side].append(BookLevel(*level))
    return BookAt(BookVerdict(*rows[0][:3]), sides["bid"], sides["ask"])
