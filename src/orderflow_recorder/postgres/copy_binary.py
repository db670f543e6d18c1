"""Trades as rows of COPY's binary format: half of the server's work for text, and less of ours.

Formats: "Binary Format" of COPY in PostgreSQL's manual; ``timestamptz`` is microseconds since 2000-01-01 UTC;
``numeric`` is groups of four digits with the number of decimals beside them, so that every digit of the venue's
text is there again when it is read. Prices and most quantities come again and again: they are kept.
"""

import re
import struct
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final

from orderflow_recorder.domain.records import AggTrade, DecimalText, Trade

_HEADER: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER: Final = b"\xff\xff"

_EPOCH_NS: Final = 946_684_800_000_000_000
_FIRST_NS: Final = -62_135_596_800_000_000_000
_LAST_NS: Final = 253_402_300_799_999_999_999
"""Of the years 1 to 9999, as texts have them, too."""

_GROUP: Final = 4
_is_decimal = re.compile(r"(?=\.?[0-9])[0-9]*\.?[0-9]*", re.ASCII).fullmatch

_id = struct.Struct(">iq").pack
_ids = struct.Struct(">iqiqiq").pack
_end = struct.Struct(">i?iqiqiq").pack
_end_without_event_time = struct.Struct(">i?iqiiq").pack


def encode(row: Callable[[Any], bytes], records: Iterable[Any]) -> bytes:
    """Return everything between ``COPY … FROM STDIN (FORMAT binary)`` and its end.

    Raises:
        ValueError: A record has a value that the column cannot hold.
    """
    try:
        return b"".join((_HEADER, *map(row, records), _TRAILER))
    except struct.error as error:
        message = f"expected numbers of at most 64 bits, received others: {error}"
        raise ValueError(message) from error


def trade_row(row: Trade) -> bytes:
    """Return a trade as one row, its columns in the record's order."""
    return b"".join(
        (
            _begin(row.market, row.symbol, 9),
            _id(8, row.trade_id),
            numeric(row.price),
            numeric(row.quantity),
            _rest(row),
        )
    )


def agg_trade_row(row: AggTrade) -> bytes:
    """Return an aggregate trade as one row, its columns in the record's order."""
    return b"".join(
        (
            _begin(row.market, row.symbol, 11),
            _ids(8, row.agg_trade_id, 8, row.first_trade_id, 8, row.last_trade_id),
            numeric(row.price),
            numeric(row.quantity),
            _rest(row),
        )
    )


def _rest(row: Trade | AggTrade) -> bytes:
    """Return buyer_is_maker and the times."""
    trade_time, event_time, receive_time = row.trade_time, row.event_time, row.receive_time
    sent = trade_time if event_time is None else event_time
    if not (_FIRST_NS <= trade_time <= _LAST_NS and _FIRST_NS <= receive_time <= _LAST_NS >= sent >= _FIRST_NS):
        message = f"expected times between the years 1 and 9999, received {trade_time}, {sent}, {receive_time} ns"
        raise ValueError(message)
    traded, received = (trade_time - _EPOCH_NS) // 1000, (receive_time - _EPOCH_NS) // 1000
    if event_time is None:
        return _end_without_event_time(1, row.buyer_is_maker, 8, traded, -1, 8, received)
    return _end(1, row.buyer_is_maker, 8, traded, 8, (event_time - _EPOCH_NS) // 1000, 8, received)


@lru_cache(maxsize=8192)
def _begin(market: str, symbol: str, columns: int) -> bytes:
    """Return a row's number of columns, and the first two."""
    texts = (market.encode(), symbol.encode())
    return struct.pack(">h", columns) + b"".join(struct.pack(">i", len(text)) + text for text in texts)


@lru_cache(maxsize=65_536)
def numeric(text: DecimalText) -> bytes:
    """Return decimal text as a field of type ``numeric``, its length before it.

    Raises:
        ValueError: It is not digits with at most one point.
    """
    if _is_decimal(text) is None:
        message = f"expected decimal text (digits and at most one point), received {text[:40]!r}"
        raise ValueError(message)
    whole, _, fraction = text.partition(".")
    before = -(-len(whole) // _GROUP)
    after = -(-len(fraction) // _GROUP)
    digits = whole.rjust(before * _GROUP, "0") + fraction.ljust(after * _GROUP, "0")
    groups = [int(digits[place : place + _GROUP]) for place in range(0, len(digits), _GROUP)]
    # The server drops the groups at either end that are zero.
    return struct.pack(f">ihhhh{len(groups)}h", 8 + 2 * len(groups), len(groups), before - 1, 0, len(fraction), *groups)
