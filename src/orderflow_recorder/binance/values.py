"""Single values: times to nanoseconds, decimal text checked, names checked.

Each raises `FrameError` with what was expected and what came; who called adds the stream.
"""

import re
from collections.abc import Sequence
from typing import Final

from orderflow_recorder.binance.text import printable
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.records import DecimalText

# Milliseconds stay below 10**14 until the year 5138, microseconds are above it since 1973.
_MICROSECONDS_FROM: Final = 10**14
_YEAR_2200_S: Final = 7_258_118_400
MILLISECONDS_BELOW: Final = _YEAR_2200_S * 1_000
"""A positive time below it is certainly one in milliseconds."""

MAX_CHARACTERS: Final = 16_000
"""``numeric`` holds 131,072 digits before and 16,383 after the point."""

_DIGITS: Final = r"[0-9]++\.?+[0-9]*+|\.[0-9]++"
# Possessive: a text that does not match is refused in linear time.
_match_list = re.compile(rf"(?:(?:{_DIGITS}),)*+").fullmatch
_match_one = re.compile(_DIGITS).fullmatch
_match_signed = re.compile(rf"[+-]?+(?:{_DIGITS})").fullmatch


def to_ns(venue_time: int) -> int:
    """Return ns since the epoch.

    Args:
        venue_time: Milliseconds (13 digits) or microseconds (16 digits); told apart by size.

    Raises:
        FrameError: Not positive, or beyond the year 2200.
    """
    if 0 < venue_time < MILLISECONDS_BELOW:
        return venue_time * 1_000_000
    if _MICROSECONDS_FROM <= venue_time < _YEAR_2200_S * 1_000_000:
        return venue_time * 1_000
    message = f"expected a time in ms or us between 1970 and 2200, received {printable(repr(venue_time))}"
    raise FrameError(message)


def check_decimals(values: Sequence[str]) -> None:
    """Check that every value is digits with at most one point.

    Raises:
        FrameError: One is not, or is longer than ``numeric`` holds.
    """
    if not values:
        return
    text = ",".join(values) + ","
    if not are_decimals(text.encode("utf-8", "replace"), len(values)):
        _match_values(text, values)
    if len(text) > MAX_CHARACTERS and max(map(len, values)) > MAX_CHARACTERS:
        message = f"expected decimal text of at most {MAX_CHARACTERS} characters, received {max(map(len, values))}"
        raise FrameError(message)


def are_decimals(text: bytes, count: int) -> bool:
    """Say whether ``text`` is so many decimal texts, each with a comma behind it.

    Works on all of them at once, because a diff has hundreds: what is left without digits is a comma each, or a
    point and a comma.
    """
    shape = text.translate(None, b"0123456789")
    if shape.replace(b".,", b",") != b"," * count:
        return False
    return not (text.startswith((b",", b".,")) or b",," in text or b",.," in text)


def _match_values(text: str, values: Sequence[str]) -> None:
    # The count: a comma inside a value would look like two values.
    if _match_list(text) is None or text.count(",") != len(values):
        wrong = next(value for value in values if _match_one(value) is None)
        message = f"expected decimal text (digits and one point), received {printable(wrong)!r}"
        raise FrameError(message)


def check_optional_decimal(value: str | None) -> DecimalText | None:
    """Return ``value`` checked; none where it is absent or empty."""
    if not value:
        return None
    check_decimals((value,))
    return value


def check_signed_decimal(value: str | None) -> str | None:
    """Return ``value``, which may have a sign, checked; none where it is absent or empty."""
    if not value:
        return None
    if _match_signed(value) is None or len(value) > MAX_CHARACTERS:
        message = f"expected signed decimal text, received {printable(value)!r}"
        raise FrameError(message)
    return value


def is_zero(value: DecimalText) -> bool:
    """Say whether checked decimal text is zero, however it is written."""
    return not value.strip("0.")


def split_levels(
    bids: list[tuple[str, str]], asks: list[tuple[str, str]]
) -> tuple[list[str], list[str], list[str], list[str]]:
    """Return bid prices, bid quantities, ask prices, ask quantities, all checked.

    Raises:
        FrameError: One of them is not decimal text.
    """
    bid_prices = [level[0] for level in bids]
    bid_quantities = [level[1] for level in bids]
    ask_prices = [level[0] for level in asks]
    ask_quantities = [level[1] for level in asks]
    check_decimals(bid_prices + bid_quantities + ask_prices + ask_quantities)
    return bid_prices, bid_quantities, ask_prices, ask_quantities


def check_symbol(symbol: str) -> str:
    """Return ``symbol`` in upper case.

    Raises:
        FrameError: It is empty, or holds what no symbol holds (spaces, control characters).
    """
    upper = symbol.upper()
    if not upper or not upper.isprintable() or " " in upper:
        message = f"expected a symbol, received {printable(symbol)!r}"
        raise FrameError(message)
    return upper


def check_text(text: str) -> str:
    """Return a word of the venue's (status, order type), which must be printable.

    Raises:
        FrameError: It holds control characters, e.g. NUL, which Postgres cannot store.
    """
    if not text.isprintable():
        message = f"expected printable text, received {printable(text)!r}"
        raise FrameError(message)
    return text
