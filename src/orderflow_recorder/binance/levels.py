"""Levels as the venue writes them, ``[["1.50","2.000"],…]``, cut without looking at a single one."""

from typing import Final

from orderflow_recorder.binance.values import are_decimals
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.records import DecimalText

_DIGITS: Final = b"0123456789"
_MARKS: Final = b'[]"'
_LONGEST_BYTES: Final = 16_000
"""No number can be longer than its side: what is longer may hold one that no column holds."""


def split_side(text: bytes) -> list[DecimalText]:
    """Return price, quantity, price, quantity … of one side of a book.

    Args:
        text: JSON, known to be valid.

    Raises:
        FrameError: There is white space, something else than two decimal texts a level, or very much of it. Who
            wants to know decodes it level by level.
    """
    if text == b"[]":
        return []
    numbers = text.translate(None, _MARKS)
    # What is left without digits says how many levels there are, and that nothing else is there.
    shape = text.translate(None, _DIGITS)
    count = len(shape) // 10
    if not count or shape != b"[" + (b'[".","."],' * count)[:-1] + b"]" or b'"."' in text:
        shape = shape.translate(None, b".")  # not each of them has a point
        count = len(shape) // 8
        fits = count and shape == b"[" + (b'["",""],' * count)[:-1] + b"]"
        if not fits or not are_decimals(numbers + b",", 2 * count):
            raise FrameError("expected levels of two decimal texts each, without white space")
    if len(text) > _LONGEST_BYTES:
        message = f"expected at most {_LONGEST_BYTES} bytes of levels, received {len(text)}"
        raise FrameError(message)
    return numbers.decode().split(",")
