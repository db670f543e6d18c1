"""Books and tapes against independent replays."""

from decimal import Decimal
from typing import Any

import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.capture import CaptureSource
from orderflow_recorder.sim.truth import Truth
from tests.support.captures import NAMES, capture, lines
from tests.unit.sim.tools import SPOT, USDM, depth, played, snapshot, trade

LEVELS = [["10", "1"], ["9", "1"]]


def replayed(name: str) -> dict[tuple[str, str], tuple[int, dict[str, dict[Decimal, Decimal]]]]:
    """Rebuild a capture's books with nothing of the project: snapshot first, then every newer diff."""
    books: dict[tuple[str, str], Any] = {}
    everything = list(lines(capture(name)))
    for line in everything:
        if line["k"] == "rest":
            body = line["d"]
            sides = {side: {Decimal(p): Decimal(q) for p, q in body[side]} for side in ("bids", "asks")}
            books[line["market"], line["symbol"]] = (body["lastUpdateId"], sides)
    for line in everything:
        if line["k"] != "ws" or "@depth@" not in line["d"]["stream"]:
            continue
        data = line["d"]["data"]
        last, sides = books[line["market"], data["s"]]
        if data["u"] > last:
            for key, side in (("b", "bids"), ("a", "asks")):
                for price, quantity in data[key]:
                    sides[side][Decimal(price)] = Decimal(quantity)
            books[line["market"], data["s"]] = (data["u"], sides)
    return books


@pytest.mark.parametrize("name", NAMES)
def test_the_final_book_of_each_capture_equals_an_independent_replay(name: str) -> None:
    source = CaptureSource([capture(name)])
    truth = Truth(source.snapshots())
    for frame in source.frames(1, lambda _market, _stream: True):
        truth.apply(frame)
    expected = replayed(name)
    assert expected
    for (market, symbol), (last, sides) in expected.items():
        book = truth.book(Market(market), symbol)
        assert book.last_update_id == last
        assert book.bids == {price: quantity for price, quantity in sides["bids"].items() if quantity}
        assert book.asks == {price: quantity for price, quantity in sides["asks"].items() if quantity}
    assert truth.unreadable == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_tapes_of_each_capture_have_every_id(name: str) -> None:
    source = CaptureSource([capture(name)])
    truth = Truth()
    for frame in source.frames(1, lambda _market, _stream: True):
        truth.apply(frame)
    ids: dict[tuple[str, str, str], list[int]] = {}
    for line in lines(capture(name)):
        if (
            line["k"] == "ws" and line["d"]["data"]["e"] in {"trade", "aggTrade"}
            if "e" in line["d"].get("data", {})
            else False
        ):
            data = line["d"]["data"]
            ids.setdefault((line["market"], data["s"], data["e"]), []).append(
                data["t" if data["e"] == "trade" else "a"]
            )
    for (market, symbol, kind), expected in ids.items():
        tape = truth.trades if kind == "trade" else truth.agg_trades
        assert [entry.id for entry in tape(Market(market), symbol)] == sorted(expected)


def test_a_captured_snapshot_stands_ahead_of_the_stream() -> None:
    truth = Truth([snapshot(SPOT, 20, bids=LEVELS)])
    truth.apply(depth(SPOT, 11, 15, bids=[["10", "7"]]))
    assert truth.book(SPOT, "BTCUSDT").last_update_id == 20
    assert truth.book(SPOT, "BTCUSDT").bids[Decimal(10)] == 1
    truth.apply(depth(SPOT, 16, 22, bids=[["10", "8"]]))
    assert truth.book(SPOT, "btcusdt").last_update_id == 22
    assert truth.book(SPOT, "btcusdt").bids[Decimal(10)] == 8


def test_after_a_hole_in_the_recording_the_next_captured_snapshot_counts() -> None:
    known = [
        snapshot(USDM, 20, bids=LEVELS),
        snapshot(USDM, 25, bids=[["1", "1"]]),
        snapshot(USDM, 60, bids=[["5", "5"]]),
    ]
    truth = Truth(known)
    truth.apply(depth(USDM, 19, 22, 18))
    truth.apply(depth(USDM, 30, 31, 22, bids=[["8", "8"]]))
    assert sorted(truth.book(USDM, "BTCUSDT").bids) == [8, 9, 10], "U jumps on futures: only pu decides"
    truth.apply(depth(USDM, 55, 58, 50))
    assert truth.book(USDM, "BTCUSDT").last_update_id == 60
    assert truth.book(USDM, "BTCUSDT").bids == {Decimal(5): Decimal(5)}


def test_a_stale_book_is_from_before_the_first_diff_or_long_ago() -> None:
    truth = Truth([snapshot(SPOT, 20, bids=LEVELS)])
    truth.apply(depth(SPOT, 15, 21))
    assert truth.symbol(SPOT, "BTCUSDT").stale_book().last_update_id == 14
    for number in range(22, 500):
        truth.apply(depth(SPOT, number, number))
    stale = truth.symbol(SPOT, "BTCUSDT").stale_book().last_update_id
    assert 14 < stale <= truth.book(SPOT, "BTCUSDT").last_update_id - 150


def test_without_a_snapshot_the_book_is_made_of_diffs_alone() -> None:
    truth = Truth()
    truth.apply(depth(SPOT, 5, 9, bids=LEVELS))
    truth.apply(depth(SPOT, 10, 10, bids=[["9", "0"]]))
    assert truth.book(SPOT, "BTCUSDT").bids == {Decimal(10): Decimal(1)}


def test_zero_price_futures_trades_are_spent_ids_and_times_become_microseconds() -> None:
    truth = Truth()
    truth.apply(trade(USDM, 7, price="0"))
    truth.apply(trade(USDM, 8, price="0.10"))
    assert [(entry.id, entry.spent) for entry in truth.trades(USDM, "BTCUSDT")] == [(7, True), (8, False)]
    assert truth.trades(USDM, "BTCUSDT")[0].time == 1_700_000_000_007_000
    assert truth.time(USDM) == 1_700_000_000_008_000
    assert truth.time(SPOT) is None


def test_an_unreadable_frame_in_a_recording_is_counted() -> None:
    truth = Truth()
    truth.apply(played(SPOT, "btcusdt@trade", {"t": "not a number"}))
    truth.apply(played(SPOT, "btcusdt@kline_1m", {}))
    assert truth.unreadable == 1
