"""Reads for exports: where rows are, what stands next to them, and their own text.

Every function takes an open connection and changes nothing. A *position* is what a table's gaps are
counted in: the id where a stream has consecutive ids, else the receive time in µs since 1970.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, LiteralString, TypeAlias

import msgspec
import psycopg
import sqlalchemy as sa
from psycopg import sql

from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.export_tables import CANDLES, columns_of, order_of, position_of, value_of

Buffer: TypeAlias = bytes | bytearray | memoryview

_ISO: Final = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
_MIDNIGHT: Final = datetime.min.time()
_LONG_AGO: Final = datetime(1, 1, 2, tzinfo=UTC)

_NEXT_TIME: Final = """
SELECT {time} FROM {table} WHERE market = %(market)s AND symbol = %(symbol)s AND {time} >= %(moment)s
ORDER BY {time} LIMIT 1
"""

# Minutes and seconds have the same days; rows that candles are made of may be gone.
_CANDLE_DAYS: Final = """
SELECT DISTINCT (bucket AT TIME ZONE 'UTC')::date AS day FROM public.candles_1m
WHERE market = %(market)s AND symbol = %(symbol)s AND bucket >= %(start)s AND bucket < %(end)s ORDER BY day
"""

_CANDLE_STREAMS: Final = """
SELECT DISTINCT stream FROM {table}
WHERE market = %(market)s AND symbol = %(symbol)s AND {time} >= %(start)s AND {time} < %(end)s ORDER BY stream DESC
"""

_STOCK: Final = """
SELECT count(*), min({position}), max({position}) FROM {table}
WHERE market = %(market)s AND symbol = %(symbol)s AND {time} >= %(start)s AND {time} < %(end)s
"""

_BEFORE: Final = """
SELECT {position}, {time} FROM {table} WHERE market = %(market)s AND symbol = %(symbol)s AND {time} < %(start)s
ORDER BY {time} DESC, {position} DESC LIMIT 1
"""

_AFTER: Final = """
SELECT {position}, {time} FROM {table} WHERE market = %(market)s AND symbol = %(symbol)s AND {time} >= %(end)s
ORDER BY {time}, {position} LIMIT 1
"""

# Rows by the number of holes below them: the last of one number and the first of the next enclose a hole.
_ROUND_HOLES: Final = """
SELECT width_bucket({position}, %(holes)s::bigint[]) AS below, min({time}), max({time}) FROM {table}
WHERE market = %(market)s AND symbol = %(symbol)s AND {time} >= %(start)s AND {time} < %(end)s
GROUP BY below
"""

_COPY: Final = """
COPY (
    SELECT {columns} FROM {table}
    WHERE market = %(market)s AND symbol = %(symbol)s AND {time} >= %(start)s AND {time} < %(end)s
    ORDER BY {order}
) TO STDOUT (FORMAT csv, HEADER)
"""

_LISTING: Final = """
SELECT base_asset, quote_asset, contract_type, tick_size, step_size FROM public.instruments
WHERE market = %(market)s AND symbol = %(symbol)s
"""

_VERDICT: Final = "SELECT trusted FROM public.book_verdict(%(market)s, %(symbol)s, %(at)s)"
_LEVELS: Final = "SELECT side, price::text, quantity::text FROM public.book_at(%(market)s, %(symbol)s, %(at)s)"

# Found by the index alone: a book has thousands of levels.
_NEXT_SNAPSHOT: Final = """
SELECT last_update_id, bid_prices::text[], bid_quantities::text[], ask_prices::text[], ask_quantities::text[]
FROM public.book_snapshots
WHERE market = %(market)s AND symbol = %(symbol)s AND (receive_time, last_update_id, source) = (
    SELECT receive_time, last_update_id, source FROM public.book_snapshots
    WHERE market = %(market)s AND symbol = %(symbol)s AND last_update_id >= %(lowest)s
    ORDER BY last_update_id, source, receive_time LIMIT 1
)
"""


class Span(msgspec.Struct, frozen=True):
    """Rows of one symbol in one table, from a moment to another.

    Attributes:
        table: Its name.
        time: The column that the moments speak of.
        market: The market.
        symbol: Upper case.
        start: First moment, aware.
        end: The moment after the last one, aware.
    """

    table: str
    time: str
    market: Market
    symbol: str
    start: datetime
    end: datetime


class Stock(msgspec.Struct, frozen=True):
    """What a span holds: number of rows, lowest and highest position (none without rows)."""

    rows: int
    first: int | None
    last: int | None


class Neighbour(msgspec.Struct, frozen=True):
    """The row next to a span: its position, and its time by the same column."""

    position: int
    time: datetime


class Book(msgspec.Struct, frozen=True):
    """A whole book: the last update id it contains, and both sides as the digits stored."""

    last_update_id: int
    bid_prices: Sequence[str]
    bid_quantities: Sequence[str]
    ask_prices: Sequence[str]
    ask_quantities: Sequence[str]


class Listing(msgspec.Struct, frozen=True):
    """How the venue described a symbol."""

    base_asset: str
    quote_asset: str
    contract_type: str | None
    tick_size: Decimal | None
    step_size: Decimal | None


@contextmanager
def same_moment(connection: psycopg.Connection[Any], url: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a second connection that sees exactly what ``connection`` sees, to ask while that one streams.

    Args:
        connection: In a transaction of REPEATABLE READ.
        url: Of the same database.
    """
    (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
    with connect(url) as second:
        second.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        second.read_only = True
        with second.transaction():
            second.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
            yield second


def days_with_rows(connection: psycopg.Connection[Any], span: Span) -> list[date]:
    """Return the days (UTC) on which a span has rows; one look into the index a day."""
    if span.table in CANDLES:
        return [day for (day,) in connection.execute(_CANDLE_DAYS, _parameters(span)).fetchall()]
    days: list[date] = []
    moment = max(span.start, _LONG_AGO)
    while True:
        row = connection.execute(_compose(_NEXT_TIME, span), {**_parameters(span), "moment": moment}).fetchone()
        if row is None or row[0] >= span.end:
            return days
        days.append(row[0].astimezone(UTC).date())
        moment = datetime.combine(days[-1] + timedelta(days=1), _MIDNIGHT, UTC)


def streams_of_candles(connection: psycopg.Connection[Any], span: Span) -> list[str]:
    """Return the streams that the candles of a span are made of."""
    return [stream for (stream,) in connection.execute(_compose(_CANDLE_STREAMS, span), _parameters(span)).fetchall()]


def read_stock(connection: psycopg.Connection[Any], span: Span) -> Stock:
    """Return what a span holds; reads the index of all its rows, or the rows."""
    row = connection.execute(_compose(_STOCK, span), _parameters(span)).fetchone()
    return Stock(*row) if row else Stock(0, None, None)


def read_neighbours(connection: psycopg.Connection[Any], span: Span) -> tuple[Neighbour | None, Neighbour | None]:
    """Return the last row before a span and the first one after it; none where there is none."""
    before = connection.execute(_compose(_BEFORE, span), _parameters(span)).fetchone()
    after = connection.execute(_compose(_AFTER, span), _parameters(span)).fetchone()
    return Neighbour(*before) if before else None, Neighbour(*after) if after else None


def times_round_holes(
    connection: psycopg.Connection[Any], span: Span, holes: Sequence[int]
) -> list[tuple[datetime | None, datetime | None]]:
    """Return for each hole the time of the row before and of the row after it, within the span.

    Args:
        connection: Open.
        span: The rows.
        holes: Lowest position of each hole, ascending; no row of the span is inside a hole.
    """
    rows = connection.execute(_compose(_ROUND_HOLES, span), {**_parameters(span), "holes": list(holes)}).fetchall()
    edges = {below: (first, last) for below, first, last in rows}
    before: list[datetime | None] = []
    latest: datetime | None = None
    for below in range(len(holes)):
        latest = edges[below][1] if below in edges else latest
        before.append(latest)
    after: list[datetime | None] = []
    earliest: datetime | None = None
    for below in range(len(holes), 0, -1):
        earliest = edges[below][0] if below in edges else earliest
        after.append(earliest)
    return list(zip(before, reversed(after), strict=True))


def read_opening_book(connection: psycopg.Connection[Any], span: Span, last_update_id: int) -> Book | None:
    """Return the book that the first diff of a span continues; none where it is not trusted.

    Args:
        connection: Open.
        span: Of diffs.
        last_update_id: Of the last diff before the span.
    """
    at = {"market": span.market, "symbol": span.symbol, "at": span.start - timedelta(microseconds=1)}
    if connection.execute(_VERDICT, at).fetchone() != (True,):
        return None
    sides: dict[str, tuple[list[str], list[str]]] = {"bid": ([], []), "ask": ([], [])}
    for side, price, quantity in connection.execute(_LEVELS, at):
        sides[side][0].append(price)
        sides[side][1].append(quantity)
    return Book(last_update_id, *sides["bid"], *sides["ask"])


def read_listing(connection: psycopg.Connection[Any], market: Market, symbol: str) -> Listing | None:
    """Return how the venue described a symbol; none where it was not asked."""
    row = connection.execute(_LISTING, {"market": market, "symbol": symbol}).fetchone()
    return Listing(*row) if row else None


def read_next_snapshot(connection: psycopg.Connection[Any], market: Market, symbol: str, lowest: int) -> Book | None:
    """Return the snapshot or checkpoint with the lowest id that is not below ``lowest``; none if there is none."""
    parameters = {"market": market, "symbol": symbol, "lowest": lowest}
    row = connection.execute(_NEXT_SNAPSHOT, parameters).fetchone()
    return Book(*row) if row else None


def copy_csv(connection: psycopg.Connection[Any], span: Span, *, floats: bool) -> Generator[Buffer]:
    """Yield a CSV file of a span by time, then id: a header, then each row, all columns.

    Numbers have the digits stored, unless they are to be ``floats``. Times are ISO 8601 in UTC, truth is ``true`` or
    ``false``, lists are ``[1.5,2]``, and what is missing is empty. Close it: until then the connection is busy.
    """
    statement = _compose(
        _COPY,
        span,
        columns=sql.SQL(", ").join(_as_text(column, floats=floats) for column in columns_of(span.table)),
        order=order_of(span.table),
    )
    with connection.cursor() as cursor, cursor.copy(statement, _parameters(span)) as copy:
        yield from copy


def _as_text(column: sa.Column[Any], *, floats: bool) -> sql.Composed:
    name, value = sql.Identifier(column.name), value_of(column)
    match column.type:
        case sa.ARRAY():
            kind = sql.SQL("::float8[]" if floats else "")
            return sql.SQL("translate({name}{kind}::text, '{{}}', '[]') AS {name}").format(name=name, kind=kind)
        case sa.Numeric() if floats:
            return sql.SQL("{value}::float8 AS {name}").format(name=name, value=value)
        case sa.DateTime():
            return sql.SQL("to_char({name} AT TIME ZONE 'UTC', {iso}) AS {name}").format(name=name, iso=_ISO)
        case sa.Boolean():
            return sql.SQL("{name}::text AS {name}").format(name=name)
        case _:
            return sql.SQL("{value} AS {name}").format(name=name, value=value)


def _compose(text: LiteralString, span: Span, **parts: sql.Composable) -> sql.Composed:
    return sql.SQL(text).format(
        table=sql.Identifier("public", span.table),
        time=sql.Identifier(span.time),
        position=position_of(span.table),
        **parts,
    )


def _parameters(span: Span) -> dict[str, object]:
    return msgspec.structs.asdict(span)
