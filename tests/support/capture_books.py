"""Books of captures, rebuilt from their JSON with the standard library alone: what book_at is held to."""

import gzip
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from tests.support.captures import lines, moment, received

Side: TypeAlias = dict[Decimal, str]
"""Quantity by price, as the venue wrote it."""


class Update(NamedTuple):
    """A depth frame."""

    at: datetime
    received: datetime
    start: int
    final: int
    bids: list[list[str]]
    asks: list[list[str]]


class CaptureBook:
    """One symbol of a capture: its snapshot, and the updates after it that chain."""

    def __init__(self, market: str, symbol: str, snapshot: dict[str, Any], updates: Sequence[Update]) -> None:
        """Leave out what the snapshot has already."""
        self.recorded_from = updates[0].at
        self.market = market
        self.symbol = symbol
        self.snapshot = snapshot
        self.last_update_id: int = snapshot["lastUpdateId"]
        self.updates = [update for update in updates if update.final > self.last_update_id]
        reached = self.last_update_id
        for update in self.updates:
            assert update.start <= reached, "the captures are whole"
            reached = update.final
        self._times = [update.at for update in self.updates]
        assert self._times == sorted(self._times)

    @property
    def begin(self) -> datetime:
        """Return the time of the first update after the snapshot."""
        return self._times[0]

    @property
    def end(self) -> datetime:
        """Return the time of the last update."""
        return self._times[-1]

    def position(self, at: datetime) -> int:
        """Return how many updates there are up to ``at``."""
        return bisect_right(self._times, at)

    def books(self, positions: Sequence[int]) -> Iterator[tuple[Side, Side]]:
        """Yield the book after each number of updates, in ascending order."""
        sides = _side(self.snapshot["bids"]), _side(self.snapshot["asks"])
        done = 0
        for position in positions:
            for update in self.updates[done:position]:
                for side, changes in zip(sides, (update.bids, update.asks), strict=True):
                    _apply(side, changes)
            done = position
            yield sides


def read_books(path: Path) -> list[CaptureBook]:
    """Read every symbol of a capture."""
    snapshots: dict[tuple[str, str], dict[str, Any]] = {}
    updates: dict[tuple[str, str], list[Update]] = {}
    for line in lines(path):
        if line["k"] == "rest":
            snapshots[line["market"], line["symbol"]] = line["d"]
        elif "@depth" in line["d"]["stream"]:
            data = line["d"]["data"]
            at = moment(data["E"])
            assert at is not None
            start = data["pu"] if "pu" in data else data["U"] - 1
            update = Update(at, received(line["t"]), start, data["u"], data["b"], data["a"])
            updates.setdefault((line["market"], data["s"]), []).append(update)
    return [CaptureBook(*key, snapshot, updates[key]) for key, snapshot in snapshots.items()]


def write_depth(source: Path, target: Path) -> None:
    """Write the depth frames and the snapshots of a capture."""
    with gzip.open(source, "rt", encoding="utf-8") as file, target.open("w", encoding="utf-8") as chosen:
        chosen.writelines(line for line in file if "@depth@" in line or '"k":"rest"' in line or '"k": "rest"' in line)


def levels(sides: tuple[Side, Side]) -> list[str]:
    """Return a book in the order of book_at, bids, then asks, best first; one text a level."""
    bids, asks = sides
    return [f"bid {price} {bids[price]}" for price in sorted(bids, reverse=True)] + [
        f"ask {price} {asks[price]}" for price in sorted(asks)
    ]


def _side(listed: Sequence[Sequence[str]]) -> Side:
    side: Side = {}
    _apply(side, listed)
    return side


def _apply(side: Side, changes: Sequence[Sequence[str]]) -> None:
    for price, quantity in changes:
        if Decimal(quantity):
            side[Decimal(price)] = quantity
        else:
            side.pop(Decimal(price), None)
