"""The best levels of a book, worked out when somebody looks.

A book of texts (`core.book_levels`) is not sorted. A view keeps its best levels sorted, and learns at each look
only what was touched since the last one.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from heapq import nlargest, nsmallest
from typing import Final, TypeAlias

from orderflow_recorder.core.book_levels import BookLevels
from orderflow_recorder.core.level_texts import is_zero, padded
from orderflow_recorder.domain.records import DecimalText, DepthDiff

KEPT: Final = 100
"""Levels of a side that are found at once; as they are used up, they are found anew."""
_MOST: Final = 4 * KEPT

Sides: TypeAlias = tuple[list[tuple[DecimalText, DecimalText]], list[tuple[DecimalText, DecimalText]]]
"""Bids and asks, each price and quantity, best first."""


class _Window:
    """The best levels of one side, and their texts."""

    def __init__(self, side: Mapping[DecimalText, DecimalText], known: DecimalText, *, highest_first: bool) -> None:
        self._highest_first = highest_first
        edge = Decimal(known)
        prices = ((Decimal(price), price) for price, quantity in side.items() if not is_zero(quantity))
        if highest_first:
            best = nlargest(KEPT, (price for price in prices if price[0] >= edge))[::-1]
        else:
            best = nsmallest(KEPT, (price for price in prices if price[0] <= edge))
        self._prices = best  # ascending, on both sides
        self._whole = len(best) < KEPT
        # Beyond the outermost level that is kept nothing is known here; where all are, beyond the edge of the book.
        self._edge = edge if self._whole else best[0][0] if highest_first else best[-1][0]
        self._about = float(self._edge)

    def touch(self, texts: Sequence[DecimalText], side: Mapping[DecimalText, DecimalText], decimals: int) -> None:
        """Learn whether there are levels at some prices (hot path).

        Args:
            texts: The prices.
            side: All levels, zeros among them.
            decimals: Of its prices.
        """
        edge, about, highest_first = self._edge, self._about, self._highest_first
        for text in texts:
            # Most are far from the best: of two numbers the nearest floats are in the same order, or equal.
            if float(text) < about if highest_first else float(text) > about:
                continue
            price = Decimal(text)
            if price < edge if highest_first else price > edge:
                continue
            known_as, quantity = _find(text, price, side, decimals)
            place = bisect_left(self._prices, (price, ""))
            known = place < len(self._prices) and self._prices[place][0] == price
            there = quantity is not None and not is_zero(quantity)
            if there and not known:
                self._prices.insert(place, (price, known_as))
            elif known and not there:
                del self._prices[place]

    def best(self, levels: int) -> list[DecimalText] | None:
        """Return the best prices, best first; none where the window must be made anew."""
        count = len(self._prices)
        if (count < levels and not self._whole) or count > _MOST:
            return None
        best = self._prices[-levels:][::-1] if self._highest_first else self._prices[:levels]
        return [text for _, text in best]


class TopView:
    """The best levels of one book object, as far as it is known."""

    def __init__(self, book: BookLevels) -> None:
        """Look at all levels once."""
        self._book = book
        self._of = book.bids, book.asks
        self._known = book.known_bid, book.known_ask
        self._bids = _Window(book.bids, book.known_bid, highest_first=True)
        self._asks = _Window(book.asks, book.known_ask, highest_first=False)

    def is_of(self, book: BookLevels) -> bool:
        """Say whether this is a view of ``book`` as it is: not another one, nor made anew since."""
        return (
            book is self._book
            and book.bids is self._of[0]
            and book.asks is self._of[1]
            and (book.known_bid, book.known_ask) == self._known
        )

    def look(self, touched: Iterable[DepthDiff], levels: int) -> Sides | None:
        """Return the best levels of each side.

        Args:
            touched: What came since the last look, whether the book took it or not: its own texts count.
            levels: How many.

        Returns:
            None where another view must be made.
        """
        book = self._book
        for diff in touched:
            self._bids.touch(diff.bid_prices, book.bids, book.decimals)
            self._asks.touch(diff.ask_prices, book.asks, book.decimals)
        bids, asks = self._bids.best(levels), self._asks.best(levels)
        if bids is None or asks is None:
            return None
        return _texts(bids, book.bids), _texts(asks, book.asks)


def _find(
    text: DecimalText, price: Decimal, side: Mapping[DecimalText, DecimalText], decimals: int
) -> tuple[DecimalText, DecimalText | None]:
    """Return the text by which a side knows a price, and the quantity there."""
    quantity = side.get(text)
    if quantity is not None:
        return text, quantity
    text = padded(text, decimals)
    quantity = side.get(text)
    if quantity is None:  # a diff that the book did not take may have more decimals
        text = f"{price:.{decimals}f}"
        quantity = side.get(text) if Decimal(text) == price else None
    return text, quantity


def _texts(
    prices: Sequence[DecimalText], side: Mapping[DecimalText, DecimalText]
) -> list[tuple[DecimalText, DecimalText]]:
    return [(price, side[price]) for price in prices]
