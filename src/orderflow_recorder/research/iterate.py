"""All books of a span, one after the other, read bit by bit."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import chain, count
from typing import Any, Final, LiteralString, TypeAlias

import psycopg

from orderflow_recorder.core.order_book import OrderBook
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DecimalText, DepthDiff
from orderflow_recorder.research.books import BookBreak, BookUpdate, Level
from orderflow_recorder.research.decimals import Numbers
from orderflow_recorder.research.rebuild import Base, Rebuild

# Minus infinity has no datetime: no bound at all says the same.
_BASIS: Final[LiteralString] = """
SELECT last_update_id, nullif(since, '-infinity'), reason
FROM public.book_basis(%(market)s, %(symbol)s, %(at)s)
"""

# Lists as one text are split in Python: an array of texts takes three times as long to read.
_DIFFS: Final[LiteralString] = """
SELECT first_update_id, final_update_id, previous_final_update_id, event_time, receive_time,
       bid_prices::text, bid_quantities::text, ask_prices::text, ask_quantities::text
FROM public.depth_diffs
WHERE market = %(market)s AND symbol = %(symbol)s
  AND event_time >= coalesce(%(since)s::timestamptz, '-infinity')
  AND event_time < coalesce(%(end)s::timestamptz, 'infinity')
  AND final_update_id > %(after)s
ORDER BY event_time, final_update_id
"""

_NEXT_DIFF: Final[LiteralString] = """
SELECT first_update_id, final_update_id, previous_final_update_id, event_time, receive_time, '{}', '{}', '{}', '{}'
FROM public.depth_diffs
WHERE market = %(market)s AND symbol = %(symbol)s AND event_time >= %(end)s
ORDER BY event_time, final_update_id LIMIT 1
"""

_BASES: Final[LiteralString] = """
SELECT last_update_id, source, receive_time, known_bid, known_ask
FROM public.book_snapshots
WHERE market = %(market)s AND symbol = %(symbol)s AND last_update_id >= %(first)s
ORDER BY last_update_id, source DESC, receive_time
"""

_BASE: Final[LiteralString] = """
SELECT bid_prices::text, bid_quantities::text, ask_prices::text, ask_quantities::text, known_bid::text, known_ask::text
FROM public.book_snapshots
WHERE market = %(market)s AND symbol = %(symbol)s
  AND receive_time = %(receive_time)s AND last_update_id = %(last_update_id)s AND source = %(source)s
"""

_GAP: Final[LiteralString] = """
SELECT stream, cause, status, reason
FROM public.gaps
WHERE market = %(market)s AND symbol = %(symbol)s AND stream LIKE 'depth%%' AND status <> 'healed'
  AND last_missing_id >= %(first)s AND first_missing_id <= %(last)s
