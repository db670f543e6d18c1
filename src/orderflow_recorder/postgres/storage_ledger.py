"""The ledger beside deleted rows: coverage begins later, gaps before that are no more.

The promise stays true: between the first and the last id of a stream, every id is in a row or in
exactly one gap that is not healed. Rows go by their time, which is nearly the order of their ids; so what
remains with a lower id than something deleted goes too, and coverage begins with the first row that is left.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

import msgspec
import psycopg
from psycopg import sql

from orderflow_recorder.postgres import storage_queries as queries

_SOON: Final = timedelta(days=1)
"""Most symbols have a row so soon after those that went: a query is planned chunk by chunk."""
_NO_ID: Final = "NULL::bigint"


class Aging(msgspec.Struct, frozen=True):
    """How the rows of a table age, and whose they are.

    Attributes:
        table: Name in schema public.
        time: The column that says how old a row is.
        streams: Pattern of the streams whose rows they are; empty if they are of none.
        first: SQL of a row's first id; null where ids are not consecutive.
        last: SQL of its last id, same.
        only: SQL that is true for rows of a stream.
        margin: Kept so much longer.
    """

    table: LiteralString
    time: LiteralString
    streams: str = ""
    first: LiteralString = _NO_ID
    last: LiteralString = _NO_ID
    only: LiteralString = "true"
    margin: timedelta = timedelta()

    def query(self, template: LiteralString) -> sql.Composed:
        """Return ``template`` for this table."""
        return sql.SQL(template).format(
            table=sql.Identifier(self.table),
            time=sql.Identifier(self.time),
            first=sql.SQL(self.first),
            last=sql.SQL(self.last),
            only=sql.SQL(self.only),
        )


_UPDATE_IDS: Final = "least(coalesce(t.previous_final_update_id + 1, t.first_update_id), t.final_update_id)"
AGING: Final[Mapping[str, Aging]] = {
    one.table: one
    for one in (
        Aging("trades", "trade_time", "^trade$", "t.trade_id", "t.trade_id"),
        Aging("agg_trades", "trade_time", "^aggTrade$", "t.agg_trade_id", "t.agg_trade_id"),
        Aging("depth_diffs", "event_time", "^depth(@|$)", _UPDATE_IDS, "t.final_update_id"),
        # The oldest diffs need a book to begin with, and its time is by another clock.
        Aging("book_snapshots", "receive_time", margin=timedelta(hours=1)),
        Aging("book_tops", "receive_time", "^depth(5|10|20)(@|$)", only="t.source = 'stream'"),
        Aging("book_tickers", "receive_time", "^bookTicker$"),
        Aging("mark_prices", "event_time", "^markPrice(@|$)"),
        Aging("liquidations", "event_time", "^forceOrder$"),
    )
}
"""Every table whose rows may be deleted, but for candles and events."""


class Edge:
    """Where rows end that are deleted, for all symbols of a table or for one; one transaction long.

    Lifecycle: create it, which locks the streams and looks; delete the rows that are older than ``cut``;
    `move`.

    Args:
        cursor: In the transaction.
        aging: The table.
        cut: Rows that are older go.
        market: Of one market and symbol only.
        symbol: Same.
    """

    def __init__(
        self,
        cursor: psycopg.Cursor[Any],
        aging: Aging,
        *,
        cut: datetime,
        market: str | None = None,
        symbol: str | None = None,
    ) -> None:
        """Lock the streams that will lose rows, and look how far these reach."""
        self._cursor = cursor
        self._aging = aging
        self._names: dict[str, Any] = {"cut": cut, "streams": aging.streams, "market": market, "symbol": symbol}
        self._reached: Sequence[tuple[str, str, int | None]] = ()
        if aging.streams:
            cursor.execute(queries.LOCK_STREAMS, self._names)
            self._reached = cursor.execute(aging.query(queries.REACHED), self._names).fetchall()

    def move(self) -> int:
        """Delete what remains of the ids that went, and move coverage and gaps; return how many rows that were."""
        if not self._reached:
            return 0
        rows = self._delete_stragglers()
        symbols = [(market, symbol) for market, symbol, _ in self._reached]
        soon = self._remaining(symbols, self._names["cut"] + _SOON)
        kept = [row for row in soon if row["receive_time"] is not None]
        quiet = [(row["market"], row["symbol"]) for row in soon if row["receive_time"] is None]
        kept += self._remaining(quiet, "infinity") if quiet else []
        names = self._names | {"rows": _json(kept)}
        for query in (queries.FORGET_STREAMS, queries.MOVE_STREAMS, queries.DELETE_OLD_GAPS, queries.TRIM_GAPS):
            self._cursor.execute(query, names)
        return rows

    def _remaining(self, symbols: Sequence[tuple[str, str]], until: datetime | str) -> list[dict[str, Any]]:
        """Return the first row that each symbol has left before ``until``, nulls where it has none."""
        edges = [{"market": market, "symbol": symbol} for market, symbol in symbols]
        names = self._names | {"rows": _json(edges), "until": until}
        found = self._cursor.execute(self._aging.query(queries.REMAINING), names).fetchall()
        return [dict(zip(("market", "symbol", "id", "receive_time"), row, strict=True)) for row in found]

    def _delete_stragglers(self) -> int:
        reached = [
            {"market": market, "symbol": symbol, "id": last_id}
            for market, symbol, last_id in self._reached
            if last_id is not None
        ]
        found: Sequence[tuple[str, str, int]] = ()
        if reached:
            names = self._names | {"rows": _json(reached)}
            found = self._cursor.execute(self._aging.query(queries.STRAGGLERS), names).fetchall()
        rows = 0
        for market, symbol, last_id in found:
            one = {"cut": self._names["cut"], "market": market, "symbol": symbol, "id": last_id}
            rows += self._cursor.execute(self._aging.query(queries.DELETE_STRAGGLERS), one).rowcount
        return rows


def _json(rows: Sequence[dict[str, Any]]) -> str:
    return msgspec.json.encode(rows).decode()
