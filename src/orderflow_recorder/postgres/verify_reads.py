"""What `verify` asks a database: where ids break, and books in the order of their update ids.

Everything is set-based on the server or streamed through a server-side cursor, so that memory stays
small whatever the number of rows. Every function takes a connection in a transaction
(`ledger_reads.one_moment`) and changes nothing.
"""

from collections.abc import Generator, Iterator
from datetime import datetime
from itertools import count
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from orderflow_recorder.core.book_check import Top
from orderflow_recorder.core.completeness import Break
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff
from orderflow_recorder.domain.streams import StreamKind
from orderflow_recorder.postgres.ledger_reads import Filter


class Total(msgspec.Struct, frozen=True):
    """What a table holds of one market and symbol.

    Attributes:
        rows: How many.
        last_id: The highest id; where ids are not consecutive, what ``coverage.last_key`` holds.
        first_time: Earliest receive time.
        last_time: Latest receive time.
    """

    rows: int
    last_id: int
    first_time: datetime
    last_time: datetime


_TOTALS: Final[dict[StreamKind, LiteralString]] = {
    StreamKind.TRADE: """
SELECT market, symbol, count(*), max(trade_id), min(receive_time), max(receive_time)
FROM public.trades
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol""",
    StreamKind.AGG_TRADE: """
SELECT market, symbol, count(*), max(agg_trade_id), min(receive_time), max(receive_time)
FROM public.agg_trades
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol""",
    StreamKind.DEPTH: """
SELECT market, symbol, count(*), max(final_update_id), min(receive_time), max(receive_time)
FROM public.depth_diffs
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol""",
    StreamKind.PARTIAL_DEPTH: """
SELECT market, symbol, count(*), max(last_update_id), min(receive_time), max(receive_time)
FROM public.book_tops
WHERE source = 'stream'
  AND (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol""",
    StreamKind.BOOK_TICKER: """
SELECT market, symbol, count(*), max(update_id), min(receive_time), max(receive_time)
FROM public.book_tickers
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol""",
    StreamKind.MARK_PRICE: """
SELECT market, symbol, count(*), (extract(epoch FROM max(event_time)) * 1000000)::bigint * 1000,
       min(receive_time), max(receive_time)
FROM public.mark_prices
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol""",
    StreamKind.FORCE_ORDER: """
SELECT market, symbol, count(*), (extract(epoch FROM max(event_time)) * 1000000)::bigint * 1000,
       min(receive_time), max(receive_time)
FROM public.liquidations
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol""",
}

# By id alone: the time is part of the natural key, and must not hide that an id is there twice.
_BREAKS: Final[dict[StreamKind, LiteralString]] = {
    StreamKind.TRADE: """
SELECT id, id, reached
FROM (
    SELECT trade_id AS id, lag(trade_id) OVER (ORDER BY trade_id) AS reached
    FROM public.trades WHERE market = %(market)s AND symbol = %(symbol)s
) AS ordered
WHERE reached IS NULL OR id <> reached + 1
ORDER BY id""",
    StreamKind.AGG_TRADE: """
SELECT id, id, reached
FROM (
    SELECT agg_trade_id AS id, lag(agg_trade_id) OVER (ORDER BY agg_trade_id) AS reached
    FROM public.agg_trades WHERE market = %(market)s AND symbol = %(symbol)s
) AS ordered
WHERE reached IS NULL OR id <> reached + 1
ORDER BY id""",
    # A diff has the ids [U, u] on spot and [pu + 1, u] on futures. The longer of two that begin alike
    # comes first, so that a diff within another one is found by what was reached before it.
    StreamKind.DEPTH: """
SELECT first, last, reached
FROM (
    SELECT first, last,
           max(last) OVER (ORDER BY first, last DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reached
    FROM (
        SELECT CASE market WHEN 'spot' THEN first_update_id
                           ELSE coalesce(previous_final_update_id + 1, first_update_id) END AS first,
               final_update_id AS last
        FROM public.depth_diffs WHERE market = %(market)s AND symbol = %(symbol)s
    ) AS ids
    WHERE first <= last
) AS ordered
WHERE reached IS NULL OR first <> reached + 1
ORDER BY first, last DESC""",
}

