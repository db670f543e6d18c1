"""Made-up pictures: a minute of order flow with a hole in each stream."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

import polars as pl

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.plots.flow import FlowReducer
from orderflow_recorder.plots.heat import Answer, Base, Change, HeatReducer
from orderflow_recorder.plots.holes import Hole
from orderflow_recorder.plots.picture import Picture, Strip
from orderflow_recorder.plots.scales import edges, shown_prices

NOON: Final = datetime(2024, 8, 8, 12, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
SECOND: Final = timedelta(seconds=1)
TRADE_HOLE: Final = Hole("trade", NOON + 20 * SECOND, NOON + 25 * SECOND, 201, 249, "disconnect", "open", "")
DEPTH_HOLE: Final = Hole(
    "depth@100ms", NOON + 40 * SECOND, NOON + 50 * SECOND, 401, 499, "stall", "unrecoverable", "no past books"
)


def trades(seed: int = 1, number: int = 600, length: timedelta = MINUTE) -> pl.DataFrame:
    """Return trades at even distances, prices and quantities by chance."""
    random = Random(seed)  # noqa: S311  # not for secrets
    price, rows = 60_000.0, []
    for index in range(number):
        price += random.choice((-0.5, 0.0, 0.5))
        time = NOON + length * index / number
        rows.append((index, time, price, random.randint(1, 5_000) / 1000, random.random() < 0.5))
    schema = [
        ("id", pl.Int64()),
        ("time", pl.Datetime("us", "UTC")),
        ("price", pl.Float64()),
        ("quantity", pl.Float64()),
        ("buyer_is_maker", pl.Boolean()),
    ]
    return pl.DataFrame(rows, schema, orient="row")


def change(second: float, first: int, final: int, *, bids: dict[float, float], asks: dict[float, float]) -> Change:
    """Return a spot diff."""
    return Change(NOON + second * SECOND, DepthIds(first, final), list(bids.items()), list(asks.items()))


def book(bid: float = 59_999.5, ask: float = 60_000.5) -> Base:
    """Return a book of ten levels a side."""
    bids = {bid - level: 1.0 + level for level in range(10)}
    asks = {ask + level: 2.0 + level for level in range(10)}
    return Base(bids, asks, min(bids), max(asks))


def picture(*, holes: bool = True) -> Picture:
    """Return a picture of a minute.

    Args:
        holes: Whether something is missing.
    """
    found = [TRADE_HOLE, DEPTH_HOLE] if holes else []
    flow = FlowReducer(NOON, NOON + MINUTE, step=SECOND / 4, bar=SECOND, holes=found[:1])
    shown = trades()
    if holes:
        shown = shown.filter(~pl.col("time").is_between(TRADE_HOLE.start, TRADE_HOLE.end, closed="none"))
    flow.add(shown)
    done = flow.result()
    prices = shown_prices(done.path)

    def rebuild(at: datetime) -> Answer:
        return "inside a hole" if holes and DEPTH_HOLE.start < at < DEPTH_HOLE.end else book()

    heat = HeatReducer(
        Market.SPOT, NOON, edges(NOON, NOON + MINUTE, SECOND / 4), every=4, prices=prices,
        rebuild=rebuild,
    )  # fmt: skip
    for number in range(600):
        second = number / 10
        if not holes or not DEPTH_HOLE.start < NOON + second * SECOND < DEPTH_HOLE.end:
            heat.take(change(second, number, number, bids={59_990.0: number % 7}, asks={60_010.0: number % 5}))
    return Picture(
        market=Market.SPOT,
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        start=NOON,
        end=NOON + MINUTE,
        bar=SECOND,
        column=SECOND,
        prices=prices,
        trade_stream="trade",
        depth_stream="depth@100ms",
        flow=done,
        heat=heat.result(book()),
        strips=[Strip("depth@100ms", NOON, NOON + MINUTE), Strip("trade", NOON, NOON + MINUTE)],
        holes=found,
    )
