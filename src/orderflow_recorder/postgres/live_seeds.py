"""What the tables have of the last day, and up to where: what a live view begins with.

All of it is of one moment: with what the journal has behind the positions it is everything, and nothing twice.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from orderflow_recorder.core.intervals import Interval, subtract
from orderflow_recorder.core.rollup import Rollup
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import AggTrade, Trade
from orderflow_recorder.postgres.catalogue import find_positions
from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.errors import sink_error

_COVERED: Final[LiteralString] = """
SELECT market, symbol, stream, first_id, last_id FROM public.coverage
WHERE stream IN ('trade', 'aggTrade') AND first_id IS NOT NULL
"""
_BOOKS: Final[LiteralString] = "SELECT DISTINCT market, symbol FROM public.coverage WHERE stream LIKE 'depth%'"
_MISSING: Final[LiteralString] = """
SELECT market, symbol, stream, first_missing_id, last_missing_id FROM public.gaps
WHERE stream IN ('trade', 'aggTrade') AND status <> 'healed' AND first_missing_id IS NOT NULL
ORDER BY first_missing_id
"""

# The newest row of each symbol by the index, which begins with symbol and time.
_NEWEST: Final[dict[str, LiteralString]] = {
    "trade": """
SELECT newest.* FROM public.coverage AS covered CROSS JOIN LATERAL (
    SELECT market, symbol, trade_id, price::text, quantity::text, buyer_is_maker,
           (extract(epoch FROM trade_time) * 1000000)::bigint * 1000,
           (extract(epoch FROM event_time) * 1000000)::bigint * 1000,
           (extract(epoch FROM receive_time) * 1000000)::bigint * 1000
    FROM public.trades WHERE market = covered.market AND symbol = covered.symbol
    ORDER BY trade_time DESC, trade_id DESC LIMIT 1
) AS newest WHERE covered.stream = 'trade'
""",
    "aggTrade": """
SELECT newest.* FROM public.coverage AS covered CROSS JOIN LATERAL (
    SELECT market, symbol, agg_trade_id, first_trade_id, last_trade_id, price::text, quantity::text, buyer_is_maker,
           (extract(epoch FROM trade_time) * 1000000)::bigint * 1000,
           (extract(epoch FROM event_time) * 1000000)::bigint * 1000,
           (extract(epoch FROM receive_time) * 1000000)::bigint * 1000
    FROM public.agg_trades WHERE market = covered.market AND symbol = covered.symbol
    ORDER BY trade_time DESC, agg_trade_id DESC LIMIT 1
) AS newest WHERE covered.stream = 'aggTrade'
""",
}

_DAY: Final[LiteralString] = """
SELECT extract(epoch FROM bucket)::bigint / %(width)s,
       min(first_id), max(last_id), (array_agg(open ORDER BY first_id))[1], max(high), min(low),
       (array_agg(close ORDER BY last_id DESC))[1],
       sum(buy_volume) + sum(sell_volume), sum(buy_volume), sum(notional), sum(trade_count)::bigint
FROM {candles}
WHERE market = %(market)s AND symbol = %(symbol)s AND bucket >= %(since)s
GROUP BY 1 ORDER BY 1
"""
_TRADE: Final = "trade"
_CANDLES: Final[dict[str, LiteralString]] = {
    _TRADE: _DAY.format(candles="public.trade_candles_1m"),
    "aggTrade": _DAY.format(candles="public.agg_trade_candles_1m"),
}
_RECORDS: Final[dict[str, type[Trade | AggTrade]]] = {_TRADE: Trade, "aggTrade": AggTrade}
_DAY_LENGTH: Final = timedelta(days=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class StreamSeed(msgspec.Struct, frozen=True):
    """What the tables have of one stream of trades.

    Attributes:
        market: The market.
        symbol: Upper case.
        aggregates: Whether it is ``aggTrade``.
        taken: The ids that are there.
        newest: The newest row; none where old rows were deleted, and nothing came since.
        day: The parts of the 24 hours before it, in order; each with its number, in parts since the epoch.
    """

    market: Market
    symbol: str
    aggregates: bool
    taken: Sequence[Interval]
    newest: Trade | AggTrade | None
    day: Sequence[tuple[int, Rollup]]


class LiveSeeds(msgspec.Struct, frozen=True):
    """The tables at one moment.

    Attributes:
        positions: Where each sink stands in each journal, by instance and sink.
        streams: What is there of each stream of trades.
        books: Market and symbol of those of which book diffs are there.
    """

    positions: dict[tuple[str, str], Position]
    streams: Sequence[StreamSeed]
    books: frozenset[tuple[Market, str]]


def read_live_seeds(url: str, instances: Sequence[str], part_s: int) -> LiveSeeds:
    """Read them; of a thousand symbols in some seconds.

    Args:
        url: Of the database.
        instances: Whose journals.
        part_s: Length of a part of the day, whole minutes, in seconds.

    Raises:
        SinkUnavailableError: It is away.
        SinkRefusedError: A person must act.
    """
    try:
        with connect(url) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            positions = find_positions(connection, instances)
            books = frozenset((Market(market), symbol) for market, symbol in connection.execute(_BOOKS))
            return LiveSeeds(positions, list(_streams(connection, part_s)), books)
    except psycopg.Error as error:
        raise sink_error(error, redact_url(url)) from error


def _streams(connection: psycopg.Connection[Any], part_s: int) -> Iterator[StreamSeed]:
    missing: dict[tuple[str, str, str], list[Interval]] = {}
    for market, symbol, stream, first, last in connection.execute(_MISSING):
        missing.setdefault((market, symbol, stream), []).append(Interval(first, last))
    newest = {
        (trade.market.value, trade.symbol, stream): trade
        for stream, record in _RECORDS.items()
        for trade in (record(Market(market), *row) for market, *row in connection.execute(_NEWEST[stream]))
    }
    for market, symbol, stream, first, last in connection.execute(_COVERED).fetchall():
        trade = newest.get((market, symbol, stream))
        yield StreamSeed(
            market=Market(market),
            symbol=symbol,
            aggregates=stream != _TRADE,
            taken=subtract([Interval(first, last)], missing.get((market, symbol, stream), ())),
            newest=trade,
            day=() if trade is None else _day(connection, stream, trade, part_s),
        )


def _day(
    connection: psycopg.Connection[Any], stream: str, newest: Trade | AggTrade, part_s: int
) -> list[tuple[int, Rollup]]:
    until = _EPOCH + timedelta(microseconds=newest.trade_time // 1000)
    where = {"market": newest.market, "symbol": newest.symbol, "width": part_s, "since": until - _DAY_LENGTH}
    return [(number, Rollup(*rest)) for number, *rest in connection.execute(_CANDLES[stream], where)]
