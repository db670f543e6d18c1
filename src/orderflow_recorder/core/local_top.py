"""The best levels of a local book after each diff, kept sorted: for those who ask for them."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice, takewhile
from typing import Final, TypeAlias

from orderflow_recorder.core.book_levels import BookLevels, is_zero, padded
from orderflow_recorder.domain.records import BookTop, DecimalText, DepthDiff

LOCAL: Final = "local"

_Text: TypeAlias = tuple[DecimalText, DecimalText]
"""Price, quantity."""


class _Side:
    """Texts by price, and the prices in ascending order."""

    def __init__(self, levels: Mapping[DecimalText, DecimalText]) -> None:
        self.texts = {Decimal(price): (price, quantity) for price, quantity in levels.items() if not is_zero(quantity)}
        self.prices = sorted(self.texts)

    def apply(self, prices: Sequence[DecimalText], quantities: Sequence[DecimalText]) -> None:
        for price_text, quantity in zip(prices, quantities, strict=True):
            price = Decimal(price_text)
            if not is_zero(quantity):
                if price not in self.texts:
                    insort(self.prices, price)
                self.texts[price] = price_text, quantity
            elif self.texts.pop(price, None) is not None:
                del self.prices[bisect_left(self.prices, price)]

    def best(self, prices: Iterator[Decimal], levels: int) -> list[_Text]:
        return [self.texts[price] for price in islice(prices, levels)]


class LocalTop:
    """The best levels of one book, as far as the book is known."""

    def __init__(self, levels: int) -> None:
        """Start without a book.

        Args:
            levels: How many of each side.
        """
        self._levels = levels
        self.forget()

    def forget(self) -> None:
        """Begin anew: whatever the next book's best levels are, they are new."""
        self._bids = self._asks = _Side({})
        self._known = Decimal(0), Decimal(0)
        self._decimals = 0
        self._last: object = None

    def take_book(self, book: BookLevels) -> None:
        """Take all levels of a book that began, or learned something."""
        self._bids, self._asks = _Side(book.bids), _Side(book.asks)
        self._known = Decimal(book.known_bid), Decimal(book.known_ask)
        self._decimals = book.decimals

    def take_diff(self, diff: DepthDiff, book: BookLevels) -> None:
        """Take a diff that the book took."""
        self._decimals = book.decimals
        self._bids.apply(diff.bid_prices, diff.bid_quantities)
        self._asks.apply(diff.ask_prices, diff.ask_quantities)

    def look(self, diff: DepthDiff | None) -> BookTop | None:
        """Return the best levels if they are not those of the last look.

        Args:
            diff: The last one taken; none where nobody is to be told.
        """
        known_bid, known_ask = self._known
        bids = self._bids.best(takewhile(lambda price: price >= known_bid, reversed(self._bids.prices)), self._levels)
        asks = self._asks.best(takewhile(lambda price: price <= known_ask, self._asks.prices), self._levels)
        best = _numbers(bids), _numbers(asks)
        if best == self._last:
            return None
        self._last = best
        if diff is None:
            return None
        return BookTop(
            market=diff.market,
            symbol=diff.symbol,
            last_update_id=diff.final_update_id,
            source=LOCAL,
            event_time=diff.event_time,
            receive_time=diff.receive_time,
            bid_prices=[padded(price, self._decimals) for price, _ in bids],
            bid_quantities=[quantity for _, quantity in bids],
            ask_prices=[padded(price, self._decimals) for price, _ in asks],
            ask_quantities=[quantity for _, quantity in asks],
        )


def _numbers(levels: Sequence[_Text]) -> list[Decimal]:
    """Return the numbers alone: a text with other zeros is no change."""
    return [Decimal(text) for level in levels for text in level]
