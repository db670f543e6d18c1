"""Trades made small: however many there are, a picture needs a few thousand numbers of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
import polars as pl

from orderflow_recorder.plots.holes import Hole, run_of, touched

MOST_DOTS: Final = 2_400
"""Trades that are drawn one by one, at most."""
DOT_SLOTS: Final = 240
"""The largest trades of each such part of the period are drawn, so that no minute is without."""

_SIGNED: Final = pl.when("buyer_is_maker").then(-pl.col("quantity")).otherwise("quantity")


class Flow(msgspec.Struct, frozen=True):
    """What a picture shows of trades; times are the venue's, prices and quantities are floats.

    Attributes:
        trades: How many there are.
        path: Per small step and run: time and price of its last trade, low, high, and `cvd` after it.
        bars: Per bar: start, end, bought, sold, delta, trades, hole (something in it is missing).
        dots: The largest trades one by one: id, time, price, quantity, side.
    """

    trades: int
    path: pl.DataFrame
    bars: pl.DataFrame
    dots: pl.DataFrame


class FlowReducer:
    """Takes trades batch by batch, in the order of their time, and keeps what a picture needs."""

    def __init__(
        self, start: datetime, end: datetime, *, step: timedelta, bar: timedelta, holes: Sequence[Hole]
    ) -> None:
        """Expect nothing yet.

        Args:
            start: Of the period.
            end: Of the period.
            step: Small step, of which the path keeps one point.
            bar: Length of a bar.
            holes: Of the stream of these trades.
        """
        self._start = start
        self._end = end
        self._step = step
        self._bar = bar
        self._holes = holes
        self._slot_us = max((end - start) // timedelta(microseconds=DOT_SLOTS), 1)
        self._trades = 0
        empty = pl.DataFrame(schema=_COLUMNS)
        self._path = self._stepped(empty)
        self._bars = self._barred(empty)
        self._dots = self._largest(empty)

    @property
    def price_range(self) -> tuple[float, float] | None:
        """Return lowest and highest price so far; none without trades."""
        low, high = self._path["low"].min(), self._path["high"].max()
        return (low, high) if isinstance(low, float) and isinstance(high, float) else None

    def add(self, trades: pl.DataFrame) -> None:
        """Take the next trades.

        Args:
            trades: With id, time, price, quantity and buyer_is_maker.
        """
        self._trades += trades.height
        # What a step had before comes first, so that "last" stays the last.
        self._path = _merged(pl.concat([self._path, self._stepped(trades)]), ["run", "step"], _PATH)
        self._bars = _merged(pl.concat([self._bars, self._barred(trades)]), ["start"], _BARS)
        self._dots = self._cut(pl.concat([self._dots, self._largest(trades)]))

    def result(self) -> Flow:
        """Return what the picture shows."""
        path = self._path.sort("time", "run").with_columns(cvd=pl.col("delta").cum_sum())
        bars = self._bars.sort("start").with_columns(end=pl.col("start") + self._bar)
        bars = bars.with_columns(
            start=pl.max_horizontal("start", pl.lit(self._start)),
            end=pl.min_horizontal("end", pl.lit(self._end)),
            delta=pl.col("bought") - pl.col("sold"),
        )
        bars = bars.with_columns(hole=touched(pl.col("start"), pl.col("end"), self._holes))
        dots = self._dots.sort("time", "id").with_columns(
            side=pl.when("buyer_is_maker").then(pl.lit("sell")).otherwise(pl.lit("buy"))
        )
        return Flow(
            self._trades,
            path.select("time", "price", "low", "high", "cvd", "run"),
            bars,
            dots.select("id", "time", "price", "quantity", "side"),
        )

    def _stepped(self, trades: pl.DataFrame) -> pl.DataFrame:
        return (
            trades.group_by(
                run=run_of(pl.col("time"), self._holes),
                step=pl.col("time").dt.truncate(self._step),
                maintain_order=True,
            )
            .agg(
                time=pl.col("time").last(),
                price=pl.col("price").last(),
                low=pl.col("price").min(),
                high=pl.col("price").max(),
                delta=_SIGNED.sum(),
            )
            .select("run", "step", "time", "price", "low", "high", "delta")
        )

    def _barred(self, trades: pl.DataFrame) -> pl.DataFrame:
        return trades.group_by(start=pl.col("time").dt.truncate(self._bar), maintain_order=True).agg(
            bought=pl.col("quantity").filter(~pl.col("buyer_is_maker")).sum(),
            sold=pl.col("quantity").filter("buyer_is_maker").sum(),
            trades=pl.len().cast(pl.UInt32),
        )

    def _largest(self, trades: pl.DataFrame) -> pl.DataFrame:
        slots = (pl.col("time") - self._start).dt.total_microseconds() // self._slot_us
        return self._cut(trades.select(*_COLUMNS, slot=slots))

    def _cut(self, trades: pl.DataFrame) -> pl.DataFrame:
        largest = trades.sort("quantity", "id", descending=[True, False])
        return largest.group_by("slot", maintain_order=True).head(MOST_DOTS // DOT_SLOTS).select(trades.columns)


_COLUMNS: Final = {
    "id": pl.Int64(),
    "time": pl.Datetime("us", "UTC"),
    "price": pl.Float64(),
    "quantity": pl.Float64(),
    "buyer_is_maker": pl.Boolean(),
}
_PATH: Final = (
    pl.col("time").last(),
    pl.col("price").last(),
    pl.col("low").min(),
    pl.col("high").max(),
    pl.col("delta").sum(),
)
_BARS: Final = (pl.col("bought").sum(), pl.col("sold").sum(), pl.col("trades").sum())


def _merged(frame: pl.DataFrame, keys: list[str], columns: Sequence[pl.Expr]) -> pl.DataFrame:
    return frame.group_by(keys, maintain_order=True).agg(columns)
