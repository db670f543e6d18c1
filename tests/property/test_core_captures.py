"""The core on what Binance really sent: chains are whole, books agree with the venue's own tops."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest

from orderflow_recorder.core.book_sync import BookSync, RequestSnapshot, Synced, SyncState
from orderflow_recorder.core.order_book import OrderBook, depth_ids, replay
from orderflow_recorder.core.sequencing import Bridge, Verdict, bridge, judge
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff
from tests.support.captures import NAMES, capture, lines

Top = tuple[Decimal, Decimal, Decimal, Decimal]


def columns(levels: list[list[str]]) -> tuple[list[str], list[str]]:
    return [price for price, _ in levels], [quantity for _, quantity in levels]


def diff_of(market: Market, data: dict[str, Any]) -> DepthDiff:
    return DepthDiff(
        market, data["s"], data["U"], data["u"], data.get("pu"), data["E"], None, 0, *columns(data["b"]),
        *columns(data["a"]),
    )  # fmt: skip


def snapshot_of(market: Market, line: dict[str, Any]) -> BookSnapshot:
    body = line["d"]
    return BookSnapshot(
        market, line["symbol"], body["lastUpdateId"], "rest", line["t"], *columns(body["bids"]), *columns(body["asks"])
    )


class Recorded:
    """One symbol of a capture; its sync machine is fed in order of arrival."""

    def __init__(self, market: Market) -> None:
        """Start empty."""
        self.market = market
        self.sync = BookSync(market)
        self.effects: list[object] = []
        self.diffs: list[DepthDiff] = []
        self.snapshots: list[BookSnapshot] = []
        self.tops: dict[int, set[Top]] = defaultdict(set)


def read(name: str) -> dict[str, Recorded]:
    path = capture(name)
    market = Market(name.split("_", maxsplit=1)[0])
    symbols: dict[str, Recorded] = defaultdict(lambda: Recorded(market))
    for line in lines(path):
        if line["k"] == "rest":
            symbol = symbols[line["symbol"]]
            symbol.snapshots.append(snapshot_of(market, line))
            symbol.effects += symbol.sync.on_snapshot(line["d"]["lastUpdateId"])
            continue
        data, stream = line["d"]["data"], line["d"]["stream"]
        symbol = symbols[data["s"]]
        if stream.endswith("@bookTicker"):
            best = (Decimal(data["b"]), Decimal(data["B"]), Decimal(data["a"]), Decimal(data["A"]))
            symbol.tops[data["u"]].add(best)
        elif "@depth" in stream:
            symbol.diffs.append(diff_of(market, data))
            symbol.effects += symbol.sync.on_diff(depth_ids(symbol.diffs[-1]))
    return symbols


def top(book: OrderBook) -> Top:
    (bid, bid_quantity), (ask, ask_quantity) = book.bids(1)[0], book.asks(1)[0]
    return bid, bid_quantity, ask, ask_quantity


def compare_tops(symbol: Recorded) -> int:
    """Apply every diff from the snapshot on; return how many of the venue's tops were compared."""
    snapshot = symbol.snapshots[0]
    book = OrderBook.from_snapshot(snapshot)
    compared = 0
    started = False
    for diff in symbol.diffs:
        ids = depth_ids(diff)
        if not started:
            started = bridge(symbol.market, snapshot.last_update_id, ids) is Bridge.SPANS
            if not started:
                continue
        else:
            assert judge(symbol.market, book.last_update_id, ids) is Verdict.NEXT
        book.apply(diff)
        assert not book.crossed
        for theirs in symbol.tops.get(diff.final_update_id, ()):
            assert top(book) == theirs
            compared += 1
    return compared


@pytest.mark.parametrize("name", NAMES)
def test_recorded_chains_are_whole_and_books_agree_with_every_top_of_the_same_update(name: str) -> None:
    symbols = read(name)
    compared = 0
    for symbol in symbols.values():
        assert symbol.sync.state is SyncState.SYNCED
        snapshot = symbol.snapshots[0]
        kinds = [type(effect) for effect in symbol.effects]
        assert kinds in ([RequestSnapshot, Synced], [Synced]), "one request, one epoch, no gap"
        compared += compare_tops(symbol)
        replayed = replay(symbol.market, symbol.snapshots, symbol.diffs)
        again = OrderBook.from_snapshot(snapshot)
        for diff in symbol.diffs:
            if bridge(symbol.market, snapshot.last_update_id, depth_ids(diff)) is not Bridge.BEFORE:
                again.apply(diff)
        assert replayed is not None
        assert (replayed.bids(), replayed.asks()) == (again.bids(), again.asks())
    if any(symbol.tops for symbol in symbols.values()):
        assert compared > 100, "too few tops to prove anything"
