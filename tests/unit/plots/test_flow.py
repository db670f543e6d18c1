"""Trades made small, held to plain loops over all of them."""

from collections import defaultdict
from datetime import datetime, timedelta
from random import Random

import polars as pl
import pytest

from orderflow_recorder.plots.flow import DOT_SLOTS, MOST_DOTS, Flow, FlowReducer
from orderflow_recorder.plots.holes import Hole
from tests.support.pictures import MINUTE, NOON, SECOND, trades

STEP, BAR = SECOND / 4, 5 * SECOND
END = NOON + MINUTE


def reduce(frame: pl.DataFrame, holes: list[Hole], cuts: list[int]) -> Flow:
    flow = FlowReducer(NOON, END, step=STEP, bar=BAR, holes=holes)
    for start, end in zip([0, *cuts], [*cuts, frame.height], strict=True):
        flow.add(frame[start:end])
    return flow.result()


def floored(time: datetime, step: timedelta) -> datetime:
    return NOON + (time - NOON) // step * step


@pytest.mark.parametrize("seed", range(5))
def test_path_and_sum_equal_a_plain_computation_whatever_the_batches(seed: int) -> None:
    random = Random(seed)  # noqa: S311  # not for secrets
    frame = trades(seed, random.randint(1, 3_000))
    cuts = sorted(random.randint(0, frame.height) for _ in range(random.randint(0, 5)))
    steps: dict[datetime, list[tuple[datetime, float, float]]] = defaultdict(list)
    delta = 0.0
    for _, time, price, quantity, sold in frame.iter_rows():
        delta += -quantity if sold else quantity
        steps[floored(time, STEP)].append((time, price, delta))
    flow = reduce(frame, [], cuts)
    assert flow.trades == frame.height
    assert flow.path.height == len(steps)
    for (time, price, low, high, cvd, run), (_, rows) in zip(flow.path.iter_rows(), sorted(steps.items()), strict=True):
        assert (time, price, run) == (*rows[-1][:2], 0)
        assert (low, high) == (min(row[1] for row in rows), max(row[1] for row in rows))
        assert cvd == pytest.approx(rows[-1][2], abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_bars_equal_a_plain_computation(seed: int) -> None:
    frame = trades(seed, 1_000)
    bought: dict[datetime, float] = defaultdict(float)
    sold: dict[datetime, float] = defaultdict(float)
    for _, time, _, quantity, maker in frame.iter_rows():
        (sold if maker else bought)[floored(time, BAR)] += quantity
    flow = reduce(frame, [], [17, 500])
    for bar in flow.bars.iter_rows(named=True):
        assert bar["bought"] == pytest.approx(bought[bar["start"]])
        assert bar["sold"] == pytest.approx(sold[bar["start"]])
        assert bar["delta"] == pytest.approx(bar["bought"] - bar["sold"])
        assert bar["end"] - bar["start"] == BAR
        assert not bar["hole"]
    assert flow.bars["trades"].sum() == frame.height


def test_lines_break_at_a_hole_even_within_a_step() -> None:
    hole = Hole("trade", NOON + 10 * SECOND, NOON + 10.1 * SECOND, 100, 100, "stall", "open", "")
    frame = trades(1, 6_000).filter(~pl.col("time").is_between(hole.start, hole.end, closed="none"))
    flow = reduce(frame, [hole], [3_000])
    before, after = flow.path.filter(run=0), flow.path.filter(run=1)
    assert before["time"].max() == hole.start
    assert after["time"].min() == NOON + 10.24 * SECOND
    assert flow.path.filter(pl.col("time").dt.truncate(STEP) == NOON + 10 * SECOND).height == 2
    assert flow.bars.filter("hole")["start"].to_list() == [NOON + 10 * SECOND]


def test_the_largest_trades_of_each_part_are_drawn() -> None:
    frame = trades(2, 20_000)
    flow = reduce(frame, [], [5_000, 5_001, 12_345])
    assert flow.dots.height == MOST_DOTS
    slots: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for number, time, _, quantity, _ in frame.iter_rows():
        slots[(time - NOON) // (MINUTE / DOT_SLOTS)].append((-quantity, number))
    largest = {number for rows in slots.values() for _, number in sorted(rows)[: MOST_DOTS // DOT_SLOTS]}
    assert set(flow.dots["id"]) == largest
    sides = dict(frame.select("id", "buyer_is_maker").iter_rows())
    assert all(side == ("sell" if sides[number] else "buy") for number, side in flow.dots.select("id", "side").rows())


def test_few_trades_are_all_drawn_and_none_make_an_empty_picture() -> None:
    assert reduce(trades(1, 60), [], []).dots.height == 60
    flow = reduce(trades(1, 0), [], [])
    assert (flow.trades, flow.path.height, flow.bars.height, flow.dots.height) == (0, 0, 0, 0)


def test_bars_at_the_ends_are_cut_off_with_the_period() -> None:
    flow = FlowReducer(NOON + 2 * SECOND, NOON + 8 * SECOND, step=STEP, bar=BAR, holes=[])
    flow.add(trades(1, 600).filter(pl.col("time").is_between(NOON + 2 * SECOND, NOON + 8 * SECOND, closed="left")))
    ends = [
        ((start - NOON) / SECOND, (end - NOON) / SECOND) for start, end in flow.result().bars["start", "end"].rows()
    ]
    assert ends == [(2, 5), (5, 8)]
