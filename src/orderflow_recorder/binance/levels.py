"""Levels as the venue writes them, ``[["1.50","2.000"],…]``, cut without looking at a single one."""

from functools import lru_cache
from typing import Final, TypeAlias

from orderflow_recorder.binance.values import are_decimals
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.records import DecimalText

_DIGITS: Final = b"0123456789"
_MARKS: Final = b'[]"'
_LONGEST_BYTES: Final = 32_000
"""No number can be longer than its side: what is longer may hold one that no column holds."""
_EMPTY: Final = b"[]"


_Columns: TypeAlias = tuple[list[DecimalText], list[DecimalText], list[DecimalText], list[DecimalText]]


def split_levels_text(bids: bytes, asks: bytes) -> _Columns:
    """Return prices and quantities of the bids, and prices and quantities of the asks.

    Args:
        bids: JSON, known to be valid.
        asks: The same.

    Raises:
        FrameError: There is white space, something else than two decimal texts a level, or very much of it. Who
            wants to know decodes it level by level.
    """
    if bids == _EMPTY:
        numbers = [] if asks == _EMPTY else _numbers(asks)
        return [], [], numbers[::2], numbers[1::2]
    if asks == _EMPTY:
        numbers = _numbers(bids)
        return numbers[::2], numbers[1::2], [], []
    numbers = _numbers(bids + b"," + asks, sides=2)
    cut = 2 * bids.count(b'","')
    return numbers[:cut:2], numbers[1:cut:2], numbers[cut::2], numbers[cut + 1 :: 2]


def _numbers(text: bytes, *, sides: int = 1) -> list[DecimalText]:
    # What is left without digits says how many levels there are, and that nothing else is there.
    shape = text.translate(None, _DIGITS)
    numbers = text.translate(None, _MARKS)
    if sides == 2:  # noqa: PLR2004  # bids and asks: now they are one array
        shape = shape.replace(b"]],[[", b"],[", 1)
    levels = len(shape) // 10
    if not levels or shape != _with_points(levels) or b'"."' in text:
        shape = shape.translate(None, b".")  # not each of them has a point
        levels = len(shape) // 8
        fits = levels and shape == b"[" + (b'["",""],' * levels)[:-1] + b"]"
        if not fits or not are_decimals(numbers + b",", 2 * levels):
            raise FrameError("expected levels of two decimal texts each, without white space")
    if len(text) > _LONGEST_BYTES:
        message = f"expected at most {_LONGEST_BYTES} bytes of levels, received {len(text)}"
        raise FrameError(message)
    return numbers.decode().split(",")


@lru_cache(maxsize=1024)
def _with_points(levels: int) -> bytes:
    """Return what so many levels look like without digits, if each number has a point."""
    return b"[" + (b'[".","."],' * levels)[:-1] + b"]"
