r"""Records as lines of COPY's text format, and the layouts of all that is copied.

Prices and quantities go through as the digits the venue sent (their type promises nothing but
digits, a point and at most a sign), so nothing is rounded and nothing is parsed. Everything else
that is text is escaped. Times are cut from ns to us, which is what ``timestamptz`` holds.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Final

import msgspec

from orderflow_recorder.domain.decimal_texts import joined
from orderflow_recorder.domain.events import RecorderEvent
from orderflow_recorder.domain.records import (
    AggTrade,
    BookSnapshot,
    BookTicker,
    BookTop,
    DepthDiff,
    Liquidation,
    MarkPrice,
    Trade,
)
from orderflow_recorder.postgres import copy_binary

_NULL: Final = r"\N"
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_NS: Final = 1_000_000_000


@lru_cache(maxsize=4096)  # the frames of one read have one receive time, and many of one millisecond come together
def timestamp(time_ns: int) -> str:
    """Return ``time_ns`` as Postgres reads it, e.g. ``2024-08-08 23:54:15.208123+00``.

    Args:
        time_ns: ns since the epoch; cut to us.

    Raises:
        ValueError: It is outside the years 1 to 9999.
    """
    digits = str(time_ns)
    if time_ns < _NS:  # 1970-01-01 00:00:00 or before: too few digits to cut, or a sign
        seconds, rest = divmod(time_ns, _NS)
        digits = f"{seconds}{rest:09d}"
    # Cutting the decimal text costs two thirds of divmod and a zero-padded format.
    return f"{_second(digits[:-9])}{digits[-9:-3]}+00"


@lru_cache(maxsize=1024)
def _second(seconds: str) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).isoformat(" ")[:19] + "."
    except (ValueError, OverflowError, OSError) as error:
        message = f"expected a time between the years 1 and 9999, received {seconds} s since 1970"
        raise ValueError(message) from error


def escape(value: str) -> str:
    """Return ``value`` with what COPY gives a meaning escaped."""
    return value.translate(_ESCAPES)


@lru_cache(maxsize=8192)
def _key(market: str, symbol: str) -> str:
    return f"{escape(market)}\t{escape(symbol)}"


def _maybe_time(time_ns: int | None) -> str:
    return _NULL if time_ns is None else timestamp(time_ns)


def _maybe(value: str | int | None) -> str | int:
    return _NULL if value is None else value


def _maybe_text(value: str | None) -> str:
    return _NULL if value is None else escape(value)


def _sides(row: DepthDiff | BookSnapshot | BookTop) -> str:
    return (
        f"{{{joined(row.bid_prices)}}}\t{{{joined(row.bid_quantities)}}}\t"
        f"{{{joined(row.ask_prices)}}}\t{{{joined(row.ask_quantities)}}}"
    )


def _depth_diff(row: DepthDiff) -> str:
    return (
        f"{_key(row.market, row.symbol)}\t{row.first_update_id}\t{row.final_update_id}\t"
        f"{_maybe(row.previous_final_update_id)}\t{timestamp(row.event_time)}\t{_maybe_time(row.transaction_time)}\t"
        f"{timestamp(row.receive_time)}\t{_sides(row)}\n"
    )


def _book_snapshot(row: BookSnapshot) -> str:
    return (
        f"{_key(row.market, row.symbol)}\t{row.last_update_id}\t{escape(row.source)}\t"
        f"{timestamp(row.receive_time)}\t{_sides(row)}\t{_maybe(row.known_bid)}\t{_maybe(row.known_ask)}\n"
    )


def _book_top(row: BookTop) -> str:
    return (
        f"{_key(row.market, row.symbol)}\t{row.last_update_id}\t{escape(row.source)}\t"
        f"{_maybe_time(row.event_time)}\t{timestamp(row.receive_time)}\t{_sides(row)}\n"
    )


def _book_ticker(row: BookTicker) -> str:
    return (
        f"{_key(row.market, row.symbol)}\t{row.update_id}\t{row.bid_price}\t{row.bid_quantity}\t"
        f"{row.ask_price}\t{row.ask_quantity}\t{_maybe_time(row.event_time)}\t"
        f"{_maybe_time(row.transaction_time)}\t{timestamp(row.receive_time)}\n"
    )


def _mark_price(row: MarkPrice) -> str:
    return (
        f"{_key(row.market, row.symbol)}\t{row.mark_price}\t{_maybe(row.average_mark_price)}\t{row.index_price}\t"
        f"{_maybe(row.estimated_settle_price)}\t{_maybe(row.funding_rate)}\t{_maybe_time(row.next_funding_time)}\t"
        f"{timestamp(row.event_time)}\t{timestamp(row.receive_time)}\n"
    )


def _liquidation(row: Liquidation) -> str:
    return (
        f"{_key(row.market, row.symbol)}\t{escape(row.side)}\t{escape(row.order_type)}\t"
        f"{escape(row.time_in_force)}\t{row.price}\t{row.average_price}\t{row.quantity}\t"
        f"{row.last_filled_quantity}\t{row.filled_quantity}\t{escape(row.status)}\t"
        f"{timestamp(row.trade_time)}\t{timestamp(row.event_time)}\t{timestamp(row.receive_time)}\n"
    )


def _event(row: RecorderEvent) -> str:
    detail = escape(msgspec.json.encode(row.detail).decode())
    return (
        f"{timestamp(row.time)}\t{escape(row.event)}\t{escape(row.instance)}\t{escape(row.run_id)}\t"
        f"{_maybe_text(row.market)}\t{_maybe_text(row.symbol)}\t{_maybe(row.connection)}\t{_maybe(row.epoch)}\t"
        f"{detail}\n"
    )


def encode(line: Callable[[Any], str], records: Iterable[Any]) -> bytes:
    """Return what goes between ``COPY … FROM STDIN`` and its end.

    Raises:
        ValueError: A record has a value that has no text form.
    """
    return "".join(map(line, records)).encode()


class Layout(msgspec.Struct, frozen=True):
    """Where records of one type go, and as what.

    Attributes:
        table: Name in schema public.
        columns: In the order of the fields of a row: those of the record, without its stream.
        key: Columns of the table's unique index, in its order.
        encode: Returns records as COPY takes them; raises ValueError or TypeError for a value that has no
            such form.
        form: Which of COPY's formats that is, ``text`` or ``binary``.
    """

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    encode: Callable[[Iterable[Any]], bytes]
    form: str = "text"


_NOT_STORED: Final = ("stream", "archived")
"""Fields for the ledger alone."""


def _columns(record: type[msgspec.Struct]) -> tuple[str, ...]:
    return tuple(field for field in record.__struct_fields__ if field not in _NOT_STORED)


def _layout(record: type[msgspec.Struct], table: str, line: Callable[[Any], str], *key: str) -> Layout:
    return Layout(table, _columns(record), key, partial(encode, line))


def _binary(record: type[msgspec.Struct], table: str, row: Callable[[Any], bytes], *key: str) -> Layout:
    return Layout(table, _columns(record), key, partial(copy_binary.encode, row), "binary")


LAYOUTS: Final[Mapping[type[msgspec.Struct], Layout]] = {
    Trade: _binary(Trade, "trades", copy_binary.trade_row, "market", "symbol", "trade_time", "trade_id"),
    AggTrade: _binary(
        AggTrade, "agg_trades", copy_binary.agg_trade_row, "market", "symbol", "trade_time", "agg_trade_id"
    ),
    DepthDiff: _layout(DepthDiff, "depth_diffs", _depth_diff, "market", "symbol", "event_time", "final_update_id"),
    BookSnapshot: _layout(
        BookSnapshot, "book_snapshots", _book_snapshot, "market", "symbol", "receive_time", "last_update_id", "source"
    ),
    BookTop: _layout(BookTop, "book_tops", _book_top, "market", "symbol", "receive_time", "last_update_id", "source"),
    BookTicker: _layout(BookTicker, "book_tickers", _book_ticker, "market", "symbol", "receive_time", "update_id"),
    MarkPrice: _layout(MarkPrice, "mark_prices", _mark_price, "market", "symbol", "event_time"),
    Liquidation: _layout(Liquidation, "liquidations", _liquidation, "market", "symbol", "event_time", "side"),
    RecorderEvent: _layout(
        RecorderEvent,
        "sync_events",
        _event,
        *("instance", "run_id", "time", "event", "market", "symbol", "connection"),
    ),
}
"""Every record type that is copied; in this order, so that two writers meet tables alike."""
