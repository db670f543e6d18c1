"""Synthetic flow keeps every rule of the venue."""

import itertools
import json
from decimal import Decimal
from typing import Any

import pytest

from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.frames import PlayedFrame, split_stream
from orderflow_recorder.sim.synthetic import SyntheticSource
from orderflow_recorder.sim.truth import Truth
from tests.unit.sim.tools import SPOT, USDM

START = 1_700_000_000_000_000_000


def made(source: SyntheticSource, count: int) -> list[PlayedFrame]:
    return list(itertools.islice(source.frames(START, lambda _market, _stream: True), count))


@pytest.fixture(scope="module")
def flow() -> list[tuple[PlayedFrame, dict[str, Any]]]:
    frames = made(SyntheticSource(2, 2, rate=30.0, seed=7), 20_000)
    return [(frame, json.loads(frame.combined)["data"]) for frame in frames]


def of_stream(flow: list[tuple[PlayedFrame, dict[str, Any]]], market: Market, stream: str) -> list[dict[str, Any]]:
    return [data for frame, data in flow if frame.market is market and frame.stream == stream]


def test_the_same_seed_makes_the_same_flow_and_another_does_not() -> None:
    one, two, three = (made(SyntheticSource(2, 1, rate=10.0, seed=seed), 2000) for seed in (1, 1, 2))
    assert one == two
    assert one != three


def test_who_listens_does_not_change_the_flow() -> None:
    alone = SyntheticSource(1, 1, rate=10.0).frames(START, lambda _market, _stream: False)
    core = [frame for frame in itertools.islice(alone, 1000) if "@trade" in frame.stream]
    loud = [frame for frame in made(SyntheticSource(1, 1, rate=10.0), 4000) if "@trade" in frame.stream]
    assert core == loud[: len(core)]


def test_time_never_goes_back(flow: list[tuple[PlayedFrame, dict[str, Any]]]) -> None:
    times = [frame.at for frame, _ in flow]
    assert times == sorted(times)


@pytest.mark.parametrize("speed", ["depth@100ms", "depth", "depth@1000ms"])
def test_spot_diffs_chain_by_first_update_id(flow: list[tuple[PlayedFrame, dict[str, Any]]], speed: str) -> None:
    diffs = of_stream(flow, SPOT, f"btcusdt@{speed}")
    assert len(diffs) > 5
    assert all(after["U"] == before["u"] + 1 for before, after in itertools.pairwise(diffs))
    assert all(diff["U"] <= diff["u"] and "pu" not in diff and "T" not in diff for diff in diffs)


@pytest.mark.parametrize("speed", ["depth@100ms", "depth", "depth@250ms", "depth@500ms"])
def test_futures_diffs_chain_by_previous_final_update_id_only(
    flow: list[tuple[PlayedFrame, dict[str, Any]]], speed: str
) -> None:
    diffs = of_stream(flow, USDM, f"ethusdt@{speed}")
    assert len(diffs) > 5
    assert all(after["pu"] == before["u"] for before, after in itertools.pairwise(diffs))
    assert any(diff["U"] != diff["pu"] + 1 for diff in diffs)


@pytest.mark.parametrize("market", [SPOT, USDM])
def test_trade_ids_are_consecutive_and_aggregates_hold_them(
    flow: list[tuple[PlayedFrame, dict[str, Any]]], market: Market
) -> None:
    trades = of_stream(flow, market, "btcusdt@trade")
    by_id = {trade["t"]: trade for trade in trades}
    assert [trade["t"] for trade in trades] == list(range(trades[0]["t"], trades[-1]["t"] + 1))
    aggregates = of_stream(flow, market, "btcusdt@aggTrade")
    assert all(after["a"] == before["a"] + 1 for before, after in itertools.pairwise(aggregates))
    for aggregate in aggregates:
        parts = [by_id[number] for number in range(aggregate["f"], aggregate["l"] + 1)]
        assert {part["p"] for part in parts} == {aggregate["p"]}
        assert sum(Decimal(part["q"]) for part in parts) == Decimal(aggregate["q"])