# In the order of the table's own index: sorting whole diffs by id would write them all to disk once more.
_DIFFS: Final[LiteralString] = """
SELECT first_update_id, final_update_id, previous_final_update_id,
       bid_prices::text[], bid_quantities::text[], ask_prices::text[], ask_quantities::text[]
FROM public.depth_diffs
WHERE market = %(market)s AND symbol = %(symbol)s
ORDER BY event_time, final_update_id"""

# Checkpoints are of our own making: they would only prove that we agree with ourselves.
_SNAPSHOTS: Final[LiteralString] = """
SELECT last_update_id, source, bid_prices::text[], bid_quantities::text[], ask_prices::text[], ask_quantities::text[]
FROM public.book_snapshots
WHERE market = %(market)s AND symbol = %(symbol)s AND source = 'rest'
ORDER BY last_update_id, receive_time"""

_TOPS: Final[LiteralString] = """
SELECT update_id, bid_price, bid_quantity, ask_price, ask_quantity
FROM public.book_tickers
WHERE market = %(market)s AND symbol = %(symbol)s
  AND update_id IN (
      SELECT final_update_id FROM public.depth_diffs WHERE market = %(market)s AND symbol = %(symbol)s)
ORDER BY update_id, receive_time"""

_NAMES: Final = count(1)
_DIFFS_AT_ONCE: Final = 1000
_SNAPSHOTS_AT_ONCE: Final = 4
_NARROW_AT_ONCE: Final = 10_000


def read_totals(
    connection: psycopg.Connection[Any], kind: StreamKind, wanted: Filter
) -> dict[tuple[Market, str], Total]:
    """Return what the table of ``kind`` holds of the markets and symbols wanted; reads every row of theirs."""
    rows = connection.execute(_TOTALS[kind], {"market": wanted.market, "symbol": wanted.symbol}).fetchall()
    return {(Market(market), symbol): Total(*rest) for market, symbol, *rest in rows}


def read_breaks(
    connection: psycopg.Connection[Any], kind: StreamKind, market: Market, symbol: str
) -> Generator[Break, None, None]:
    """Yield the rows that do not begin right after the rows before them, by first id.

    Args:
        connection: In a transaction.
        kind: Of a stream with ids.
        market: The market.
        symbol: Upper case.
    """
    for row in _stream(connection, _BREAKS[kind], market, symbol, _NARROW_AT_ONCE):
        yield Break(*row)


def read_book_diffs(
    connection: psycopg.Connection[Any], market: Market, symbol: str
) -> Generator[DepthDiff, None, None]:
    """Yield the diffs as the venue sent them, digits and all; times are left out (0)."""
    for first, final, previous, *sides in _stream(connection, _DIFFS, market, symbol, _DIFFS_AT_ONCE):
        yield DepthDiff(market, symbol, first, final, previous, 0, None, 0, *sides)


def read_book_snapshots(
    connection: psycopg.Connection[Any], market: Market, symbol: str
) -> Generator[BookSnapshot, None, None]:
    """Yield the snapshots by last update id; times are left out (0)."""
    for last_update_id, source, *sides in _stream(connection, _SNAPSHOTS, market, symbol, _SNAPSHOTS_AT_ONCE):
        yield BookSnapshot(market, symbol, last_update_id, source, 0, *sides)


def read_tops(connection: psycopg.Connection[Any], market: Market, symbol: str) -> Generator[Top, None, None]:
    """Yield the book tickers that carry the final update id of a diff, by update id."""
    for update_id, bid, bid_quantity, ask, ask_quantity in _stream(connection, _TOPS, market, symbol, _NARROW_AT_ONCE):
        yield Top(update_id, (bid, bid_quantity), (ask, ask_quantity))


def _stream(
    connection: psycopg.Connection[Any], query: LiteralString, market: Market, symbol: str, at_once: int
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a query through a cursor on the server."""
    with connection.cursor(name=f"verify_{next(_NAMES)}") as cursor:
        cursor.itersize = at_once
        cursor.execute(query, {"market": market, "symbol": symbol})
        yield from cursor
