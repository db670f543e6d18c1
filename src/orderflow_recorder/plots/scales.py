"""Steps of time and price: how a period and a range of prices are cut so that a picture stays small."""

from datetime import datetime, timedelta
from math import ceil, floor, log10
from typing import Final

import msgspec
import polars as pl

TIME_STEPS_US: Final = tuple(
    [first * scale for scale in (1_000, 10_000, 100_000, 1_000_000) for first in (1, 2, 5)]
    + [seconds * 1_000_000 for seconds in (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200)]
    + [days * 86_400_000_000 for days in (1, 2, 7, 14, 28)]
)
"""Lengths that people count in, µs, ascending."""
_PRICE_FIRSTS: Final = (1, 2, 5, 10)
_RARE: Final = 0.005
"""Share of the steps that may lie outside of the usual prices, on either side."""
_REACH: Final = 1.0
"""What is shown beyond the usual prices, if there was a trade: so many times their range."""
_PAD: Final = 0.06
"""Room above and below, as a share of the range."""
_LEAST: Final = 1e-4
"""The least room, as a share of the price."""
_EDGE: Final = 1e-6
"""Share of a bin: a price so close below an edge is on it. Prices are decimals, their floats may lie just beside."""


def time_step(length: timedelta, most: int) -> timedelta:
    """Return the shortest length that people count in, of which at most ``most`` fill ``length``.

    Args:
        length: Of the period.
        most: Steps, at most; very long periods may take more.
    """
    wanted = length / timedelta(microseconds=1) / most
    return timedelta(microseconds=next((step for step in TIME_STEPS_US if step >= wanted), TIME_STEPS_US[-1]))


class PriceGrid(msgspec.Struct, frozen=True):
    """Prices cut into bins; bin ``n`` is from ``n * width`` to ``(n + 1) * width``.

    Attributes:
        width: Of a bin, quote asset: 1, 2 or 5 times a power of ten.
        first: Number of the lowest bin.
        last: Number of the highest bin.
    """

    width: float
    first: int
    last: int

    def bin_of(self, price: float) -> int:
        """Return the number of the bin that a price is in, also beyond the grid."""
        return floor(price / self.width + _EDGE)

    def edge(self, number: int) -> float:
        """Return the lower edge of a bin, quote asset, without the digits that floats add."""
        return float(f"{number * self.width:.12g}")

    @property
    def low(self) -> float:
        """Return the lowest price of the grid."""
        return self.edge(self.first)

    @property
    def high(self) -> float:
        """Return the price that the grid ends at."""
        return self.edge(self.last + 1)


def price_grid(low: float, high: float, most: int, *, least: float = 0.0) -> PriceGrid:
    """Return a grid of at most ``most`` bins that holds all prices from ``low`` to ``high``.

    Args:
        low: Lowest price, above 0.
        high: Highest price.
        most: Bins, at least 2.
        least: Width that a bin has at least: between two prices that can be, there is nothing to show.
    """
    # Two bins more may be needed where the edges do not fall on the ends.
    wanted = max((high - low) / max(1, most - 2), low * 1e-9, least)
    scale = 10.0 ** floor(log10(wanted))
    width = next(float(f"{first * scale:.12g}") for first in _PRICE_FIRSTS if first * scale >= wanted * (1 - _EDGE))
    return PriceGrid(
        width, floor(low / width + _EDGE), max(ceil(high / width - _EDGE) - 1, floor(high / width + _EDGE))
    )


def shown_prices(path: pl.DataFrame) -> tuple[float, float]:
    """Return the prices that a picture spans: a lone trade far away must not flatten all others.

    Args:
        path: Price, low and high of each small step; not empty.
    """
    low, high = (path["price"].quantile(share, "nearest") or 0.0 for share in (_RARE, 1 - _RARE))
    reach = max((high - low) * _REACH, high * _LEAST)
    lowest, highest = path.select(pl.col("low").min(), pl.col("high").max()).row(0)
    pad = max((high - low) * _PAD, high * _LEAST)
    return (lowest if lowest >= low - reach else low) - pad, (highest if highest <= high + reach else high) + pad


def edges(start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    """Return the ends of the steps of a period, the last one cut off at its end."""
    count = ceil((end - start) / step)
    return [min(start + step * number, end) for number in range(1, count + 1)]