def test_futures_speak_the_dialect_of_2026_and_spend_ids(flow: list[tuple[PlayedFrame, dict[str, Any]]]) -> None:
    trades = of_stream(flow, USDM, "btcusdt@trade")
    spent = [trade for trade in trades if trade["X"] == "NA"]
    assert spent
    assert all((trade["p"], trade["q"]) == ("0", "0") for trade in spent)
    assert all(trade["st"] == 1 for trade in trades)
    assert "nq" in of_stream(flow, USDM, "btcusdt@aggTrade")[0]
    assert {"ps", "st"} <= of_stream(flow, USDM, "btcusdt@bookTicker")[0].keys()
    assert {"ap", "r", "i", "T"} <= of_stream(flow, USDM, "btcusdt@markPrice@1s")[0].keys()
    assert of_stream(flow, USDM, "btcusdt@depth5@100ms")[0]["e"] == "depthUpdate"
    assert of_stream(flow, SPOT, "btcusdt@depth5@100ms")[0].keys() == {"lastUpdateId", "bids", "asks"}
    orders = of_stream(flow, USDM, "btcusdt@forceOrder") + of_stream(flow, USDM, "ethusdt@forceOrder")
    assert all(order["o"]["X"] == "FILLED" for order in orders)


def test_books_never_cross_and_agree_with_tops_of_the_same_update() -> None:
    source = SyntheticSource(1, 1, rate=30.0, seed=3)
    truth = Truth(source.snapshots())
    compared = 0
    pending: dict[Market, dict[str, Any]] = {}
    for frame in made(source, 6_000):
        truth.apply(frame)
        data = json.loads(frame.combined)["data"]
        name = split_stream(frame.stream)[1]
        if name == "bookTicker":
            pending[frame.market] = data
        if name not in {"depth@100ms", "depth20@100ms"}:
            continue
        book = truth.book(frame.market, "BTCUSDT")
        if name == "depth@100ms":
            assert max(book.bids) < min(book.asks)
            top = pending.get(frame.market)
            if top is not None and top["u"] == book.last_update_id:
                assert (Decimal(top["b"]), Decimal(top["B"])) == max(book.bids.items())
                assert (Decimal(top["a"]), Decimal(top["A"])) == min(book.asks.items())
                compared += 1
        elif name == "depth20@100ms":
            bids = data.get("bids", data.get("b"))
            assert [Decimal(price) for price, _ in bids] == sorted(book.bids, reverse=True)[:20]
    assert compared > 5


def test_a_new_symbol_trades_at_once_and_a_delisted_one_goes_quiet() -> None:
    source = SyntheticSource(1, 0, rate=10.0)
    stream = source.frames(START, lambda _market, _stream: True)
    before = list(itertools.islice(stream, 500))
    known = source.list_symbol(SPOT, "NEWUSDT")
    assert known is not None
    after = list(itertools.islice(stream, 500))
    new = [json.loads(frame.combined)["data"] for frame in after if frame.stream == "newusdt@depth@100ms"]
    assert new[0]["U"] == json.loads(known.body)["lastUpdateId"] + 1
    assert min(frame.at for frame in after) >= before[-1].at - 200_000_000
    source.delist_symbol(SPOT, "BTCUSDT")
    list(itertools.islice(stream, 200))
    assert "btcusdt@depth@100ms" not in {frame.stream for frame in itertools.islice(stream, 1000)}
    assert source.list_symbol(SPOT, "BTCUSDT") is None
    assert source.is_trading(SPOT, "BTCUSDT")
    with pytest.raises(SettingsError, match="not listed"):
        source.delist_symbol(SPOT, "NOSUCH")


def test_symbols_have_names_and_steps() -> None:
    source = SyntheticSource(13, 2)
    names = [each.symbol for each in source.instruments(SPOT)]
    assert names[:2] == ["BTCUSDT", "ETHUSDT"]
    assert len(set(names)) == 13
    assert source.instruments(USDM)[0].tick_size == "0.01"
    assert source.markets() == {SPOT, USDM}


@pytest.mark.parametrize(("spot", "usdm", "rate"), [(0, 0, 1.0), (-1, 2, 1.0), (1, 1, -1.0)])
def test_nonsense_is_refused(spot: int, usdm: int, rate: float) -> None:
    with pytest.raises(SettingsError, match="synthetic flow"):
        SyntheticSource(spot, usdm, rate)
