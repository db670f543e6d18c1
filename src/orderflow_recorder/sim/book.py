"""The simulator's own order book: exact prices, the venue's own text, nothing shared with the recorder's."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TypeAlias

from orderflow_recorder.sim.frames import DepthPayload, SnapshotPayload

Level: TypeAlias = tuple[str, str]
"""Price and quantity as the venue wrote them."""
_Side: TypeAlias = dict[Decimal, Level]


class TrueBook:
    """One symbol's book, keyed by exact price."""

    def __init__(self) -> None:
        """Begin empty, with update id 0."""
        self.bids: _Side = {}
        self.asks: _Side = {}
        self.last_update_id = 0
        self.event_time: int | None = None
        self.transaction_time: int | None = None

    def load(self, snapshot: SnapshotPayload) -> None:
        """Replace everything by ``snapshot``."""
        self.bids.clear()
        self.asks.clear()
        _change(self.bids, snapshot.bids)
        _change(self.asks, snapshot.asks)
        self.last_update_id = snapshot.last_update_id
        self.event_time = snapshot.event_time
        self.transaction_time = snapshot.transaction_time

    def apply(self, diff: DepthPayload) -> None:
        """Apply ``diff``; quantities are absolute, zero removes."""
        _change(self.bids, diff.bids)
        _change(self.asks, diff.asks)
        self.last_update_id = diff.final
        self.event_time = diff.event_time
        self.transaction_time = diff.transaction_time

    def copy(self) -> "TrueBook":
        """Return an independent copy."""
        twin = TrueBook()
        twin.bids = self.bids.copy()
        twin.asks = self.asks.copy()
        twin.last_update_id = self.last_update_id
        twin.event_time = self.event_time
        twin.transaction_time = self.transaction_time
        return twin

    def best_bids(self, limit: int) -> list[Level]:
        """Return up to ``limit`` bids, highest first."""
        return [self.bids[price] for price in sorted(self.bids, reverse=True)[:limit]]

    def best_asks(self, limit: int) -> list[Level]:
        """Return up to ``limit`` asks, lowest first."""
        return [self.asks[price] for price in sorted(self.asks)[:limit]]


def _change(side: _Side, levels: Iterable[Level]) -> None:
    for level in levels:
        price = Decimal(level[0])
        if level[1].strip("0.") == "":
            side.pop(price, None)
        else:
            side[price] = level
