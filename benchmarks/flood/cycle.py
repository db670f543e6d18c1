"""The frames of one stream, which it sends again and again with ids and times that go on."""

from collections.abc import Sequence
from typing import Final

import msgspec

from benchmarks.flood.words import FloodSymbol

BASE_ID: Final = 200_000_000_000
"""All ids have twelve digits, so that a frame keeps its length whatever its ids are."""
ID_DIGITS: Final = 12
MAX_ID: Final = 10**ID_DIGITS

Levels = Sequence[tuple[int, int]]
"""Price and quantity in steps; 0 removes the price."""


class CycleFrame(msgspec.Struct, frozen=True, gc=False):
    """One frame of a cycle.

    Attributes:
        payload: The combined frame, with the ids of the first lap.
        ids: Its ids in the first lap, in the order of `Cycle.keys`.
        bids: What it changes, of a depth diff.
        asks: As `bids`.
    """

    payload: bytes
    ids: tuple[int, ...]
    bids: Levels = ()
    asks: Levels = ()


class Cycle(msgspec.Struct, frozen=True):
    """What one stream sends in a lap.

    Attributes:
        symbol: Whose.
        stream: Wire name.
        keys: The JSON keys of the ids; the first one is what the ledger counts by.
        steps: By how much each id is larger in the next lap.
        frames: In order.
        before: The counted id before the first frame of the first lap.
    """

    symbol: FloodSymbol
    stream: str
    keys: tuple[str, ...]
    steps: tuple[int, ...]
    frames: Sequence[CycleFrame]
    before: int
