"""Rows as a backtest plays them: messages with two clocks, levels one after another.

All arrays are numpy's; times are ns since 1970.
"""

from typing import TypeAlias

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Times: TypeAlias = NDArray[np.int64]

_NS_PER_US = 1_000


class FlowClock:
    """Gives the rows of one stream, in the order of their ids, times that never run backwards.

    A row that was fetched later was received long after its time; it gets the latency of the row before
    it that came by the stream, as if it had come by the stream, too.
    """

    def __init__(self) -> None:
        """Begin before the first row."""
        self._latency: int | None = None
        self._latest = (np.iinfo(np.int64).min, np.iinfo(np.int64).min)

    def trades(self, batch: pa.RecordBatch) -> tuple[Times, Times]:
        """Return when the venue matched, and when we knew; rows of ``trades`` or ``agg_trades``."""
        live = _numpy(batch["event_time"].is_valid()).astype(np.bool_)
        return self._times(_ns(batch["trade_time"]), _ns(batch["receive_time"]), live)

    def diffs(self, batch: pa.RecordBatch) -> tuple[Times, Times]:
        """Return when the venue's book changed (spot: when it said so), and when we knew; rows of ``depth_diffs``."""
        happened = pc.coalesce(batch["transaction_time"], batch["event_time"])
        return self._times(_ns(happened), _ns(batch["receive_time"]), np.ones(batch.num_rows, bool))

    def _times(self, happened: Times, received: Times, live: NDArray[np.bool_]) -> tuple[Times, Times]:
        happened = np.maximum(np.maximum.accumulate(happened), self._latest[0])
        known = np.where(live, received, happened + self._latencies(received - happened, live))
        known = np.maximum(np.maximum.accumulate(known), self._latest[1])
        self._latest = (happened[-1], known[-1])
        return happened, known

    def _latencies(self, latency: Times, live: NDArray[np.bool_]) -> Times:
        """Return for each row the latency of the last live row up to it; before the first one, that one's."""
        if not live.any():
            return np.full(len(live), self._latency or 0, np.int64)
        last = np.maximum.accumulate(np.where(live, np.arange(len(live)), -1))
        first = int(latency[np.argmax(live)]) if self._latency is None else self._latency
        self._latency = int(latency[last[-1]])
        return np.where(last >= 0, latency[last], first)


class Levels(msgspec.Struct, frozen=True):
    """The levels of many diffs: those of a diff follow each other, bids before asks.

    Attributes:
        counts: Levels of each diff.
        rows: Number of the diff, for each level.
        is_bid: Side of each level.
        prices: As the diffs have them.
        quantities: As the diffs have them.
    """

    counts: NDArray[np.int64]
    rows: NDArray[np.int64]
    is_bid: NDArray[np.bool_]
    prices: pa.Array
    quantities: pa.Array


def levels_of(diffs: pa.RecordBatch) -> Levels:
    """Return the levels of rows of ``depth_diffs``."""
    bids, asks = (_numpy(pc.list_value_length(diffs[f"{side}_prices"])).astype(np.int64) for side in ("bid", "ask"))
    counts = bids + asks
    starts = np.cumsum(counts) - counts
    places = np.concatenate([ranges(starts, bids), ranges(starts + bids, asks)])
    order = np.empty(len(places), np.int64)
    order[places] = np.arange(len(places))
    return Levels(
        counts=counts,
        rows=np.repeat(np.arange(len(counts)), counts),
        is_bid=order < bids.sum(),
        prices=_both(diffs, "prices", order),
        quantities=_both(diffs, "quantities", order),
    )


def ranges(starts: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return ``counts[i]`` numbers from ``starts[i]`` on, for each i."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(counts.sum())


def _both(diffs: pa.RecordBatch, what: str, order: NDArray[np.int64]) -> pa.Array:
    sides = [diffs[f"{side}_{what}"].flatten() for side in ("bid", "ask")]
    return pa.concat_arrays(sides).take(pa.array(order))


def _ns(times: pa.Array) -> Times:
    return _numpy(times.cast(pa.int64())).astype(np.int64) * _NS_PER_US


def _numpy(array: pa.Array) -> NDArray[np.generic]:
    found: NDArray[np.generic] = array.to_numpy(zero_copy_only=False)
    return found
