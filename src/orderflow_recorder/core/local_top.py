"""The best levels of a local book after each diff, kept sorted: for those who ask for them."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice, takewhile
from typing import Final, TypeAlias

from orderflow_recorder.core.book_levels import BookLevels
from orderflow_recorder.core.level_texts import AmbiguousPriceError, is_zero, padded
from orderflow_recorder.domain.records import BookTop, DecimalText, DepthDiff

LOCAL: Final = "local"

_Text: TypeAlias = tuple[DecimalText, DecimalText]
"""Price, quantity."""


class _Side:
    """Texts by price, and the prices in ascending order: as floats, which are fast, while they tell prices apart."""

    def __init__(self, levels: Mapping[DecimalText, DecimalText]) -> None:
        self.texts: dict[float, _Text] = {}
        self.prices: list[float] = []
        for price, quantity in levels.items():
            if not is_zero(quantity):
                number = float(price)
                self._check(self.texts.get(number), price)
                self.texts[number] = price, quantity
        self.prices = sorted(self.texts)

    def apply(self, prices: Sequence[DecimalText], quantities: Sequence[DecimalText]) -> None:
        texts = self.texts
        for price, quantity in zip(prices, quantities, strict=True):
            number = float(price)
            known = texts.get(number)
            if known is not None and known[0] != price:
                self._check(known, price)
            if not is_zero(quantity):
                texts[number] = price, quantity
                if known is None:
                    insort(self.prices, number)
            elif known is not None:
                del texts[number]
                del self.prices[bisect_left(self.prices, number)]

    def best(self, prices: Iterator[float], levels: int) -> list[_Text]:
        return [self.texts[price] for price in islice(prices, levels)]

    @staticmethod
    def _check(known: _Text | None, price: DecimalText) -> None:
        if known is not None and Decimal(known[0]) != Decimal(price):
            raise AmbiguousPriceError([known[0], price])


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
        self._known = 0.0, 0.0
        self._decimals = 0
        self._last: tuple[list[_Text], list[_Text]] | None = None

    def take_book(self, book: BookLevels) -> None:
        """Take all levels of a book that began, or learned something."""
        self._bids, self._asks = _Side(book.bids), _Side(book.asks)
        self._known = float(book.known_bid), float(book.known_ask)
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
        last, self._last = self._last, (bids, asks)
        if diff is None or (last is not None and _same(last[0], bids) and _same(last[1], asks)):
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


def _same(before: Sequence[_Text], after: Sequence[_Text]) -> bool:
    """Say whether levels are the same numbers; a text with other zeros is no change."""
    if before == after:
        return True
    return len(before) == len(after) and all(
        Decimal(old) == Decimal(new) for pair in zip(before, after, strict=True) for old, new in zip(*pair, strict=True)
    )
