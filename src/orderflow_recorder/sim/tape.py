"""Tapes: what was traded, by id, as far as REST still shows it."""

from bisect import bisect_left
from typing import Generic, TypeVar

import msgspec


class TapeTrade(msgspec.Struct, frozen=True, gc=False):
    """One trade.

    Attributes:
        id: Trade id.
        price: Decimal text as on the wire; zero for a futures frame that only spends an id.
        quantity: Decimal text as on the wire.
        time: The match, µs since the epoch.
        buyer_is_maker: True where the aggressor sold.
        spent: True where the frame is no trade: REST leaves it out.
    """

    id: int
    price: str
    quantity: str
    time: int
    buyer_is_maker: bool
    spent: bool = False


class TapeAggTrade(msgspec.Struct, frozen=True, gc=False):
    """One aggregate trade: as `TapeTrade`, with the ids of the first and last trade in it.

    ``quantity_without_rpi`` is futures only (``nq``).
    """

    id: int
    price: str
    quantity: str
    time: int
    buyer_is_maker: bool
    first_trade_id: int
    last_trade_id: int
    quantity_without_rpi: str | None = None


_T = TypeVar("_T", TapeTrade, TapeAggTrade)


class Tape(Generic[_T]):
    """Entries in id order, each id once, the newest ``limit`` of them."""

    def __init__(self, limit: int) -> None:
        """Begin empty.

        Args:
            limit: Entries kept; the oldest are forgotten.
        """
        self._limit = limit
        self._ids: list[int] = []
        self._entries: list[_T] = []

    def __len__(self) -> int:
        """Return how many entries are kept."""
        return len(self._ids)

    def add(self, entry: _T) -> None:
        """Add ``entry``, wherever its id belongs; an id that is there already changes nothing."""
        if not self._ids or entry.id > self._ids[-1]:
            self._ids.append(entry.id)
            self._entries.append(entry)
            if len(self._ids) >= self._limit * 2:
                del self._ids[: -self._limit]
                del self._entries[: -self._limit]
            return
        place = bisect_left(self._ids, entry.id)
        if self._ids[place] != entry.id:
            self._ids.insert(place, entry.id)
            self._entries.insert(place, entry)

    def all(self) -> list[_T]:
        """Return every entry kept, by id."""
        return self._entries[-self._limit :]

    def from_id(self, first: int) -> list[_T]:
        """Return the entries from id ``first`` on; none if ``first`` is older than the tape."""
        if not self._ids or first < self._ids[0]:
            return []
        return self._entries[bisect_left(self._ids, first) :]

    def between(self, start: int | None, end: int | None) -> list[_T]:
        """Return the entries with ``start <= time <= end``, µs; none leaves that end open."""
        return [
            entry
            for entry in self._entries
            if (start is None or entry.time >= start) and (end is None or entry.time <= end)
        ]
