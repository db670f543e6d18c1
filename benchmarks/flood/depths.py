"""Cycles of depth diffs, and the book that they make."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from benchmarks.flood.cycle import BASE_ID, Cycle, CycleFrame, Levels
from benchmarks.flood.trades import SAMPLE_MS
from benchmarks.flood.words import FloodSymbol
from orderflow_recorder.domain.market import Market

BUSY_SHARE: Final = 0.1
"""The busiest symbols' diffs are large, the others' small."""
_REMOVED: Final = 0.35
_REACH: Final = 400


def level_counts(levels: int | None, *, busy: bool, frames: int, random: np.random.Generator) -> list[int]:
    """Return how many levels each diff changes.

    Args:
        levels: The same number each time; none draws them as the venue's are spread.
        busy: The symbol is one of the venue's busiest.
        frames: How many diffs.
        random: Draws.
    """
    if levels is not None:
        return [levels] * frames
    if busy:
        drawn = np.clip(random.lognormal(3.5, 0.6, frames), 10, 150)
    else:
        drawn = np.clip(random.lognormal(1.6, 0.8, frames), 1, 60)
    return [int(number) for number in drawn.tolist()]


def depth_cycle(
    symbol: FloodSymbol, name: str, counts: Sequence[int], random: np.random.Generator, *, sample: int = SAMPLE_MS
) -> Cycle:
    """Return diffs of a book whose middle walks and ends where it began.

    Args:
        symbol: Whose.
        name: Stream name without the symbol, e.g. ``depth@100ms``.
        counts: Levels of each diff.
        random: Moves and quantities.
        sample: A time of as many digits as the frames' times shall have.
    """
    words = symbol.dialect
    spot = words.market is Market.SPOT
    made = []
    last, middle = BASE_ID, symbol.middle
    for count, move in zip(counts, _moves(len(counts), random), strict=True):
        middle += move
        bids, asks = _changes(middle, move, count, random)
        # On futures all symbols share one id space: ours jump. On spot they follow each other.
        first = last + 1 if spot else last + int(random.integers(1, 40))
        final = first + max(count - 1, 0)
        payload = words.depth((first, final, last), sample, words.levels(bids), words.levels(asks))
        stream, frame = words.wrap(name, payload)
        made.append(CycleFrame(frame, (final, first) if spot else (final, first, last), bids, asks))
        last = final
    keys = ("u", "U") if spot else ("u", "U", "pu")
    return Cycle(symbol, stream, keys, (last - BASE_ID,) * len(keys), made, BASE_ID)


def book_after(cycle: Cycle, frames: int) -> tuple[dict[int, int], dict[int, int]]:
    """Return bids and asks after ``frames`` of a lap's diffs, quantity by price in steps.

    The lap before has touched every price there is, so the book does not depend on the lap.
    """
    bids: dict[int, int] = {}
    asks: dict[int, int] = {}
    for frame in (*cycle.frames[frames:], *cycle.frames[:frames]):
        _apply(bids, frame.bids)
        _apply(asks, frame.asks)
    return bids, asks


def snapshot_levels(cycle: Cycle, frames: int, limit: int) -> tuple[Levels, Levels]:
    """Return bids and asks of `book_after`, best first, continued with levels that never change."""
    bids, asks = book_after(cycle, frames)
    touched = [price for frame in cycle.frames for price, _ in (*frame.bids, *frame.asks)]
    low, high = min(touched, default=cycle.symbol.middle), max(touched, default=cycle.symbol.middle)
    best_bids = sorted(bids.items(), reverse=True)
    best_asks = sorted(asks.items())
    best_bids += [(price, 100 + price % 900) for price in range(low - 1, max(low - 1 - limit, 0), -1)]
    best_asks += [(price, 100 + price % 900) for price in range(high + 1, high + 1 + limit)]
    return best_bids[:limit], best_asks[:limit]


def _apply(side: dict[int, int], changes: Iterable[tuple[int, int]]) -> None:
    for price, quantity in changes:
        if quantity:
            side[price] = quantity
        else:
            side.pop(price, None)


def _moves(count: int, random: np.random.Generator) -> list[int]:
    """Return by how many steps the middle moves before each diff: all together 0."""
    half = random.choice([-1, 0, 0, 0, 1], count // 2).tolist()
    return [*half, *([0] if count % 2 else []), *(-move for move in reversed(half))]


def _changes(middle: int, move: int, count: int, random: np.random.Generator) -> tuple[Levels, Levels]:
    """Return changed levels of both sides: bids lie below the middle and asks above it, always.

    What the middle has moved over is removed by the same diff.
    """
    bid_count = count // 2 if move >= 0 else count - count // 2
    bids = _side(middle, -1, bid_count, random)
    asks = _side(middle, 1, count - bid_count, random)
    if move > 0:
        asks = [(middle, 0), *asks[1:]]
    elif move < 0:
        bids = [(middle, 0), *bids[1:]]
    return bids, asks


def _side(middle: int, sign: int, count: int, random: np.random.Generator) -> list[tuple[int, int]]:
    near = np.minimum(random.geometric(0.06, 3 * count), _REACH)
    distances = list(dict.fromkeys([*near.tolist(), *range(1, count + 1)]))[:count]
    quantities = np.maximum(random.lognormal(5.0, 1.8, count).astype(np.int64), 1)
    quantities[random.random(count) < _REMOVED] = 0
    return [
        (middle + sign * distance, quantity) for distance, quantity in zip(distances, quantities.tolist(), strict=True)
    ]
