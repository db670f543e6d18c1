"""Exports to hftbacktest, read and played by hftbacktest itself, against the capture."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.domain.market import Market
from orderflow_recorder.export.formats import ExportFormat
from tests.support import database
from tests.support.captures import capture
from tests.support.exported import run_export, wanted
from tests.support.naive_book import Side, before_the_hole, book_of
from tests.support.recorded import Recorded, holed, recorded, write_holed

np = pytest.importorskip("numpy")

FIVE = "usdm_five_symbols_2021-04-05"
TICK = Decimal("0.00001")
DEPTH, TRADE, CLEAR, SNAPSHOT = 1, 2, 3, 4
EXCHANGE, LOCAL, BUY = 1 << 31, 1 << 30, 1 << 29


@pytest.fixture(scope="module")
def url(postgres_url: str, postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a database with a futures capture, and a spot one with holes."""
    path = tmp_path_factory.mktemp("holed") / "holed.jsonl.gz"
    write_holed(path)
    with database.new_database(postgres_url, template=postgres_template) as address:
        replay(load_settings(env_file=None), address, [capture(FIVE), path], lambda _path, _left: None)
        yield address


def library(module: str = "") -> Any:  # noqa: ANN401  # a module
    """Return a module of the library, slow to load; skip the test where it is not installed."""
    return pytest.importorskip(f"hftbacktest{module}", reason="needs the group `interop`: make interop")


def events_of(url: str, folder: Path, market: Market, symbol: str, **fields: object) -> tuple[Path, Any]:
    """Export a symbol, and return the file and its events."""
    done = run_export(url, wanted(market, symbol, kind=ExportFormat.HFTBACKTEST, **fields), folder)
    (report,) = done.reports
    (name,) = report.files
    with np.load(folder / name) as file:
        events = file["data"]
    library(".data").validate_event_order(events)
    assert report.notes["events"] == len(events)
    return folder / name, events


def levels(depth: Any, side: int) -> Side:  # noqa: ANN401  # of a library without types
    """Return a side of the book that the library keeps."""
    every = depth.snapshot()
    found = {Decimal(str(round(event["px"], 5))): Decimal(str(event["qty"])) for event in every if event["ev"] & side}
    depth.snapshot_free(every)
    return {price: quantity for price, quantity in found.items() if quantity}


def test_hftbacktest_plays_it_to_the_same_books_and_trades(url: str, tmp_path: Path) -> None:
    hftbacktest = library()
    path, events = events_of(url, tmp_path, Market.USDM, "SANDUSDT")
    truth = recorded(FIVE, "SANDUSDT")
    asset = (
        hftbacktest.BacktestAsset()
        .data([str(path)])
        .linear_asset(1.0)
        .constant_order_latency(0, 0)
        .risk_adverse_queue_model()
        .no_partial_fill_exchange()
        .trading_value_fee_model(0, 0)
        .tick_size(float(TICK))
        .lot_size(1.0)
        .last_trades_capacity(10_000)
    )
    backtest = hftbacktest.HashMapMarketDepthBacktest([asset])
    shift = _shift(truth)
    compared = 0
    ended = 0
    while not ended:
        ended = backtest.elapse(20_000_000_000)
        now = backtest.current_timestamp if not ended else int(events["local_ts"].max())
        known = [one for one in truth.changes if one.received * 1000 + shift <= now]
        if known and known[-1].final > truth.snapshot["lastUpdateId"]:
            bids, asks = book_of(truth, known)
            depth = backtest.depth(0)
            assert (levels(depth, BUY), levels(depth, BUY >> 1)) == (bids, asks)
            assert (depth.best_bid_tick, depth.best_ask_tick) == (max(bids) / TICK, min(asks) / TICK)
            compared += 1
    last = backtest.last_trades(0)
    trades = [(one["px"], one["qty"], bool(one["ev"] & BUY)) for one in last]
    assert trades == [(float(one.price), float(one.quantity), not one.sold) for one in truth.fills]
    assert compared > 4
    backtest.close()


def _shift(truth: Recorded) -> int:
    """Return by how much hftbacktest's own rule moves our times, ns: nothing may be known before it happened."""
    latencies = [one.received * 1000 - one.time * 1_000_000 for one in truth.fills]
    return max(0, -min(latencies))


def test_times_are_the_venues_and_ours(url: str, tmp_path: Path) -> None:
    _, events = events_of(url, tmp_path, Market.USDM, "SANDUSDT")
    truth = recorded(FIVE, "SANDUSDT")
    trades = events[(events["ev"] & 0xFF == TRADE) & (events["ev"] & EXCHANGE > 0)]
    assert trades["exch_ts"].tolist() == [one.time * 1_000_000 for one in truth.fills]
    mine = events[(events["ev"] & 0xFF == TRADE) & (events["ev"] & LOCAL > 0)]
    moved = mine["local_ts"] - np.array([one.received * 1000 for one in truth.fills])
    assert len(set(moved.tolist())) == 1
    assert (events["local_ts"] - events["exch_ts"]).min() == 0
    own = library(".data").correct_local_timestamp(events.copy(), 0)
    assert (own == events).all()


def test_a_book_is_lost_at_a_hole_until_the_next_snapshot(url: str, tmp_path: Path) -> None:
    _, events = events_of(url, tmp_path, Market.SPOT, "BTCUSDT")
    truth = holed()
    before = before_the_hole(truth)
    after = truth.changes[len(before)]
    clears = events[(events["ev"] & 0xFF == CLEAR) & (events["ev"] & EXCHANGE > 0)]
    assert clears["exch_ts"].tolist()[-1] == after.time * 1_000_000
    changes = events[(events["ev"] & 0xFF == DEPTH) & (events["ev"] & EXCHANGE > 0)]
    assert changes["exch_ts"].max() <= before[-1].time * 1_000_000
    assert _replayed(events) == ({}, {})
    told = events[events["exch_ts"] < after.time * 1_000_000]
    assert _replayed(told) == _floats(book_of(truth, before))


def test_a_part_begins_with_the_book_as_it_was(url: str, tmp_path: Path) -> None:
    start = datetime(2021, 4, 5, 18, 37, 30, tzinfo=UTC)
    _, events = events_of(url, tmp_path, Market.USDM, "SANDUSDT", start=start)
    kinds = (events["ev"] & 0xFF).tolist()
    first = next(index for index, kind in enumerate(kinds) if kind != TRADE)
    assert kinds[first] == CLEAR
    assert kinds[first + 1] == SNAPSHOT
    assert kinds.count(CLEAR) <= 2
    assert _replayed(events) == _floats(book_of(recorded(FIVE, "SANDUSDT")))


def _floats(book: tuple[Side, Side]) -> tuple[dict[float, float], ...]:
    return tuple({float(price): float(quantity) for price, quantity in side.items()} for side in book)


def _replayed(events: Any) -> tuple[dict[float, float], ...]:  # noqa: ANN401  # an array
    """Return the book after events, kept in dictionaries."""
    sides: Sequence[dict[float, float]] = ({}, {})
    for event in events[(events["ev"] & LOCAL) > 0]:
        kind, side = event["ev"] & 0xFF, sides[0 if event["ev"] & BUY else 1]
        if kind == CLEAR:
            for one in sides:
                one.clear()
        elif kind in (DEPTH, SNAPSHOT):
            side[float(event["px"])] = float(event["qty"])
    return tuple({price: quantity for price, quantity in side.items() if quantity} for side in sides)
