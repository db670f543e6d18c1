"""Books from bases and diffs, one after the other: pure, what is read is passed in.

A base is a snapshot or a checkpoint. Diffs carry a book on for as long as they chain; a hole ends it,
and the next base that a diff reaches begins another one. A base met on the way adds what it knows beyond
the book, so that what is known only grows until a hole.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

import msgspec

from orderflow_recorder.core.order_book import OrderBook, depth_ids
from orderflow_recorder.core.sequencing import Bridge, Verdict, bridge, judge
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff


class Base(msgspec.Struct, frozen=True):
    """Where a book can begin; its levels are read only if they are needed.

    Attributes:
        last_update_id: Last update id it contains.
        known_bid: The book is complete down to this price; none: read it to know.
        known_ask: The book is complete up to this price; none: read it to know.
        read: Gives the whole of it.
    """

    last_update_id: int
    known_bid: Decimal | None
    known_ask: Decimal | None
    read: Callable[[], BookSnapshot]


class Hole(msgspec.Struct, frozen=True):
    """Between two diffs something is missing, or there is no base to begin with.

    Attributes:
        after: Last update id before the hole; none where there was no book.
    """

    after: int | None


class Rebuild:
    """One symbol's book on its way through its diffs, in the order of their update ids.

    Attributes:
        book: As of the last diff; none where there is none to trust.
    """

    def __init__(self, market: Market, bases: Iterable[Base]) -> None:
        """Start without a book.

        Args:
            market: Whose continuity rules apply.
            bases: By last update id, from the first that may be of use; taken one by one.
        """
        self.book: OrderBook | None = None
        self._market = market
        self._bases: Iterator[Base] = iter(bases)
        self._next = next(self._bases, None)

    def take(self, diff: DepthDiff) -> Hole | None:
        """Carry the book on, or begin one.

        Returns:
            What ended the book, if a hole did.
        """
        hole: Hole | None = None
        if self.book is not None:
            verdict = judge(self._market, self.book.last_update_id, depth_ids(diff))
            if verdict is Verdict.STALE:
                return None
            if verdict is Verdict.GAP:
                hole = Hole(self.book.last_update_id)
                self.book = None
        self._meet_bases(diff)
        if self.book is not None:
            self.book.apply(diff)
        return hole

    def _meet_bases(self, diff: DepthDiff) -> None:
        """Take the bases that lie in or right before ``diff``, and pass by those that it does not reach."""
        while self._next is not None:
            place = bridge(self._market, self._next.last_update_id, depth_ids(diff))
            if place is Bridge.BEFORE:
                return
            if place is Bridge.SPANS:
                self._meet(self._next)
            self._next = next(self._bases, None)

    def _meet(self, base: Base) -> None:
        if self.book is None:
            self.book = OrderBook.from_snapshot(base.read())
        elif _knows_more(base, self.book):
            self.book.learn(OrderBook.from_snapshot(base.read()))


def _knows_more(base: Base, book: OrderBook) -> bool:
    if base.known_bid is None or base.known_ask is None or book.worst_bid is None or book.worst_ask is None:
        return True
    return base.known_bid < book.worst_bid or base.known_ask > book.worst_ask