ORDER BY first_missing_id LIMIT 1
"""

_Row: TypeAlias = tuple[DepthDiff, datetime, datetime]
"""A diff without its times, event time, receive time."""

_NO_BASE: Final = "no snapshot or checkpoint up to this instant"
_INSTANT: Final = timedelta(microseconds=1)
_NAMES: Final = count(1)
_DIFFS_AT_ONCE: Final = 500
_BASES_AT_ONCE: Final = 100


class BookReader:
    """The books of one symbol and span."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        key: tuple[Market, str],
        span: tuple[datetime | None, datetime | None],
        *,
        levels: int | None,
        numbers: Numbers,
    ) -> None:
        """Look where the book begins.

        Args:
            connection: In a transaction that sees one moment; used by nobody else.
            key: Market and symbol.
            span: First moment and the one after the last, aware; none: open.
            levels: Of each side, the best; none: all.
            numbers: How prices and quantities come.
        """
        self._connection = connection
        self._market, self._symbol = key
        self._key = {"market": self._market, "symbol": self._symbol}
        self._start, self._end = span
        self._levels = levels
        self._numbers = numbers

    def read(self) -> Iterator[BookUpdate | BookBreak]:
        """Yield the book after each diff, and a break where one does not follow."""
        base, since, reason = self._basis()
        rows = chain(self._diffs(since, base), self._diff_after_end())
        first = next(rows, None)
        if first is None:
            return
        rebuild = Rebuild(self._market, self._bases(_start(self._market, first[0]) if base is None else base))
        reached: int | None = None
        broken = base is None and self._start is not None
        if broken:
            yield self._break(None, first[0], first[1], reason)
        for diff, event_time, receive_time in chain([first], rows):
            hole = rebuild.take(diff)
            if hole is not None:
                yield self._break(hole.after, diff, event_time, None)
                broken = True
            elif rebuild.book is None and not broken:
                yield self._break(None, diff, event_time, reason)
                broken = True
            if rebuild.book is None or rebuild.book.last_update_id == reached:
                continue
            broken = False
            reached = rebuild.book.last_update_id
            if self._end is not None and event_time >= self._end:
                return
            if self._start is None or event_time >= self._start:
                yield self._update(rebuild.book, event_time, receive_time)

    def _basis(self) -> tuple[int | None, datetime | None, str]:
        """Return what the book right before the span is built from: base, and since when diffs follow; or why not."""
        if self._start is None:
            return None, None, _NO_BASE
        row = self._connection.execute(_BASIS, {**self._key, "at": self._start - _INSTANT}).fetchone()
        base, since, reason = row or (None, None, _NO_BASE)
        return base, self._start if base is None else since, reason

    def _diffs(self, since: datetime | None, base: int | None) -> Iterator[_Row]:
        parameters = {**self._key, "since": since, "end": self._end, "after": -1 if base is None else base}
        with self._connection.cursor(name=f"diffs_{next(_NAMES)}") as cursor:
            cursor.itersize = _DIFFS_AT_ONCE
            for row in cursor.execute(_DIFFS, parameters):
                yield self._row(*row)

    def _diff_after_end(self) -> Iterator[_Row]:
        """Yield the first diff after the span: what is missing at the end of the span shows there."""
        if self._end is not None:
            for row in self._connection.execute(_NEXT_DIFF, {**self._key, "end": self._end}):
                yield self._row(*row)

    def _row(
        self,
        first: int,
        final: int,
        previous: int | None,
        event_time: datetime,
        receive_time: datetime,
        *sides: str,
    ) -> _Row:
        lists = map(_split, sides)
        diff = DepthDiff(self._market, self._symbol, first, final, previous, 0, None, 0, *lists)  # type: ignore[arg-type]  # four
        return diff, event_time, receive_time

    def _bases(self, first: int) -> Iterator[Base]:
        with self._connection.cursor(name=f"bases_{next(_NAMES)}") as cursor:
            cursor.itersize = _BASES_AT_ONCE
            for last_update_id, source, receive_time, known_bid, known_ask in cursor.execute(
                _BASES, {**self._key, "first": first}
            ):
                yield Base(
                    last_update_id, known_bid, known_ask, partial(self._base, last_update_id, source, receive_time)
                )

    def _base(self, last_update_id: int, source: str, receive_time: datetime) -> BookSnapshot:
        row = self._connection.execute(
            _BASE, {**self._key, "receive_time": receive_time, "last_update_id": last_update_id, "source": source}
        ).fetchone()
        bids, bid_quantities, asks, ask_quantities, *known = row  # type: ignore[misc]  # it is there at this moment
        sides = (_split(bids), _split(bid_quantities), _split(asks), _split(ask_quantities))
        return BookSnapshot(self._market, self._symbol, last_update_id, source, 0, *sides, *known)

    def _update(self, book: OrderBook, event_time: datetime, receive_time: datetime) -> BookUpdate:
        bids, asks = book.bids(self._levels), book.asks(self._levels)
        at = event_time, receive_time, book.last_update_id
        if self._numbers == "exact":
            return BookUpdate(*at, bids, asks, book.worst_bid, book.worst_ask)
        convert = float if self._numbers == "float" else _text
        known = (None if one is None else convert(one) for one in (book.worst_bid, book.worst_ask))
        return BookUpdate(*at, _converted(bids, convert), _converted(asks, convert), *known)

    def _break(self, after: int | None, diff: DepthDiff, event_time: datetime, reason: str | None) -> BookBreak:
        """Return a break before ``diff``.

        Args:
            after: Last update id of the book that ended; none where there was none.
            diff: The first one that does not follow.
            event_time: Of ``diff``.
            reason: Why there is none; none: ask the ledger.
        """
        first = None if after is None else after + 1
        last = _start(self._market, diff)
        return BookBreak(event_time, first, last, reason or self._gap(first or last, last))

    def _gap(self, first: int, last: int) -> str:
        row = self._connection.execute(_GAP, {**self._key, "first": first, "last": last}).fetchone()
        if row is None:
            return f"update ids {first} to {last} are missing, cause unknown: the ledger does not have them"
        stream, cause, status, reason = row
        return (
            f"update ids {first} to {last} of {stream} are missing: {cause}, {status}{f' ({reason})' if reason else ''}"
        )


def _split(side: str) -> list[DecimalText]:
    return side[1:-1].split(",") if side != "{}" else []


def _converted(levels: Sequence[tuple[Decimal, Decimal]], convert: Callable[[Decimal], float | str]) -> list[Level]:
    return [(convert(price), convert(quantity)) for price, quantity in levels]  # type: ignore[misc]  # both alike


def _text(number: Decimal) -> str:
    return f"{number:f}"


def _start(market: Market, diff: DepthDiff) -> int:
    """Return the update id up to which everything must be known for ``diff`` to follow."""
    if market is Market.USDM and diff.previous_final_update_id is not None:
        return diff.previous_final_update_id
    return diff.first_update_id - 1
