"""Both sides of a local book as two arrays of whole numbers: sixteen bytes a level, and no digit is lost.

A text with a known number of decimals is a whole number, ``61737.63`` is 6173763, as long as it is written the usual
way: no zeros before it, no more digits than 64 bits hold, and a point only where decimals follow. Levels that are
written otherwise cannot be packed.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from orderflow_recorder.domain.records import DecimalText

_MOST_DIGITS: Final = 18
_COMMA: Final = ord(",")
_POINT: Final = ord(".")
_ZERO: Final = ord("0")

_Numbers: TypeAlias = NDArray[np.int64]
_Side: TypeAlias = Mapping[DecimalText, DecimalText]

Texts: TypeAlias = tuple[str, str, str, str]
"""Bid prices, bid quantities, ask prices, ask quantities, each with a comma between them."""


class PackedLevels:
    """Levels by side and price, those of quantity zero included.

    Lifecycle: `pack` makes one; `take` changes it, or says that they must be `unpacked`.
    """

    def __init__(self, price_decimals: int, quantity_decimals: int) -> None:
        """Begin without levels.

        Args:
            price_decimals: Of each price.
            quantity_decimals: Of each quantity.
        """
        self._price_decimals = price_decimals
        self._quantity_decimals = quantity_decimals
        # The price of an ask, -1 less the price of a bid: in ascending order the best level of each side comes first.
        self._keys: _Numbers = np.empty(0, np.int64)
        self._quantities: _Numbers = np.empty(0, np.int64)

    @classmethod
    def pack(cls, bids: _Side, asks: _Side, price_decimals: int) -> "PackedLevels | None":
        """Return the levels packed; none where one of them is not written as the others, or there are none.

        Args:
            bids: Quantities by price.
            asks: The same.
            price_decimals: Of the prices.
        """
        first = next(iter((*bids.values(), *asks.values())), None)
        if first is None:
            return None
        levels = cls(price_decimals, len(first.partition(".")[2]))
        packed = levels.take((",".join(bids), ",".join(bids.values()), ",".join(asks), ",".join(asks.values())))
        return levels if packed else None

    def take(self, texts: Texts) -> bool:
        """Set levels, of the same price the last one; return False, and set none, where they cannot be packed."""
        bid_prices, bid_quantities, ask_prices, ask_quantities = texts
        keys = numbers_of(_both(bid_prices, ask_prices), self._price_decimals)
        quantities = numbers_of(_both(bid_quantities, ask_quantities), self._quantity_decimals)
        if keys is None or quantities is None or len(keys) != len(quantities):
            return False
        bids = keys[: _count(bid_prices)]
        np.invert(bids, out=bids)
        places = self._places(keys)  # may make room: before the other
        self._quantities[places] = quantities
        return True

    def drop_zeros(self) -> None:
        """Forget the levels of quantity zero."""
        there = self._quantities != 0
        self._keys, self._quantities = self._keys[there], self._quantities[there]

    def texts(self) -> Texts:
        """Return all of them, the best level first."""
        keys, quantities = self._keys, self._quantities
        asks = int(keys.searchsorted(0))
        return (
            texts_of(~keys[:asks], self._price_decimals),
            texts_of(quantities[:asks], self._quantity_decimals),
            texts_of(keys[asks:], self._price_decimals),
            texts_of(quantities[asks:], self._quantity_decimals),
        )

    def unpacked(self) -> tuple[dict[DecimalText, DecimalText], dict[DecimalText, DecimalText]]:
        """Return bids and asks, quantities by price, the best level first."""
        bid_prices, bid_quantities, ask_prices, ask_quantities = self.texts()
        return _by_price(bid_prices, bid_quantities), _by_price(ask_prices, ask_quantities)

    def _places(self, keys: _Numbers) -> NDArray[np.intp]:
        """Return where these levels are, the new ones among them put in."""
        known = self._keys
        places = known.searchsorted(keys)
        is_new = known.take(places, mode="clip") != keys if len(known) else np.ones(len(keys), np.bool)
        if not is_new.any():
            return places
        new = np.unique(keys[is_new])
        before = known.searchsorted(new)
        self._keys = np.insert(known, before, new)
        self._quantities = np.insert(self._quantities, before, 0)
        places += new.searchsorted(keys)
        return places


def numbers_of(text: str, decimals: int) -> _Numbers | None:
    """Return decimal texts as whole numbers of their last decimal; none where one is not written the usual way.

    Args:
        text: Digits with at most one point each, a comma between them.
        decimals: Of each.
    """
    if not text:
        return np.empty(0, np.int64)
    characters = text.encode() + b","
    digits = characters.translate(None, b".")
    array = np.frombuffer(characters, np.uint8)
    ends = np.flatnonzero(array == _COMMA)
    point = decimals > 0
    # As many points as numbers, and one at the right place in each.
    if len(characters) - len(digits) != len(ends) * point or (point and (array[ends - decimals - 1] != _POINT).any()):
        return None
    whole = ends.copy()
    whole[1:] -= ends[:-1] + 1
    whole -= decimals + point
    begins = ends - decimals - point - whole
    if whole.min() < 1 or whole.max() > _MOST_DIGITS - decimals or ((array[begins] == _ZERO) & (whole > 1)).any():
        return None
    numbers: _Numbers = np.fromstring(digits[:-1], np.int64, sep=",")
    return numbers


def texts_of(numbers: _Numbers, decimals: int) -> str:
    """Return whole numbers of a last decimal as texts, a comma between them.

    Args:
        numbers: None of them below zero.
        decimals: Of each.
    """
    if not len(numbers):
        return ""
    digits = max(len(str(numbers.max())), decimals + 1)
    width = digits + (decimals > 0) + 1
    characters = np.full((width, len(numbers)), _COMMA, np.uint8)
    is_there = np.ones((width, len(numbers)), np.bool)
    row = width - 1
    for digit in range(digits):
        row -= 1
        if digit == decimals and decimals:
            characters[row] = _POINT
            row -= 1
        if digit > decimals:
            is_there[row] = numbers != 0
        rest = numbers // 10
        characters[row] = numbers - rest * 10 + _ZERO
        numbers = rest
    return characters.T[is_there.T].tobytes()[:-1].decode()


def _both(bids: str, asks: str) -> str:
    return f"{bids},{asks}" if bids and asks else bids or asks


def _count(texts: str) -> int:
    return texts.count(",") + 1 if texts else 0


def _by_price(prices: str, quantities: str) -> dict[DecimalText, DecimalText]:
    return dict(zip(prices.split(","), quantities.split(","), strict=True)) if prices else {}
