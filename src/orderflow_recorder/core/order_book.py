"""The book itself: quantity per price, exact, rebuilt from a snapshot and the diffs after it."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TypeAlias

from orderflow_recorder.core.sequencing import Bridge, Verdict, bridge, judge
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff, DepthIds

Level: TypeAlias = tuple[Decimal, Decimal]
"""Price, quantity."""


class _Side:
    """One side: quantity by price, and the prices in ascending order."""

    def __init__(self, prices: Sequence[str], quantities: Sequence[str]) -> None:
        self.quantities: dict[Decimal, Decimal] = {}
        self.prices: list[Decimal] = []
        self.apply(prices, quantities)

    def apply(self, prices: Sequence[str], quantities: Sequence[str]) -> None:
        for price_text, quantity_text in zip(prices, quantities, strict=True):
            price, quantity = Decimal(price_text), Decimal(quantity_text)
            if quantity:
                if price not in self.quantities:
                    insort(self.prices, price)
                self.quantities[price] = quantity
            elif self.quantities.pop(price, None) is not None:
                # Removing a level we never knew is normal: it lay beyond the snapshot's edge.
                del self.prices[bisect_left(self.prices, price)]

    def add(self, levels: Iterable[Level]) -> None:
        for price, quantity in levels:
            if price not in self.quantities:
                insort(self.prices, price)
            self.quantities[price] = quantity

    def levels(self, prices: Iterable[Decimal]) -> list[Level]:
        return [(price, self.quantities[price]) for price in prices]


def _edge(known: str | None, outermost: Sequence[Decimal]) -> Decimal | None:
    return next(iter(outermost), None) if known is None else Decimal(known)


class OrderBook:
    """Bids and asks of one symbol.

    Attributes:
        last_update_id: Id of the snapshot, or final id of the last diff applied.
        worst_bid: Down to where the snapshot knows the book, its lowest bid if it does not say; below it
            the book is unknown, not empty. None where the snapshot had no bids.
        worst_ask: Up to where the snapshot knows the book, its highest ask if it does not say; above it
            the book is unknown, not empty. None where the snapshot had no asks.
    """

    def __init__(self, snapshot: BookSnapshot) -> None:
        """Take a snapshot's levels."""
        self._bids = _Side(snapshot.bid_prices, snapshot.bid_quantities)
        self._asks = _Side(snapshot.ask_prices, snapshot.ask_quantities)
        self.last_update_id = snapshot.last_update_id
        self.worst_bid = _edge(snapshot.known_bid, self._bids.prices[:1])
        self.worst_ask = _edge(snapshot.known_ask, self._asks.prices[-1:])

    @classmethod
    def from_snapshot(cls, snapshot: BookSnapshot) -> "OrderBook":
        """Return the book that ``snapshot`` shows."""
        return cls(snapshot)

    def apply(self, diff: DepthDiff) -> None:
        """Set the levels of ``diff``; whether it follows is for the caller to judge (`replay`)."""
        self._bids.apply(diff.bid_prices, diff.bid_quantities)
        self._asks.apply(diff.ask_prices, diff.ask_quantities)
        self.last_update_id = diff.final_update_id

    def learn(self, other: "OrderBook") -> None:
        """Add what a book of the same moment knows beyond this one; within its own range this one stays as it is."""
        self._bids.add(level for level in other.bids() if self.worst_bid is None or level[0] < self.worst_bid)
        self._asks.add(level for level in other.asks() if self.worst_ask is None or level[0] > self.worst_ask)
        self.worst_bid = min((price for price in (self.worst_bid, other.worst_bid) if price is not None), default=None)
        self.worst_ask = max((price for price in (self.worst_ask, other.worst_ask) if price is not None), default=None)

    def bids(self, levels: int | None = None) -> list[Level]:
        """Return the best ``levels`` bids (none: all), best first."""
        best = self._bids.prices[-levels:] if levels else self._bids.prices if levels is None else []
        return self._bids.levels(reversed(best))

    def asks(self, levels: int | None = None) -> list[Level]:
        """Return the best ``levels`` asks (none: all), best first."""
        return self._asks.levels(self._asks.prices[:levels])

    @property
    def crossed(self) -> bool:
        """Return whether the best bid is not below the best ask: a diff was missed."""
        return bool(self._bids.prices and self._asks.prices and self._bids.prices[-1] >= self._asks.prices[0])


def depth_ids(diff: DepthDiff) -> DepthIds:
    """Return the update ids of ``diff``."""
    return DepthIds(diff.first_update_id, diff.final_update_id, diff.previous_final_update_id)


def replay(market: Market, snapshots: Iterable[BookSnapshot], diffs: Iterable[DepthDiff]) -> OrderBook | None:
    """Return the book after the last diff, by the venue's rules.

    Only the diffs after the last hole count, and of the snapshots that bridge into them the
    latest is taken: it knows most and needs the fewest diffs.

    Args:
        market: Whose continuity rules apply.
        snapshots: Of one symbol, in any order.
        diffs: Of the same symbol, by update id or in order of arrival; repeated ones do no harm.

    Returns:
        None where the book is not trusted at its end: no snapshot bridges into the unbroken run
        of diffs there.
    """
    run: list[DepthDiff] = []
    for diff in diffs:
        verdict = judge(market, run[-1].final_update_id, depth_ids(diff)) if run else Verdict.NEXT
        if verdict is Verdict.GAP:
            run.clear()
        if verdict is not Verdict.STALE:
            run.append(diff)
    for snapshot in sorted(snapshots, key=lambda each: each.last_update_id, reverse=True):
        start = _first_to_apply(market, snapshot.last_update_id, run)
        if start is not None:
            book = OrderBook.from_snapshot(snapshot)
            for diff in run[start:]:
                book.apply(diff)
            return book
    return None


def _first_to_apply(market: Market, last_update_id: int, run: Sequence[DepthDiff]) -> int | None:
    """Return the index of the diff that spans the snapshot; ``run`` has no holes."""

    def reaches(diff: DepthDiff) -> bool:
        return bridge(market, last_update_id, depth_ids(diff)) is not Bridge.BEFORE

    start = bisect_left(run, True, key=reaches)  # noqa: FBT003  # the key maps diffs to booleans
    if start == len(run) or bridge(market, last_update_id, depth_ids(run[start])) is Bridge.AFTER:
        return None
    return start
