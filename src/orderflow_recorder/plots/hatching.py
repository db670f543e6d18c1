"""Hatching: parallel lines over what is not known. Charts know no patterns, so the lines are data."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from math import ceil, floor
from typing import Final

import msgspec

SPACING: Final = 10
"""Pixels between two lines, along either axis."""


class Area(msgspec.Struct, frozen=True):
    """What a panel spans, and how large it is drawn."""

    start: datetime
    end: datetime
    low: float
    high: float
    width: int
    height: int


class Line(msgspec.Struct, frozen=True):
    """A line from one corner to another of what it crosses."""

    start: datetime
    end: datetime
    low: float
    high: float


Box = tuple[datetime, datetime, float, float]
"""Start, end, low, high."""


def hatching(area: Area, boxes: Sequence[Box]) -> Iterator[Line]:
    """Yield the pieces of lines within ``boxes``; they all belong to one family over the whole area.

    Args:
        area: Of the panel.
        boxes: What is hatched.
    """
    time, price = (area.end - area.start) / area.width, (area.high - area.low) / area.height
    for start, end, low, high in boxes:
        left, right = (start - area.start) / time, (end - area.start) / time
        bottom, top = (low - area.low) / price, (high - area.low) / price
        # Upright minus across is the same all along a line.
        for number in range(ceil((bottom - right) / SPACING), floor((top - left) / SPACING) + 1):
            first, last = max(left, bottom - number * SPACING), min(right, top - number * SPACING)
            if first < last:
                yield Line(
                    area.start + first * time,
                    area.start + last * time,
                    area.low + (first + number * SPACING) * price,
                    area.low + (last + number * SPACING) * price,
                )
