"""Rows page by page: each begins behind a place in an index, so that the last page costs what the first one does."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal, TypeAlias

import polars as pl
from psycopg import sql

from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.tables import metadata
from orderflow_recorder.research.batches import TIMES, columns_schema, table_columns, within
from orderflow_recorder.research.decimals import Numbers
from orderflow_recorder.research.session import Session
from orderflow_recorder.research.streaming import frame, read_table

TradeTable: TypeAlias = Literal["trades", "agg_trades"]
Place: TypeAlias = tuple[datetime, int]
"""Time and id of a row."""

TRADE_IDS: Final[dict[TradeTable, str]] = {"trades": "trade_id", "agg_trades": "agg_trade_id"}


def trades_query(
    table: TradeTable,
    key: tuple[Market, str],
    span: tuple[datetime | None, datetime | None],
    after: Place | None,
    limit: int,
    columns: Sequence[str],
) -> sql.Composed:
    """Return the query of `PageQuestions.trades_page`: whatever page it is, the index leads to its first row."""
    time = TIMES[table]
    condition = within(time, *key, *span)
    order = sql.SQL("{}, {}").format(sql.Identifier(time), sql.Identifier(TRADE_IDS[table]))
    if after is not None:
        # The first half is in the second, but only it keeps TimescaleDB from looking into older chunks.
        condition += sql.SQL(" AND {} >= {} AND ({}) > ({}, {})").format(
            sql.Identifier(time), sql.Literal(after[0]), order, sql.Literal(after[0]), sql.Literal(after[1])
        )
    return sql.SQL("SELECT {} FROM {} WHERE {} ORDER BY {} LIMIT {}").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.Identifier("public", table),
        condition,
        order,
        sql.Literal(limit),
    )


class PageQuestions:
    """Questions for pages; arguments are taken as they are, aware times and upper-case symbols."""

    def __init__(self, session: Session) -> None:
        """Ask through ``session``."""
        self._session = session

    def trades_page(
        self,
        table: TradeTable,
        key: tuple[Market, str],
        span: tuple[datetime | None, datetime | None],
        *,
        after: Place | None,
        limit: int,
        numbers: Numbers = "exact",
    ) -> pl.DataFrame:
        """Return the next trades by trade time, then id.

        Args:
            table: Of which of the two.
            key: Market and symbol.
            span: First moment and the one after the last; none: open.
            after: The last row of the page before; none: from the first one on.
            limit: The most rows.
            numbers: How prices and quantities come.
        """
        columns = table_columns(table)
        query = trades_query(table, key, span, after, limit, [column.name for column in columns])
        with self._session.asking() as connection:
            return frame(read_table(connection, query, columns_schema(columns, numbers), name=table))

    def gaps_page(
        self,
        *,
        market: Market | None = None,
        symbol: str | None = None,
        stream: str | None = None,
        status: GapStatus | None = None,
        span: tuple[datetime | None, datetime | None] = (None, None),
        before: int | None = None,
        limit: int,
    ) -> pl.DataFrame:
        """Return gaps, the newest number first; times are those of receipt, our clock.

        Args:
            market: Only this market.
            symbol: Only this symbol.
            stream: Only this stream.
            status: Only these.
            span: Only what touches it: first moment and the one after the last; none: open.
            before: The last number of the page before; none: from the newest one on.
            limit: The most rows.
        """
        named = {"market": market, "symbol": symbol, "stream": stream, "status": status}
        conditions = [
            sql.SQL("{} = {}").format(sql.Identifier(name), sql.Literal(str(value)))
            for name, value in named.items()
            if value is not None
        ]
        start, end = span
        # A gap without times (there should be none) is where it was registered.
        if start is not None:
            conditions.append(sql.SQL("coalesce(to_time, opened_at) >= {}").format(sql.Literal(start)))
        if end is not None:
            conditions.append(sql.SQL("coalesce(from_time, opened_at) < {}").format(sql.Literal(end)))
        if before is not None:
            conditions.append(sql.SQL("gap_id < {}").format(sql.Literal(before)))
        columns = list(metadata.tables["gaps"].columns)
        query = sql.SQL("SELECT {} FROM public.gaps WHERE {} ORDER BY gap_id DESC LIMIT {}").format(
            sql.SQL(", ").join(sql.Identifier(column.name) for column in columns),
            sql.SQL(" AND ").join(conditions) if conditions else sql.SQL("true"),
            sql.Literal(limit),
        )
        with self._session.asking() as connection:
            return frame(read_table(connection, query, columns_schema(columns, "exact"), name="gaps"))
