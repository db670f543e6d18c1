"""Reads of the ledger: coverage, gaps, and how many rows there are.

Every function takes an open connection (`connection.connect`) and changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, LiteralString, TypeAlias

import msgspec
import psycopg
from psycopg.rows import dict_row

from orderflow_recorder.domain.errors import SchemaMismatchError
from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind
from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.errors import sink_error
from orderflow_recorder.postgres.schema import SchemaStatus, read_revision, require_server, schema_state

StreamKey: TypeAlias = tuple[Market, str, str]
"""Market, symbol and stream."""


class CoverageRow(msgspec.Struct, frozen=True):
    """From where to where a stream is recorded; ids are none where they are not consecutive."""

    market: Market
    symbol: str
    stream: str
    first_id: int | None
    last_id: int | None
    first_time: datetime
    last_time: datetime
    last_key: int | None

    @property
    def key(self) -> StreamKey:
        """Return market, symbol and stream."""
        return self.market, self.symbol, self.stream


class GapRow(msgspec.Struct, frozen=True):
    """One entry of the ledger; every column of ``gaps``."""

    gap_id: int
    market: Market
    symbol: str
    stream: str
    first_missing_id: int | None
    last_missing_id: int | None
    from_time: datetime | None
    to_time: datetime | None
    cause: str
    status: GapStatus
    reason: str | None
    opened_at: datetime
    healed_at: datetime | None
    healed_by: str | None
    instance: str

    @property
    def key(self) -> StreamKey:
        """Return market, symbol and stream."""
        return self.market, self.symbol, self.stream


class Filter(msgspec.Struct, frozen=True):
    """Which rows of the ledger; none means all.

    Attributes:
        market: Of this market.
        symbol: Upper case.
        stream: Wire name without the symbol.
        status: Gaps only.
        since: Gaps only: those that end after it.
        until: Gaps only: those that begin before it.
    """

    market: Market | None = None
    symbol: str | None = None
    stream: str | None = None
    status: GapStatus | None = None
    since: datetime | None = None
    until: datetime | None = None


TABLES: Final[dict[StreamKind, str]] = {
    StreamKind.TRADE: "trades",
    StreamKind.AGG_TRADE: "agg_trades",
    StreamKind.DEPTH: "depth_diffs",
    StreamKind.PARTIAL_DEPTH: "book_tops",
    StreamKind.BOOK_TICKER: "book_tickers",
    StreamKind.MARK_PRICE: "mark_prices",
    StreamKind.FORCE_ORDER: "liquidations",
}
"""Where the rows of a stream are."""

_COVERAGE: Final[LiteralString] = """
SELECT market, symbol, stream, first_id, last_id, first_time, last_time, last_key
FROM public.coverage
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
  AND (%(stream)s::text IS NULL OR stream = %(stream)s)
ORDER BY market, symbol, stream
"""

# A gap without times (there should be none) is where it was registered.
_GAPS: Final[LiteralString] = """
SELECT gap_id, market, symbol, stream, first_missing_id, last_missing_id, from_time, to_time,
       cause, status, reason, opened_at, healed_at, healed_by, instance
FROM public.gaps
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
  AND (%(stream)s::text IS NULL OR stream = %(stream)s) AND (%(status)s::text IS NULL OR status = %(status)s)
  AND (%(since)s::timestamptz IS NULL OR coalesce(to_time, opened_at) >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR coalesce(from_time, opened_at) < %(until)s)
ORDER BY coalesce(from_time, opened_at) DESC, gap_id DESC
"""

_ROWS: Final[LiteralString] = """
SELECT 'trades', market, symbol, count(*) FROM public.trades
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol
UNION ALL
SELECT 'agg_trades', market, symbol, count(*) FROM public.agg_trades
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol
UNION ALL
SELECT 'depth_diffs', market, symbol, count(*) FROM public.depth_diffs
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol
UNION ALL
SELECT 'book_tops', market, symbol, count(*) FROM public.book_tops
WHERE source = 'stream'
  AND (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol
UNION ALL
SELECT 'book_tickers', market, symbol, count(*) FROM public.book_tickers
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol
UNION ALL
SELECT 'mark_prices', market, symbol, count(*) FROM public.mark_prices
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol
UNION ALL
SELECT 'liquidations', market, symbol, count(*) FROM public.liquidations
WHERE (%(market)s::text IS NULL OR market = %(market)s) AND (%(symbol)s::text IS NULL OR symbol = %(symbol)s)
GROUP BY market, symbol
"""


@contextmanager
def one_moment(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection that sees the database as it is now, whatever is written meanwhile; times are UTC.

    Args:
        url: As `connection.connect` takes it.

    Raises:
        SinkUnavailableError: No server answers, or it went away.
        SchemaMismatchError: The schema is not this version's.
        SinkRefusedError: A person must act.
    """
    with connect(url) as connection:
        try:
            require_server(connection, redact_url(url))
            _require_schema(connection, redact_url(url))
            connection.execute("SET timezone TO 'UTC'")
            # Sorting ids is most of the work of `verify`: the default of 4 MB spills early.
            connection.execute("SET work_mem TO '64MB'")
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            with connection.transaction():
                yield connection
        except psycopg.Error as error:
            raise sink_error(error, redact_url(url)) from error


def read_coverage(connection: psycopg.Connection[Any], wanted: Filter) -> list[CoverageRow]:
    """Return the coverage of the streams wanted, by market, symbol, stream."""
    rows = connection.execute(_COVERAGE, _parameters(wanted)).fetchall()
    return [CoverageRow(Market(market), *rest) for market, *rest in rows]


def read_gaps(connection: psycopg.Connection[Any], wanted: Filter) -> list[GapRow]:
    """Return the gaps wanted, newest first."""
    with connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(_GAPS, _parameters(wanted)).fetchall()
    return [GapRow(**{**row, "market": Market(row["market"]), "status": GapStatus(row["status"])}) for row in rows]


def by_stream(gaps: Iterable[GapRow]) -> Mapping[StreamKey, Sequence[GapRow]]:
    """Return gaps by market, symbol and stream, in the same order; streams without gaps have none."""
    found: defaultdict[StreamKey, list[GapRow]] = defaultdict(list)
    for gap in gaps:
        found[gap.key].append(gap)
    return found


def count_rows(connection: psycopg.Connection[Any], wanted: Filter) -> dict[tuple[str, Market, str], int]:
    """Return how many rows each table has of each market and symbol wanted; reads every row of theirs."""
    rows: Sequence[tuple[str, str, str, int]] = connection.execute(_ROWS, _parameters(wanted)).fetchall()
    return {(table, Market(market), symbol): count for table, market, symbol, count in rows}


def _require_schema(connection: psycopg.Connection[Any], address: str) -> None:
    state = schema_state(read_revision(connection))
    if state.status is not SchemaStatus.CURRENT:
        message = f"{address}: {state.message}"
        raise SchemaMismatchError(message)


def _parameters(wanted: Filter) -> dict[str, object]:
    return msgspec.structs.asdict(wanted)
