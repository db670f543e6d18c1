"""A made-up order book that moves plausibly: integers only, deterministic for its random source."""

import random
from typing import Final

import msgspec

LEVELS: Final = 200
"""Levels a side at the start; the outer edge is filled up again when levels go."""
_FEWEST: Final = 100
_MOST: Final = 400


class Fill(msgspec.Struct, frozen=True, gc=False):
    """A part of a taker order: price and quantity in steps."""

    price: int
    quantity: int


class SyntheticBook:
    """Bids and asks in price steps; never crossed, never empty.

    ``changed_bids`` and ``changed_asks`` collect the prices that changed until somebody clears them.
    """

    def __init__(self, rng: random.Random, mid: int, typical_quantity: int) -> None:
        """Fill both sides around ``mid``.

        Args:
            rng: Source of every choice.
            mid: Price in steps.
            typical_quantity: Of one level, in steps.
        """
        self._rng = rng
        self._typical = typical_quantity
        self.bids: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        for distance in range(1, LEVELS + 1):
            self.bids[mid - distance] = self._quantity()
            self.asks[mid + distance - 1] = self._quantity()
        self.best_bid = mid - 1
        self.best_ask = mid

    def drift(self) -> list[tuple[bool, int]]:
        """Change some levels near the best prices, and sometimes the best prices themselves.

        Returns:
            The changed places: is it a bid, and the price.
        """
        rng = self._rng
        changed = []
        for _ in range(rng.randint(2, 10)):
            is_bid = rng.random() < 0.5  # noqa: PLR2004  # a coin
            distance = min(int(rng.expovariate(0.1)), LEVELS)
            price = max(1, self.best_bid - distance) if is_bid else self.best_ask + distance
            gone = distance > 0 and rng.random() < 0.25  # noqa: PLR2004  # one change in four removes
            changed += self._set(price, 0 if gone else self._quantity(), is_bid=is_bid)
        while self.best_ask - self.best_bid > 1 and rng.random() < 0.8:  # noqa: PLR2004  # the spread closes
            is_bid = rng.random() < 0.5  # noqa: PLR2004  # a coin
            changed += self._set(self.best_bid + 1 if is_bid else self.best_ask - 1, self._quantity(), is_bid=is_bid)
        return changed

    def take(self, *, buy: bool) -> tuple[list[Fill], list[tuple[bool, int]]]:
        """Carry out a taker order against the best levels.

        Returns:
            Its fills in order, and the changed places.
        """
        fills: list[Fill] = []
        changed: list[tuple[bool, int]] = []
        left = max(1, int(self._rng.expovariate(2.0) * self._typical))
        while left > 0 and len(fills) < 4:  # noqa: PLR2004  # an order meets at most four makers
            price = self.best_ask if buy else self.best_bid
            side = self.asks if buy else self.bids
            quantity = min(left, max(1, side[price] // self._rng.randint(1, 3)), side[price])
            fills.append(Fill(price, quantity))
            changed += self._set(price, side[price] - quantity, is_bid=not buy)
            left -= quantity
        return fills, changed

    def _set(self, price: int, quantity: int, *, is_bid: bool) -> list[tuple[bool, int]]:
        side = self.bids if is_bid else self.asks
        changed = [(is_bid, price)]
        if quantity:
            side[price] = quantity
        else:
            side.pop(price, None)
        if is_bid and (price > self.best_bid or self.best_bid not in side):
            self.best_bid = max(side)
        elif not is_bid and (price < self.best_ask or self.best_ask not in side):
            self.best_ask = min(side)
        if not _FEWEST <= len(side) <= _MOST:
            changed.append((is_bid, self._move_edge(side, is_bid=is_bid)))
        return changed

    def _move_edge(self, side: dict[int, int], *, is_bid: bool) -> int:
        edge = min(side) if is_bid else max(side)
        if len(side) > _MOST:
            del side[edge]
        else:
            edge = max(1, edge - 1) if is_bid else edge + 1
            side[edge] = self._quantity()
        return edge

    def _quantity(self) -> int:
        return max(1, int(self._rng.expovariate(1.0) * self._typical))
