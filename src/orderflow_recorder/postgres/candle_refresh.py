"""Keeps candles up to date: moves the marks, and computes again what got rows since.

A mark moves, and a sink notes a late row (`candle_changes`), while the stream's row of ``coverage`` is locked.
So a row that commits is behind the mark, or in a minute that is finished with it, or in one that is noted.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final, LiteralString, NamedTuple

import msgspec
import psycopg
from psycopg import sql

from orderflow_recorder.postgres import candle_queries as queries
from orderflow_recorder.postgres.candle_aggregates import CandleAggregates
from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.errors import sink_error

SETTLE: Final = timedelta(seconds=5)
"""How much older than the newest row a minute's end must be before it is finished."""

_WINDOW: Final = timedelta(hours=1)
"""Of one stream at once: a sink may have to wait for that."""
_AGGREGATE_WINDOW: Final = timedelta(hours=6)
_CHANGES_AT_ONCE: Final = 240


class Source(NamedTuple):
    """What the candles of a stream are made of, and by."""

    stream: str
    table: sql.Identifier
    candles: sql.Identifier


SOURCES: Final = (
    Source("trade", sql.Identifier("public", "trades"), sql.Identifier("public", "trade_candles")),
    Source("aggTrade", sql.Identifier("public", "agg_trades"), sql.Identifier("public", "agg_trade_candles")),
)
_BY_STREAM: Final = {source.stream: source for source in SOURCES}


class StreamOfTrades(msgspec.Struct, frozen=True, order=True):
    """A stream that candles are made of."""

    market: str
    symbol: str
    stream: str

    @property
    def source(self) -> Source:
        """Return what its candles are made of."""
        return _BY_STREAM[self.stream]


class CandleRefresher:
    """Lifecycle: `refresh` as often as you like, then `close`; it connects by itself."""

    def __init__(self, url: str, monotonic: Callable[[], float]) -> None:
        """Remember the database.

        Args:
            url: As `connection.connect` takes it.
            monotonic: Seconds that never go back.
        """
        self._url = url
        self._monotonic = monotonic
        self._connection: psycopg.Connection[Any] | None = None
        self._aggregates: CandleAggregates | None = None
        self._last = StreamOfTrades("", "", "")

    def refresh(self, budget_s: float) -> bool:
        """Do what there is to do.

        Args:
            budget_s: After so many seconds nothing new is begun; what is left is left for the next time.

        Returns:
            Whether everything is done.

        Raises:
            SinkError: The database is away, or refuses; what is done stays done.
        """
        deadline = self._monotonic() + budget_s
        try:
            connection = self._connection or self._open()
            for _ in self._pieces(connection):
                if self._monotonic() >= deadline:
                    return False
        except psycopg.Error as error:
            self.close()
            raise sink_error(error, redact_url(self._url)) from error
        return True

    def close(self) -> None:
        """Release the connection. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> psycopg.Connection[Any]:
        connection = connect(self._url)
        self._connection = connection
        connection.execute("SET timezone TO 'UTC'")
        connection.execute("SET synchronous_commit TO off")
        connection.execute("SET jit TO off")  # many small queries
        # Whoever holds a stream for long must not hold up a loader.
        connection.execute("SET lock_timeout TO '5s'")
        row = connection.execute(queries.AGGREGATES).fetchone()
        self._aggregates = None if row is None else CandleAggregates(connection, version=row[0])
        for source in SOURCES:
            connection.execute(_of(queries.MARK_UNKNOWN, source), {"stream": source.stream})
        return connection

    def _pieces(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Do one piece of work after the other, each of them committed; yield after each."""
        if self._aggregates is None:
            yield from self._compute_again(connection)
        else:
            yield from self._aggregates.refresh()
        while work := self._work(connection):
            if self._aggregates is None:
                # In turns: no backlog keeps the others waiting.
                behind = [one for one in work if one > self._last]
                for stream in [*behind, *(one for one in work if one <= self._last)]:
                    self._last = stream
                    self._advance(connection, stream)
                    yield
            else:
                for stream in work:
                    self._advance(connection, stream)
                yield from self._aggregates.refresh()

    def _work(self, connection: psycopg.Connection[Any]) -> list[StreamOfTrades]:
        """Return the streams whose mark can move, in order; for aggregates only those that are furthest behind."""
        found = []
        for source in SOURCES:
            parameters = {"stream": source.stream, **self._limits()}
            found += connection.execute(_of(queries.WORK, source), parameters).fetchall()
        if self._aggregates is not None and found:
            oldest = min(first for *_, first in found)
            found = [row for row in found if row[-1] - oldest < _AGGREGATE_WINDOW]
        return sorted(StreamOfTrades(*key) for *key, _ in found)

    def _advance(self, connection: psycopg.Connection[Any], stream: StreamOfTrades) -> None:
        """Move a mark, and compute what comes before it then unless an aggregate does."""
        key: dict[str, Any] = msgspec.structs.asdict(stream)
        with connection.transaction():
            connection.execute(queries.LOCK, key)
            limits = self._limits()
            row = connection.execute(_of(queries.NEXT, stream.source), key | limits).fetchone()
            if row is None or row[0] is None or row[0] >= row[1]:
                return  # another recorder's loader was here meanwhile
            since, until = row
            if self._aggregates is None:
                _keep(connection, stream, [since], [until])
            connection.execute(queries.MOVE, key | limits | {"since": since, "until": until})

    def _limits(self) -> dict[str, Any]:
        aggregates = self._aggregates is not None
        window = _AGGREGATE_WINDOW if aggregates else _WINDOW
        return {"settle": SETTLE, "aggregates": aggregates, "window": window}

    def _compute_again(self, connection: psycopg.Connection[Any]) -> Iterator[None]:
        """Compute the minutes that got rows since, and forget that they did."""
        for row in connection.execute(queries.CHANGED).fetchall():
            stream = StreamOfTrades(*row)
            while self._take_changes(connection, stream):
                yield

    def _take_changes(self, connection: psycopg.Connection[Any], stream: StreamOfTrades) -> bool:
        key = msgspec.structs.asdict(stream)
        with connection.transaction():
            connection.execute(queries.LOCK, key)
            minutes = connection.execute(queries.TAKE_CHANGES, key | {"limit": _CHANGES_AT_ONCE}).fetchall()
            _keep(connection, stream, [since for since, _ in minutes], [until for _, until in minutes])
        return bool(minutes)


def _keep(connection: psycopg.Connection[Any], stream: StreamOfTrades, since: list[Any], until: list[Any]) -> None:
    """Compute the candles of spans that are over, and keep them."""
    parameters = msgspec.structs.asdict(stream) | {"since": since, "until": until}
    connection.execute(_of(queries.KEEP_SECONDS, stream.source), parameters)
    connection.execute(queries.KEEP_MINUTES, parameters)


def _of(query: LiteralString, source: Source) -> sql.Composed:
    return sql.SQL(query).format(table=source.table, candles=source.candles, over=sql.SQL(queries.OVER))
