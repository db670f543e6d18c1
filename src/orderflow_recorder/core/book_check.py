"""Do the books agree: one symbol's book, rebuilt and held against what the venue said of it later.

The book begins at a snapshot, diffs carry it on as long as they chain, and a hole ends it until the
next snapshot. On the way it is compared

* with each later snapshot, price by price, where both know: a snapshot knows nothing beyond its
  outermost prices, so beyond those of the snapshots before it the book knows only what changed since;
* with each best bid and ask that carries the update id of a diff.

A snapshot may fall between the first and the last update id of a diff. Then the levels that this
diff names are left out: a diff names every level that was touched, also where it ended as it began.
What a snapshot knows beyond the book is added to it, so that what is known only grows.
"""

from collections import deque
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final

import msgspec

from orderflow_recorder.core.completeness import Contradiction, Promise
from orderflow_recorder.core.order_book import Level, OrderBook, depth_ids
from orderflow_recorder.core.sequencing import Bridge, Verdict, bridge, judge
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff

_NONE: Final = Decimal(0)
_MOST_WAITING: Final = 16
"""Snapshots kept until a diff spans them; of those that pile up while no diffs come, none will be spanned."""


class Top(msgspec.Struct, frozen=True, gc=False):
    """The best bid and ask after an update, price and quantity; quantity 0 where a side is empty."""

    update_id: int
    bid: Level
    ask: Level


class BookCheck:
    """One symbol's book on its way; everything is taken in the order of update ids.

    Where ids are equal, a diff comes before a snapshot, and a snapshot before a top.

    Attributes:
        snapshots: How many were compared.
        tops: How many were compared.
        chains: How many unbroken runs had a book.
    """

    def __init__(self, market: Market) -> None:
        """Start without a book.

        Args:
            market: Whose continuity rules apply.
        """
        self._market = market
        self._book: OrderBook | None = None
        self._waiting: deque[BookSnapshot] = deque(maxlen=_MOST_WAITING)
        self.snapshots = 0
        self.tops = 0
        self.chains = 0

    def take_diff(self, diff: DepthDiff) -> Contradiction | None:
        """Carry the book on."""
        ids = depth_ids(diff)
        if self._book is not None:
            verdict = judge(self._market, self._book.last_update_id, ids)
            if verdict is Verdict.STALE:
                return None
            if verdict is Verdict.GAP:
                self._book = None
        wrong: Contradiction | None = None
        for snapshot in self._waiting:
            if wrong is None and bridge(self._market, snapshot.last_update_id, ids) is Bridge.SPANS:
                wrong = self._meet(snapshot, diff)
        self._waiting.clear()
        if self._book is not None:
            self._book.apply(diff)
        return wrong

    def take_snapshot(self, snapshot: BookSnapshot) -> Contradiction | None:
        """Compare with the book now if it is of the same id, else with the next diff at hand."""
        if self._book is not None and snapshot.last_update_id == self._book.last_update_id:
            return self._meet(snapshot, None)
        self._waiting.append(snapshot)
        return None

    def take_top(self, top: Top) -> Contradiction | None:
        """Compare with the book if it is of the same id, each side where its best price is known."""
        book = self._book
        if book is None or top.update_id != book.last_update_id:
            return None
        self.tops += 1
        for side, ours, theirs in (("bid", _bids(book, 1), top.bid), ("ask", _asks(book, 1), top.ask)):
            best = next(iter(ours.levels.items()), None)
            if best is not None and ours.knows(best[0]) and best != theirs:
                return Contradiction(
                    Promise.BOOKS_AGREE,
                    top.update_id,
                    top.update_id,
                    expected=f"best {side} {_level(best)}, as rebuilt from snapshot and diffs",
                    found=f"best {side} {_level(theirs)}",
                )
        return None

    def _meet(self, snapshot: BookSnapshot, during: DepthDiff | None) -> Contradiction | None:
        """Compare the book with a snapshot taken during a diff (or after the last one), and learn from it."""
        theirs = OrderBook.from_snapshot(snapshot)
        if self._book is None:
            self._book = theirs
            self.chains += 1
            return None
        self.snapshots += 1
        wrong = _compare(self._book, theirs, during)
        self._book.learn(theirs)
        return wrong


class _Side:
    """One side of a book, best first, and which prices it knows even where they have no level."""

    def __init__(self, levels: Iterable[Level], knows: Callable[[Decimal], bool]) -> None:
        self.levels = dict(levels)
        self.knows = knows


def _bids(book: OrderBook, levels: int | None = None) -> _Side:
    worst = book.worst_bid
    return _Side(book.bids(levels), lambda price: worst is not None and price >= worst)


def _asks(book: OrderBook, levels: int | None = None) -> _Side:
    worst = book.worst_ask
    return _Side(book.asks(levels), lambda price: worst is not None and price <= worst)


def _compare(ours: OrderBook, theirs: OrderBook, during: DepthDiff | None) -> Contradiction | None:
    """Return the best level that both know and that differs."""
    touched_bids, touched_asks = (during.bid_prices, during.ask_prices) if during else ([], [])
    for name, our, their, touched in (
        ("bid", _bids(ours), _bids(theirs), touched_bids),
        ("ask", _asks(ours), _asks(theirs), touched_asks),
    ):
        price = _first_difference(our, their, {Decimal(price) for price in touched})
        if price is not None:
            return Contradiction(
                Promise.BOOKS_AGREE,
                theirs.last_update_id,
                theirs.last_update_id,
                expected=f"{name} {_level((price, our.levels.get(price, _NONE)))}, as rebuilt from snapshot and diffs",
                found=f"{name} {_level((price, their.levels.get(price, _NONE)))}",
            )
    return None


def _first_difference(our: _Side, their: _Side, touched: set[Decimal]) -> Decimal | None:
    # A level that is there is known, wherever it stands: a diff brought it.
    for price, quantity in our.levels.items():
        if their.levels.get(price) != quantity and their.knows(price) and price not in touched:
            return price
    for price in their.levels:
        if price not in our.levels and our.knows(price) and price not in touched:
            return price
    return None


def _level(level: Level) -> str:
    price, quantity = level
    return f"{price:f} with quantity {quantity:f}" if quantity else f"{price:f} without a level"
