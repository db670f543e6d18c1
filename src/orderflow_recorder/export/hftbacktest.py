"""Order flow as hftbacktest plays it: trades, the book's changes, and where the book begins or is lost.

Its numbers are floats by nature. See `orderflow_recorder.export.hft_events` for the file.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from orderflow_recorder.export.book_steps import Begun, Changed, Lost, Step
from orderflow_recorder.export.flow import FlowClock, levels_of
from orderflow_recorder.export.hft_events import (
    BUY,
    DEPTH,
    DEPTH_CLEAR,
    DEPTH_SNAPSHOT,
    SELL,
    TRADE,
    EventSpool,
)
from orderflow_recorder.postgres.export_reads import Book

_NOTHING: Final = np.zeros(1)


def spool_trades(spool: EventSpool, batches: Iterable[pa.RecordBatch]) -> None:
    """Take rows of ``trades`` or ``agg_trades``, numbers as floats."""
    clock = FlowClock()
    for batch in batches:
        sold = batch["buyer_is_maker"].to_numpy(zero_copy_only=False)
        kinds = (TRADE | np.where(sold, SELL, BUY)).astype(np.uint64)
        ones = np.ones(batch.num_rows, np.int64)
        spool.add(clock.trades(batch), ones, kinds, batch["price"].to_numpy(), batch["quantity"].to_numpy())


def spool_book(spool: EventSpool, steps: Iterable[Step]) -> None:
    """Take the steps of a book, diffs with numbers as floats.

    Where it is lost, everything is cleared; where it begins, too, before its levels.
    """
    clock = FlowClock()
    for step in steps:
        match step:
            case Lost():
                _add_whole(spool, clock, step.diff, [], [], [])
            case Begun():
                bids, asks = len(step.book.bid_prices), len(step.book.ask_prices)
                kinds = [DEPTH_SNAPSHOT | BUY] * bids + [DEPTH_SNAPSHOT | SELL] * asks
                _add_whole(spool, clock, step.diff, kinds, *_numbers(step.book))
            case Changed():
                levels = levels_of(step.diffs)
                sides = np.where(levels.is_bid, BUY, SELL)
                kinds_of_levels = (DEPTH | sides).astype(np.uint64)
                prices, quantities = levels.prices.to_numpy(), levels.quantities.to_numpy()
                spool.add(clock.diffs(step.diffs), levels.counts, kinds_of_levels, prices, quantities)


def _add_whole(
    spool: EventSpool,
    clock: FlowClock,
    diff: pa.RecordBatch,
    kinds: Sequence[int],
    prices: Sequence[float],
    quantities: Sequence[float],
) -> None:
    """Add one message that clears both sides and sets levels."""
    spool.add(
        clock.diffs(diff),
        np.array([1 + len(kinds)]),
        np.array([DEPTH_CLEAR, *kinds], np.uint64),
        np.concatenate([_NOTHING, prices]),
        np.concatenate([_NOTHING, quantities]),
    )


def _numbers(book: Book) -> tuple[list[float], list[float]]:
    return (
        [float(text) for text in (*book.bid_prices, *book.ask_prices)],
        [float(text) for text in (*book.bid_quantities, *book.ask_quantities)],
    )
