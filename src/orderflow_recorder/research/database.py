"""A recorded database, to ask questions of."""

from collections.abc import Generator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

import polars as pl

from orderflow_recorder.domain.errors import SinkError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.ledger_reads import Filter
from orderflow_recorder.research.books import Book, BookBreak, BookUpdate, read_book
from orderflow_recorder.research.candles import read_candle_table
from orderflow_recorder.research.decimals import Numbers
from orderflow_recorder.research.iterate import BookReader
from orderflow_recorder.research.ledger import read_holes, read_small_table
from orderflow_recorder.research.pages import PageQuestions
from orderflow_recorder.research.questions import (
    MarketName,
    Moment,
    parse_interval,
    parse_levels,
    parse_market,
    parse_moment,
    parse_numbers,
    parse_span,
    parse_status,
    parse_stream,
    parse_symbol,
)
from orderflow_recorder.research.rows import RowQuestions
from orderflow_recorder.research.session import Session
from orderflow_recorder.research.streaming import frame


def connect(url: str, *, patience_s: float | None = None) -> "Database":
    """Open a recorded database for reading; nothing can be changed through it.

    Args:
        url: As ``orderflow-recorder db url`` prints it.
        patience_s: A question that takes longer fails, seconds; none: each may take as long as it takes.

    Raises:
        SinkUnavailableError: No server answers.
        SinkRefusedError: It refuses, or has another schema than this version's.
        SettingsError: The address is not one.
    """
    return Database(Session(url, patience_s))


