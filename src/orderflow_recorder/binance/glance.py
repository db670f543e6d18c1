"""What all frames of one read are: the same as `inspect` says of each, at the cost of decoding it once.

That is possible where all are plain market data, as nearly always. Any doubt, and each is inspected by itself.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from orderflow_recorder.binance.inspect import DECODE_ERRORS, SHUTDOWN_STREAM, UpdateId, inspect, is_depth_diff
from orderflow_recorder.binance.text import may_share_lines
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.ports.feed import Glance


class _Data(msgspec.Struct, frozen=True, gc=False):
    """Any object."""


class _Frame(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    stream: str
    data: _Data


class _Diff(msgspec.Struct, frozen=True, gc=False):
    """Any object; if it is a diff, its ids."""

    first: UpdateId | None = msgspec.field(name="U", default=None)
    final: UpdateId | None = msgspec.field(name="u", default=None)
    previous: UpdateId | None = msgspec.field(name="pu", default=None)


class _DiffFrame(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    stream: str
    data: _Diff


class _Diffs(dict[str, bool]):
    """Whether streams carry diffs, by wire name; cheaper than `lru_cache`, for every name of a read asks."""

    def __missing__(self, wire: str) -> bool:
        if len(self) >= _REMEMBERED:
            self.clear()
        self[wire] = is_depth_diff(wire)
        return self[wire]


_REMEMBERED: Final = 10_000
"""Names; a venue that invents ever more of them shall not fill the memory."""

_decode_frame: Final = msgspec.json.Decoder(_Frame).decode
_decode_diff: Final = msgspec.json.Decoder(_DiffFrame).decode
_is_diff: Final = _Diffs().__getitem__


def inspect_all(market: Market, frames: Sequence[bytes]) -> Glance:
    """Say what ``frames`` are. Never raises.

    Args:
        market: Where they came from.
        frames: As received.
    """
    try:
        glance = _glance(market, frames)
    except DECODE_ERRORS:
        glance = None
    return glance if glance is not None else Glance.over(inspect(market, frame) for frame in frames)


def _glance(market: Market, frames: Sequence[bytes]) -> Glance | None:
    """Say what plain market data is; none if anything is not, or is not certain to be."""
    diffs: list[tuple[str, DepthIds]] | None = []
    if b"@depth" not in frames[0]:  # most likely no diff among them: less to decode
        wires = {frame.stream for frame in map(_decode_frame, frames)}
    if b"@depth" in frames[0] or any(map(_is_diff, wires)):
        documents = [*map(_decode_diff, frames)]
        wires = {frame.stream for frame in documents}
        diffs = _diffs(market, documents, set(filter(_is_diff, wires)))
    if diffs is None or SHUTDOWN_STREAM in wires or not may_share_lines(frames):
        return None
    return Glance(wires, diffs)


def _diffs(market: Market, documents: Sequence[_DiffFrame], wires: set[str]) -> list[tuple[str, DepthIds]] | None:
    """Return the ids of those that are diffs, named ``wires``; none if one of them has none that are valid."""
    chained = market is not Market.SPOT
    diffs = []
    for document in documents:
        if document.stream in wires:
            ids = document.data
            first, final, previous = ids.first, ids.final, ids.previous
            if first is None or final is None or first > final or (chained and previous is None):
                return None
            diffs.append((document.stream, DepthIds(first, final, previous if chained else None)))
    return diffs
