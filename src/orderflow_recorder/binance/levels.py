"""Levels as the venue writes them, ``[["1.50","2.000"],…]``, cut without looking at a single one.

All sides of a block of the journal are cut together: its prices become one text and its quantities another, and
each side a piece of both.
"""

from typing import Final, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from orderflow_recorder.binance.values import MAX_CHARACTERS
from orderflow_recorder.domain.decimal_texts import DecimalTexts
from orderflow_recorder.domain.errors import FrameError

_DIGITS: Final = b"0123456789"
_MARKS: Final = b'[]"'
_EMPTY: Final = msgspec.Raw(b"[]")
_BETWEEN_SIDES: Final = b"]],[["
_BETWEEN_LEVELS: Final = b"],["
_LEVEL: Final = b'["",""],'

_Side: TypeAlias = tuple[msgspec.Raw, DecimalTexts, DecimalTexts]


class UncutLevels:
    """Sides whose prices and quantities are not there yet."""

    def __init__(self) -> None:
        """Begin without any."""
        self._sides: list[_Side] = []

    def add(self, side: msgspec.Raw) -> tuple[DecimalTexts, DecimalTexts]:
        """Return prices and quantities of a side, empty until `cut` (hot path).

        Args:
            side: JSON, known to be valid.
        """
        prices, quantities = DecimalTexts(), DecimalTexts()
        if side != _EMPTY:
            self._sides.append((side, prices, quantities))
        return prices, quantities

    def cut(self) -> None:
        """Give all sides their prices and quantities.

        Raises:
            FrameError: There is white space, something else than two decimal texts a level, or very much of it. Who
                wants to know decodes it level by level.
        """
        if not self._sides:
            return
        text = b",".join([side for side, _, _ in self._sides])
        levels = _levels(text, len(self._sides))
        array = np.frombuffer(b"," + text.translate(None, _MARKS), np.uint8)
        is_comma = array == ord(",")
        begins = np.flatnonzero(is_comma)
        lengths = np.diff(begins, append=len(array))
        _check(array, begins, lengths)
        # A comma and the number behind it are a price, the next ones a quantity, and so on.
        is_price = _is_after_odd(is_comma)
        prices, quantities = array[is_price].tobytes().decode(), array[~is_price].tobytes().decode()
        last = np.cumsum(levels) - 1
        ends = (np.cumsum(of_kind)[last].tolist() for of_kind in (lengths[::2], lengths[1::2]))
        price = quantity = 0
        for (_, its_prices, its_quantities), price_end, quantity_end in zip(self._sides, *ends, strict=True):
            its_prices.text = prices[price + 1 : price_end]
            its_quantities.text = quantities[quantity + 1 : quantity_end]
            price, quantity = price_end, quantity_end


def _is_after_odd(marks: NDArray[np.bool]) -> NDArray[np.bool]:
    """Say of each place whether the number of marks up to it, its own included, is odd: 64 places at once."""
    bits = np.packbits(marks, bitorder="little")
    words = np.zeros(-(-len(bits) // 8), "<u8")
    words.view(np.uint8)[: len(bits)] = bits
    for distance in (1, 2, 4, 8, 16, 32):
        words ^= words << np.uint64(distance)
    odd_words = words >> np.uint64(63)
    words[1:] ^= -np.bitwise_xor.accumulate(odd_words)[:-1]  # all ones where what came before is odd
    return np.unpackbits(words.view(np.uint8), count=len(marks), bitorder="little").view(np.bool)


def _levels(text: bytes, sides: int) -> list[int]:
    """Return how many levels each side has, each two texts of digits and at most one point.

    Args:
        text: The sides, a comma between them.
        sides: How many.
    """
    # What is left without digits and points says that nothing else is there.
    with_points = text.translate(None, _DIGITS)
    shape = with_points.translate(None, b".")
    one_side = shape.replace(_BETWEEN_SIDES, _BETWEEN_LEVELS)
    expected = b"[" + (_LEVEL * (len(one_side) // len(_LEVEL)))[:-1] + b"]"
    # Between two of these is a side without its outer brackets and those of its first and last level.
    levels = [(len(side) + 3) // len(_LEVEL) for side in shape.split(_BETWEEN_SIDES)]
    if one_side != expected or len(levels) != sides or not all(levels) or b".." in with_points:
        raise _unfit()
    return levels


def _check(array: NDArray[np.uint8], begins: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
    """Check that each number has a digit, and is not longer than what a column holds.

    Args:
        array: The characters, a comma before each number.
        begins: Where the commas are.
        lengths: Of the numbers, with their comma.
    """
    shortest = lengths.min()
    alone = shortest == len(",.") and bool((array[begins[lengths == shortest] + 1] == ord(".")).any())
    if shortest == len(",") or alone or lengths.max() > MAX_CHARACTERS:
        raise _unfit()


def _unfit() -> FrameError:
    return FrameError("expected levels of two decimal texts each, without white space")
