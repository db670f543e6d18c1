"""Questions for the rows of a table, as they were recorded."""

from collections.abc import Generator
from contextlib import closing
from datetime import datetime
from typing import Final

import polars as pl
import pyarrow as pa
from psycopg import sql

from orderflow_recorder.domain.market import Market
from orderflow_recorder.research.batches import TIMES, read_batches, table_schema
from orderflow_recorder.research.decimals import Numbers
from orderflow_recorder.research.errors import QuestionError
from orderflow_recorder.research.questions import (
    MarketName,
    Moment,
    parse_market,
    parse_numbers,
    parse_rows,
    parse_span,
    parse_symbol,
)
from orderflow_recorder.research.session import Session
from orderflow_recorder.research.streaming import ROWS, frame

_PERIOD: Final = "SELECT min({time}), max({time}) FROM {table} WHERE market = %s AND symbol = %s"


class RowQuestions:
    """Questions for rows; their columns are those of the table (docs/schema.md) without market and symbol."""

    def __init__(self, session: Session) -> None:
        """Ask through ``session``."""
        self._session = session

    def trades(
        self,
        market: MarketName,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        numbers: Numbers = "exact",
    ) -> pl.DataFrame:
        """Return trades by trade time, then id."""
        return self._frame("trades", market, symbol, start, end, numbers)

    def agg_trades(
        self,
        market: MarketName,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        numbers: Numbers = "exact",
    ) -> pl.DataFrame:
        """Return aggregate trades by trade time, then id: the same flow as `trades`, never add them up."""
        return self._frame("agg_trades", market, symbol, start, end, numbers)

    def depth_diffs(
        self,
        market: MarketName,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        numbers: Numbers = "exact",
    ) -> pl.DataFrame:
        """Return book updates by event time, then final update id; prices and quantities are lists."""
        return self._frame("depth_diffs", market, symbol, start, end, numbers)

    def book_snapshots(
        self,
        market: MarketName,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        numbers: Numbers = "exact",
    ) -> pl.DataFrame:
        """Return whole books, the venue's and our checkpoints, by receive time; prices and quantities are lists."""
        return self._frame("book_snapshots", market, symbol, start, end, numbers)

    def book_tops(
        self,
        market: MarketName,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        numbers: Numbers = "exact",
    ) -> pl.DataFrame:
        """Return the best levels by receive time; prices and quantities are lists."""
        return self._frame("book_tops", market, symbol, start, end, numbers)

    def book_tickers(
        self,
        market: MarketName,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        numbers: Numbers = "exact",
    ) -> pl.DataFrame:
        """Return best bids and asks by receive time."""
        return self._frame("book_tickers", market, symbol, start, end, numbers)

    def mark_prices(
        self,
        market: MarketName,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        numbers: Numbers = "exact",
    ) -> pl.DataFrame:
        """Return mark prices, index prices and funding rates by event time; futures only."""
        return self._frame("mark_prices", market, symbol, start, end, numbers)

    def liquidations(
        self,
        market: MarketName,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        numbers: Numbers = "exact",
    ) -> pl.DataFrame:
        """Return liquidation orders by event time; futures only, and a sample by the venue's design."""
        return self._frame("liquidations", market, symbol, start, end, numbers)

    def batches(
        self,
        table: str,
        market: MarketName,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        numbers: Numbers = "exact",
        rows: int = ROWS,
    ) -> Generator[pa.RecordBatch, None, None]:
        """Return the rows of a table as a stream of Arrow batches, however many there are.

        Args:
            table: As the method that gives it as a frame.
            market: The market.
            symbol: The symbol.
            start: First moment.
            end: The moment after the last one.
            numbers: How prices and quantities come.
            rows: The most rows of a batch; fewer where they are long.
        """
        _time_of(table)
        key = parse_market(market), parse_symbol(symbol)
        return self._stream(table, key, parse_span(start, end), parse_numbers(numbers), parse_rows(rows))

    def period(self, market: MarketName, symbol: str, table: str = "trades") -> tuple[datetime, datetime] | None:
        """Return the times of the first and the last row of a table; none if it has no row of the symbol."""
        query = sql.SQL(_PERIOD).format(time=sql.Identifier(_time_of(table)), table=sql.Identifier("public", table))
        with self._session.asking() as connection:
            row = connection.execute(query, (parse_market(market), parse_symbol(symbol))).fetchone()
        return None if row is None or row[0] is None else (row[0], row[1])

    def _stream(
        self,
        table: str,
        key: tuple[Market, str],
        span: tuple[datetime | None, datetime | None],
        numbers: Numbers,
        rows: int,
    ) -> Generator[pa.RecordBatch, None, None]:
        with self._session.another() as connection:
            yield from read_batches(connection, table, *key, *span, numbers=numbers, rows=rows)

    def _frame(
        self,
        table: str,
        market: MarketName,
        symbol: str,
        start: Moment | None,
        end: Moment | None,
        numbers: Numbers,
    ) -> pl.DataFrame:
        key = parse_market(market), parse_symbol(symbol)
        span = parse_span(start, end)
        schema = table_schema(table, parse_numbers(numbers))
        with (
            self._session.asking() as connection,
            closing(read_batches(connection, table, *key, *span, numbers=numbers)) as batches,
        ):
            return frame(pa.Table.from_batches(batches, schema=schema))


def _time_of(table: str) -> str:
    """Return the column that a table is cut by."""
    if table not in TIMES:
        msg = f"table: expected one of {', '.join(TIMES)}, received {table!r}"
        raise QuestionError(msg)
    return TIMES[table]
