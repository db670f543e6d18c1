"""Rows as a backtest plays them."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pyarrow as pa

from orderflow_recorder.export.flow import FlowClock, levels_of

TIME = pa.timestamp("us", "UTC")
NUMBERS = pa.list_(pa.decimal128(38, 18))


def trades(rows: Sequence[tuple[int, int, bool]]) -> pa.RecordBatch:
    """Build trades: when they happened and were received (µs), and whether they came by the stream."""
    happened, received, live = zip(*rows, strict=True)
    sent = [time if streamed else None for time, streamed in zip(happened, live, strict=True)]
    columns = [pa.array(times, pa.int64()).cast(TIME) for times in (happened, received, sent)]
    return pa.record_batch(columns, ["trade_time", "receive_time", "event_time"])


def latencies(clock: FlowClock, rows: Sequence[tuple[int, int, bool]]) -> list[int]:
    """Return the latency of each row, µs."""
    happened, known = clock.trades(trades(rows))
    return [int(one) for one in (known - happened) // 1000]


def test_a_row_has_its_own_latency() -> None:
    assert latencies(FlowClock(), [(10, 13, True), (20, 22, True)]) == [3, 2]


def test_what_was_fetched_later_has_the_latency_of_the_row_before() -> None:
    clock = FlowClock()
    assert latencies(clock, [(10, 13, True), (20, 9_000, False), (30, 9_000, False), (40, 44, True)]) == [3, 3, 3, 4]
    assert latencies(clock, [(50, 9_000, False), (60, 61, True)]) == [4, 1]


def test_before_the_first_streamed_row_its_latency_counts() -> None:
    assert latencies(FlowClock(), [(10, 9_000, False), (20, 27, True)]) == [7, 7]


def test_without_any_streamed_row_there_is_no_latency() -> None:
    assert latencies(FlowClock(), [(10, 9_000, False), (20, 9_000, False)]) == [0, 0]


def test_times_never_run_backwards() -> None:
    clock = FlowClock()
    first = clock.trades(trades([(10, 30, True), (20, 25, True)]))
    second = clock.trades(trades([(15, 28, True), (40, 45, True)]))
    assert [list(times // 1000) for times in first] == [[10, 20], [30, 30]]
    assert [list(times // 1000) for times in second] == [[20, 40], [30, 45]]


def test_diffs_happen_at_their_transaction_where_it_is_known() -> None:
    columns = {"event_time": [10, 20], "transaction_time": [8, None], "receive_time": [15, 25]}
    diffs = pa.record_batch([pa.array(times, pa.int64()).cast(TIME) for times in columns.values()], list(columns))
    happened, known = FlowClock().diffs(diffs)
    assert (list(happened), list(known)) == ([8_000, 20_000], [15_000, 25_000])


def test_levels_follow_each_other_bids_before_asks() -> None:
    sides = {
        "bid_prices": [["2", "1"], [], ["5"]],
        "bid_quantities": [["20", "10"], [], ["50"]],
        "ask_prices": [["3"], ["4"], []],
        "ask_quantities": [["30"], ["40"], []],
    }
    diffs = pa.record_batch(
        [pa.array([[Decimal(text) for text in row] for row in rows], NUMBERS) for rows in sides.values()], list(sides)
    )
    for part, rows in ((diffs, [0, 0, 0, 1, 2]), (diffs.slice(1), [0, 1])):
        levels = levels_of(part)
        assert list(levels.rows) == rows
        assert [int(price) for price in levels.prices.to_pylist()] == [2, 1, 3, 4, 5][-len(rows) :]
        assert [int(quantity) for quantity in levels.quantities.to_pylist()] == [20, 10, 30, 40, 50][-len(rows) :]
        assert list(levels.is_bid) == [True, True, False, False, True][-len(rows) :]
        assert list(levels.counts) == [3, 1, 1][-part.num_rows :]
        assert levels.counts.dtype == np.int64
