"""Refreshes the continuous aggregates where their policy does not reach, or not soon."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg

from orderflow_recorder.postgres import candle_queries as queries

STREAMS: Final = {
    "trade": ("public.trade_candles_1s", "public.trade_candles_1m"),
    "aggTrade": ("public.agg_trade_candles_1s", "public.agg_trade_candles_1m"),
}
"""The aggregates of each stream, a minute's after a second's."""

_BATCHES_SINCE: Final = (2, 28)
"""First version whose CALL refreshes ten buckets a transaction unless it is told otherwise."""
_ONE_BATCH: Final = '{"buckets_per_batch": 0}'
"""All at once: each batch looks through a whole chunk of trades, which no index orders by time alone."""
_CHANGES_AT_ONCE: Final = 5000
_AT_ONCE: Final = timedelta(hours=1)
"""Of seconds; so that one call takes a second or so."""
_LONGEST: Final = timedelta(hours=6)
"""About, of minutes: each call also looks at what is younger in the same chunk of trades."""


class Span(msgspec.Struct, frozen=True):
    """What one stream waits for.

    Attributes:
        market: The market.
        symbol: Upper case.
        since: First bucket.
        until: End of the last.
        noted: Number of the change; none where the mark moved.
    """

    market: str
    symbol: str
    since: datetime
    until: datetime
    noted: int | None


class CandleAggregates:
    """Carries out what marks and changes ask for; survives a crash at any place, as it forgets last."""

    def __init__(self, connection: psycopg.Connection[Any], *, version: str) -> None:
        """Use ``connection``, in autocommit mode; ``version`` is TimescaleDB's."""
        self._connection = connection
        self._batches = tuple(int(part) for part in version.split(".")[:2]) >= _BATCHES_SINCE
        self._begun: tuple[str, Sequence[Span]] | None = None
        self._reached: datetime | None = None

    def refresh(self) -> Iterator[None]:
        """Refresh, oldest first, then forget what asked for it; yield after each call."""
        for stream, (seconds, minutes) in STREAMS.items():
            parameters = {"stream": stream, "limit": _CHANGES_AT_ONCE}
            rows = self._connection.execute(queries.PENDING, parameters).fetchall()
            for since, until, spans in joined(Span(*row) for row in rows):
                if self._reached is None or self._begun != (stream, spans):
                    self._begun, self._reached = (stream, spans), since
                while self._reached < until:
                    part = min(self._reached + _AT_ONCE, until)
                    self._call(seconds, self._reached, part)
                    self._reached = part
                    if part < until:
                        yield  # who does not come back begins again; who does goes on from here
                self._call(minutes, since, until)
                self._forget(stream, spans)
                self._begun = self._reached = None
                yield

    def _call(self, name: str, since: datetime, until: datetime) -> None:
        if self._batches:
            self._connection.execute(queries.REFRESH_IN_BATCHES, (name, since, until, _ONE_BATCH))
        else:
            self._connection.execute(queries.REFRESH, (name, since, until))

    def _forget(self, stream: str, spans: Sequence[Span]) -> None:
        changes = [one for one in spans if one.noted is not None]
        if changes:
            self._connection.execute(
                queries.FORGET_CHANGES,
                {
                    "stream": stream,
                    "markets": [one.market for one in changes],
                    "symbols": [one.symbol for one in changes],
                    "minutes": [one.since for one in changes],
                    "noted": [one.noted for one in changes],
                },
            )
        for one in spans:
            if one.noted is None:
                self._connection.execute(queries.FORGET_REFRESH, msgspec.structs.asdict(one) | {"stream": stream})


def joined(spans: Iterable[Span]) -> Iterator[tuple[datetime, datetime, list[Span]]]:
    """Yield what overlaps or touches as one range, not too long, with what it is made of.

    Args:
        spans: By their begin.
    """
    members: list[Span] = []
    for span in spans:
        if members and (span.since > _end(members) or span.since - members[0].since >= _LONGEST):
            yield members[0].since, _end(members), members
            members = []
        members.append(span)
    if members:
        yield members[0].since, _end(members), members


def _end(members: Iterable[Span]) -> datetime:
    return max(member.until for member in members)
