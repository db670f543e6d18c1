"""The order of events in a file of hftbacktest, and how it is packed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.export.hft_events import EVENT, EXCHANGE, LOCAL, EventSpool, both_orders

TIMES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=40)


def array(numbers: list[int]) -> Any:  # noqa: ANN401  # NumPy's, of whole numbers
    """Build an array."""
    return np.array(numbers, np.int64)


@given(TIMES)
def test_each_side_gets_each_message_once_in_its_own_order(times: list[tuple[int, int]]) -> None:
    exchange, local = array([one for one, _ in times]), array([one for _, one in times])
    order, sides = both_orders(exchange, local)
    for side, own in ((EXCHANGE, exchange), (LOCAL, local)):
        seen = order[(sides & side) == side]
        assert seen.tolist() == sorted(range(len(times)), key=lambda one: (own[one], one))
    assert len(order) <= 2 * len(times)


def test_messages_that_are_in_order_stand_once() -> None:
    order, sides = both_orders(array([1, 2, 2, 5]), array([3, 3, 4, 9]))
    assert order.tolist() == [0, 1, 2, 3]
    assert set(sides.tolist()) == {EXCHANGE | LOCAL}


def packed(folder: Path, messages: list[tuple[int, int, int]]) -> tuple[Any, int]:
    """Pack messages (exchange's time, ours, number of events), each event with a price of its own."""
    spool = EventSpool(folder / "spool")
    price = 0
    for exchange, local, count in messages:
        prices = np.arange(price, price + count, dtype=np.float64)
        price += count
        spool.add((array([exchange]), array([local])), array([count]), np.full(count, 2, np.uint64), prices, prices / 2)
    written, lowest = spool.pack(folder / "events.npz")
    with np.load(folder / "events.npz") as file:
        events = file["data"]
    assert len(events) == written
    return events, lowest


def test_events_are_packed_as_the_reader_expects_them(tmp_path: Path) -> None:
    events, lowest = packed(tmp_path, [(10, 15, 2), (20, 21, 0), (30, 33, 1)])
    assert events.dtype == EVENT
    assert events["exch_ts"].tolist() == [10, 10, 30]
    assert events["local_ts"].tolist() == [15, 15, 33]
    assert events["px"].tolist() == [0, 1, 2]
    assert events["qty"].tolist() == [0, 0.5, 1]
    assert set(events["ev"].tolist()) == {2 | EXCHANGE | LOCAL}
    assert lowest == 1


def test_a_message_out_of_order_stands_twice_with_all_its_events(tmp_path: Path) -> None:
    events, _ = packed(tmp_path, [(10, 50, 2), (20, 30, 1)])
    assert events["px"].tolist() == [0, 1, 2, 0, 1]
    assert (events["ev"] - 2).tolist() == [EXCHANGE, EXCHANGE, EXCHANGE | LOCAL, LOCAL, LOCAL]


def test_no_message_is_known_before_it_happened(tmp_path: Path) -> None:
    events, lowest = packed(tmp_path, [(10, 8, 1), (20, 15, 1), (30, 31, 1)])
    assert lowest == -5
    assert events["local_ts"].tolist() == [13, 20, 36]


def test_a_file_may_be_empty(tmp_path: Path) -> None:
    events, lowest = packed(tmp_path, [])
    assert (len(events), lowest) == (0, 0)


def test_many_events_are_written_some_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderflow_recorder.export.hft_events._EVENTS_AT_ONCE", 3)
    events, _ = packed(tmp_path, [(number, number, number % 5) for number in range(20)])
    assert events["px"].tolist() == list(range(40))