class Database(RowQuestions, PageQuestions):
    """A recorded database; a context manager.

    What the methods have in common:

    * ``market`` is ``"spot"`` or ``"usdm"``, ``symbol`` e.g. ``"BTCUSDT"``, both in any case.
    * ``start`` and ``end`` are datetimes or ISO texts, UTC unless they say otherwise; ``start`` is included,
      ``end`` is not, none leaves an end open. They speak of the time by which the rows are ordered: the
      venue's, but for book snapshots, tops and tickers, of which not every row has one, that of receipt.
    * ``numbers`` is ``"exact"`` (``Decimal(38, 18)``), ``"float"``, or ``"text"``: the digits that the venue sent.
    * Times are ``Datetime("us", "UTC")``. A frame of no rows has its columns and types all the same.
      ``.to_arrow()`` makes Arrow of it.

    All raise `QuestionError` for arguments that make no sense, `SinkError` where the database fails, and
    `NumberTooWideError` for an exact number of more than 20 digits before or 18 after the point.
    """

    def __enter__(self) -> Self:
        """Return itself; `close` is called at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def answers(self) -> bool:
        """Say whether the connection is still good."""
        try:
            with self._session.asking() as connection:
                connection.execute("SELECT 1")
        except SinkError:
            return False
        return True

    def one_moment(self) -> AbstractContextManager[None]:
        """Let all questions within see the database as it is now, whatever is written meanwhile."""
        return self._session.one_moment()

    def candles(
        self,
        market: MarketName,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        interval: str | timedelta = "1m",
        numbers: Numbers = "exact",
    ) -> pl.DataFrame:
        """Return the candles that begin in a span; where nothing was traded there is none.

        Args:
            market: The market.
            symbol: The symbol.
            start: First moment.
            end: The moment after the last one.
            interval: Length of a candle: whole seconds, e.g. ``"5s"``, ``"15m"``, ``"4h"``, ``"1d"``, ``"1w"``.
            numbers: How prices and quantities come; ``vwap``, a quotient, is rounded to 18 places.
        """
        key = parse_market(market), parse_symbol(symbol)
        span = parse_span(start, end)
        seconds = parse_interval(interval)
        with self._session.asking() as connection:
            return frame(read_candle_table(connection, key, span, seconds, parse_numbers(numbers)))

    def gaps(
        self,
        market: MarketName | None = None,
        symbol: str | None = None,
        stream: str | None = None,
        *,
        status: str | None = None,
    ) -> pl.DataFrame:
        """Return the ledger of what is missing, healed entries included; times are those of receipt, our clock.

        Args:
            market: Only this market.
            symbol: Only this symbol.
            stream: Only this stream: wire name without the symbol, e.g. ``"trade"``.
            status: Only these: ``"open"``, ``"healed"`` or ``"unrecoverable"``.
        """
        return self._small("gaps", Filter(*_key(market, symbol), stream, parse_status(status)))

    def coverage(
        self, market: MarketName | None = None, symbol: str | None = None, stream: str | None = None
    ) -> pl.DataFrame:
        """Return from where to where each stream is recorded; times are those of receipt, our clock."""
        return self._small("coverage", Filter(*_key(market, symbol), stream))

    def instruments(
        self, market: MarketName | None = None, symbol: str | None = None, *, numbers: Numbers = "exact"
    ) -> pl.DataFrame:
        """Return the symbols as the venue last described them, steps of price and quantity among it."""
        return self._small("instruments", Filter(*_key(market, symbol)), parse_numbers(numbers))

    def holes(
        self,
        market: MarketName,
        symbol: str,
        stream: str,
        start: Moment | None = None,
        end: Moment | None = None,
    ) -> pl.DataFrame:
        """Return what is missing of a stream in a span, by the clock of its rows, and not healed.

        Args:
            market: The market.
            symbol: The symbol.
            stream: Wire name without the symbol, e.g. ``"trade"``, ``"depth@100ms"``.
            start: First moment.
            end: The moment after the last one.

        Returns:
            ``start`` and ``end`` of a hole are the times of the rows on both sides of it, which may lie
            outside of the span; ids are both included, null for streams without.
        """
        known = parse_market(market)
        kind = parse_stream(known, stream)
        span = parse_span(start, end)
        with self._session.asking() as connection:
            return read_holes(connection, (known, parse_symbol(symbol), stream), kind, *span)

    def book(
        self,
        market: MarketName,
        symbol: str,
        at: Moment,
        *,
        levels: int | None = 20,
        numbers: Numbers = "exact",
    ) -> Book:
        """Return the book at an instant of the venue's clock, and whether it can be trusted.

        Args:
            market: The market.
            symbol: The symbol.
            at: The instant; updates of this very moment are part of it.
            levels: Of each side, the best; none: all.
            numbers: How prices and quantities come.
        """
        key = parse_market(market), parse_symbol(symbol)
        moment = parse_moment("at", at)
        with self._session.asking() as connection:
            return read_book(connection, key, moment, parse_levels(levels), parse_numbers(numbers))

    def books(
        self,
        market: MarketName,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        levels: int | None = 20,
        numbers: Numbers = "exact",
    ) -> Generator[BookUpdate | BookBreak, None, None]:
        """Return the books of a span one by one, each as it was right after a book update.

        Where an update does not follow, a `BookBreak` comes in its place, and the books go on with the
        next snapshot or checkpoint that updates reach. Other questions can be asked in between.

        Args:
            market: The market.
            symbol: The symbol.
            start: First moment, event time.
            end: The moment after the last one.
            levels: Of each side, the best; none: all, which takes much longer.
            numbers: How prices and quantities come; decimals have the digits that the venue sent.
        """
        key = parse_market(market), parse_symbol(symbol)
        return self._books(key, parse_span(start, end), parse_levels(levels), parse_numbers(numbers))

    def _books(
        self,
        key: tuple[Market, str],
        span: tuple[datetime | None, datetime | None],
        levels: int | None,
        numbers: Numbers,
    ) -> Generator[BookUpdate | BookBreak, None, None]:
        with self._session.another() as connection:
            yield from BookReader(connection, key, span, levels=levels, numbers=numbers).read()

    def _small(self, table: str, wanted: Filter, numbers: Numbers = "exact") -> pl.DataFrame:
        with self._session.asking() as connection:
            return frame(read_small_table(connection, table, wanted, numbers))


def _key(market: MarketName | None, symbol: str | None) -> tuple[Market | None, str | None]:
    return (
        None if market is None else parse_market(market),
        None if symbol is None else parse_symbol(symbol),
    )
