"""Cycles of ``trade`` and ``aggTrade``."""

from typing import Final

import numpy as np

from benchmarks.flood.cycle import BASE_ID, Cycle, CycleFrame
from benchmarks.flood.words import FloodSymbol

SAMPLE_MS: Final = 1_700_000_000_000
SAMPLE_US: Final = SAMPLE_MS * 1000


def trade_cycle(symbol: FloodSymbol, frames: int, random: np.random.Generator, *, sample: int = SAMPLE_MS) -> Cycle:
    """Return ``frames`` trades whose price walks.

    Args:
        symbol: Whose.
        frames: How many.
        random: Prices, quantities and sides.
        sample: A time of as many digits as the frames' times shall have.
    """
    words = symbol.dialect
    made = []
    for number, (price, quantity, sold) in enumerate(_matches(symbol, frames, random), start=1):
        numbers = words.price(price), words.quantity(quantity)
        stream, payload = words.wrap("trade", words.trade(BASE_ID + number, numbers, (sample, sample), sold=sold))
        made.append(CycleFrame(payload, (BASE_ID + number,)))
    return Cycle(symbol, stream, ("t",), (frames,), made, BASE_ID)


def agg_trade_cycle(symbol: FloodSymbol, frames: int, random: np.random.Generator, *, sample: int = SAMPLE_MS) -> Cycle:
    """Return ``frames`` aggregates, of one match to six; the arguments are those of `trade_cycle`."""
    words = symbol.dialect
    made = []
    last = BASE_ID
    matches = np.minimum(random.geometric(0.6, frames), 6).tolist()
    for number, (price, quantity, sold) in enumerate(_matches(symbol, frames, random), start=1):
        ids = BASE_ID + number, last + 1, last + matches[number - 1]
        last = ids[2]
        numbers = words.price(price), words.quantity(quantity)
        stream, payload = words.wrap("aggTrade", words.agg_trade(ids, numbers, (sample, sample), sold=sold))
        made.append(CycleFrame(payload, ids))
    trades = last - BASE_ID
    return Cycle(symbol, stream, ("a", "f", "l"), (frames, trades, trades), made, BASE_ID)


def _matches(symbol: FloodSymbol, count: int, random: np.random.Generator) -> list[tuple[int, int, bool]]:
    """Return price and quantity in steps, and whether the taker sold; the price ends where it began."""
    steps = random.integers(-2, 3, count)
    walk = np.cumsum(steps) - np.linspace(0, steps.sum(), count)
    prices = np.maximum(symbol.middle + walk.astype(np.int64), 1)
    # Most trades are small: a median of a dollar-ish number of steps, with a long tail.
    quantities = np.maximum(random.lognormal(3.0, 1.6, count).astype(np.int64), 1)
    return list(zip(prices.tolist(), quantities.tolist(), (random.random(count) < 0.5).tolist(), strict=True))  # noqa: PLR2004  # a coin
