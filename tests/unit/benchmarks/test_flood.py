"""What a flood sends is what the venue would: our own parser reads it, ids go on without a hole, books hold."""

import asyncio
import itertools
import json
import time
from collections.abc import Iterator

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.flood.market import FloodMarket, StreamKey
from benchmarks.flood.plan import MAX, Burst, Plan
from benchmarks.flood.reel import Reel, ws_frame
from benchmarks.flood.server import FloodServer
from orderflow_recorder.binance.parse_frame import parse_frame
from orderflow_recorder.binance.parse_rest import parse_rest
from orderflow_recorder.core.order_book import OrderBook, depth_ids
from orderflow_recorder.core.sequencing import Bridge, Verdict, bridge, judge
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import AggTrade, BookSnapshot, DepthDiff, Record, Trade

MARKETS = tuple(Market)
SYMBOLS = 3
NOW_US = 1_795_807_283_123_456


def venue(*, levels: int | None = 44, pool: int = 60) -> FloodMarket:
    symbols = dict.fromkeys(MARKETS, SYMBOLS)
    return FloodMarket(
        Plan(symbols=symbols, rates={"depth": MAX, "trade": 2000.0}, seconds=0.2, levels=levels, pool=pool)
    )


def keys(flood: FloodMarket, market: Market, name: str) -> list[StreamKey]:
    return [StreamKey(market, f"{symbol.lower()}@{name}") for symbol in flood.symbols[market]]


def frames(reel: Reel, count: int, *, block: int = 7) -> Iterator[bytes]:
    """Take frames a few at a time, cut at the edges of the reel."""
    while count > 0:
        first = reel.sent % reel.size
        data, taken = reel.take(min(block, count), 2**20, NOW_US + reel.sent)
        base = reel.edges[first]
        for place in range(first, first + taken):
            yield bytes(data[reel.edges[place] - base : reel.edges[place + 1] - base])
        count -= taken


def records(market: Market, sent: Iterator[bytes]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for frame in sent:
        (record,) = parse_frame(market, frame, 1)
        found.setdefault(record.symbol or "", []).append(record)
    return found


def the_diffs(found: list[Record]) -> list[DepthDiff]:
    return [record for record in found if isinstance(record, DepthDiff)]


@pytest.mark.parametrize("market", MARKETS)
def test_trade_ids_go_on_without_a_hole_from_lap_to_lap(market: Market) -> None:
    flood = venue()
    reel = flood.reel(keys(flood, market, "trade"), microseconds=market is Market.SPOT, framed=False)
    found = records(market, frames(reel, 3 * reel.size + 5))
    assert len(found) == SYMBOLS
    for symbol, trades in found.items():
        ids = [trade.trade_id for trade in trades if isinstance(trade, Trade)]
        assert ids == list(range(ids[0], ids[0] + len(trades)))
        assert flood.newest(StreamKey(market, f"{symbol.lower()}@trade")) == ids[-1]
        assert flood.frames_sent(StreamKey(market, f"{symbol.lower()}@trade")) == len(ids)


@pytest.mark.parametrize("market", MARKETS)
def test_aggregates_cover_every_trade_id_once(market: Market) -> None:
    flood = venue()
    reel = flood.reel(keys(flood, market, "aggTrade"), microseconds=False, framed=False)
    for found in records(market, frames(reel, 3 * reel.size)).values():
        rows = [row for row in found if isinstance(row, AggTrade)]
        assert [row.agg_trade_id for row in rows] == list(
            range(rows[0].agg_trade_id, rows[0].agg_trade_id + len(found))
        )
        assert all(row.first_trade_id <= row.last_trade_id for row in rows)
        assert all(row.first_trade_id == before.last_trade_id + 1 for before, row in itertools.pairwise(rows))


@pytest.mark.parametrize("levels", [44, 1, None])
@pytest.mark.parametrize("market", MARKETS)
def test_diffs_chain_and_their_book_never_crosses(market: Market, levels: int | None) -> None:
    flood = venue(levels=levels)
    streams = keys(flood, market, "depth@100ms")
    reel = flood.reel(streams, microseconds=market is Market.SPOT, framed=False)
    books = {symbol: snapshot(flood, market, symbol) for symbol in flood.symbols[market]}
    for symbol, found in records(market, frames(reel, 3 * reel.size + 11)).items():
        book, diffs = books[symbol], the_diffs(found)
        assert bridge(market, book.last_update_id, depth_ids(diffs[0])) is Bridge.SPANS
        for before, diff in zip((None, *diffs), diffs, strict=False):
            assert before is None or judge(market, before.final_update_id, depth_ids(diff)) is Verdict.NEXT
            assert levels is None or len(diff.bid_prices) + len(diff.ask_prices) == levels
            book.apply(diff)
            assert not book.crossed
        # What REST says afterwards is that very book; far out, where nothing changes, it may reach further.
        after = snapshot(flood, market, symbol)
        assert (after.last_update_id, after.bids(500), after.asks(500)) == (
            book.last_update_id,
            book.bids(500),
            book.asks(500),
        )


def snapshot(flood: FloodMarket, market: Market, symbol: str) -> OrderBook:
    body = flood.book(flood.symbols[market][symbol], "depth@100ms", 1000)
    path = "/api/v3/depth" if market is Market.SPOT else "/fapi/v1/depth"
    (record,) = parse_rest(market, path, symbol, body, 1)
    assert isinstance(record, BookSnapshot)
    return OrderBook(record)


@pytest.mark.parametrize(("microseconds", "expected"), [(True, NOW_US * 1000), (False, NOW_US // 1000 * 1_000_000)])
def test_times_are_those_of_the_moment(*, microseconds: bool, expected: int) -> None:
    flood = venue()
    reel = flood.reel(keys(flood, Market.SPOT, "trade"), microseconds=microseconds, framed=False)
    data, _ = reel.take(1, 2**20, NOW_US)
    (trade,) = parse_frame(Market.SPOT, bytes(data), 1)
    assert isinstance(trade, Trade)
    assert (trade.event_time, trade.trade_time) == (expected, expected)


def test_a_reel_that_is_given_up_leaves_its_ids_to_the_next() -> None:
    flood = venue()
    streams = keys(flood, Market.USDM, "trade")
    first = flood.reel(streams, microseconds=False, framed=False)
    list(frames(first, first.size))
    newest = flood.newest(streams[0])
    flood.give_up(first)
    (trade,) = parse_frame(Market.USDM, next(frames(flood.reel(streams[:1], microseconds=False, framed=False), 1)), 1)
    assert isinstance(trade, Trade)
    assert trade.trade_id == newest + 1


def test_blocks_are_as_small_as_asked_for() -> None:
    flood = venue()
    reel = flood.reel(keys(flood, Market.USDM, "depth@100ms"), microseconds=False)
    assert reel.take(50, 1, NOW_US)[1] == 1
    block, count = reel.take(50, 5000, NOW_US)
    assert len(block) <= 5000
    assert count > 1


@pytest.mark.parametrize("size", [5, 125, 126, 65_535, 65_536])
def test_frames_have_the_header_that_their_size_needs(size: int) -> None:
    assert len(ws_frame(bytes(size))) - size == (2 if size < 126 else 4 if size < 65_536 else 10)


def test_bursts_multiply_the_rate_of_trades_alone() -> None:
    plan = Plan(symbols={}, rates={"trade": 10.0, "depth": 10.0}, seconds=60, burst=Burst(10, 5, 25))
    assert plan.due("depth", 30) == 300
    assert [plan.due("trade", at) for at in (25, 26, 30, 60, 100)] == [250, 350, 750, 1500, 1500]


async def test_a_socket_gets_what_it_subscribed_to_and_rest_fits_it() -> None:
    flood = venue(pool=300)
    server = FloodServer(flood)
    serving = asyncio.create_task(server.serve())
    host = f"127.0.0.1:{server.port}"
    try:
        async with (
            httpx.AsyncClient(base_url=f"http://{host}") as client,
            connect(f"ws://{host}/public/stream?streams=btcusdt@depth@100ms", compression=None) as socket,
        ):
            await socket.send('{"method":"SUBSCRIBE","params":["ethusdt@trade"],"id":1}')
            assert json.loads(await socket.recv()) == {"result": None, "id": 1}
            assert (await client.get("/fapi/v1/exchangeInfo")).json()["symbols"][0]["symbol"] == "BTCUSDT"
            await client.get("/control/start")
            found, body = await asyncio.gather(receive(socket, server), depth_soon(client))
            figures = (await client.get("/control/status")).json()
    finally:
        serving.cancel()
    diffs, trades = the_diffs(found["BTCUSDT"]), found["ETHUSDT"]
    assert figures["sent"] == {"depth": len(diffs), "trade": len(trades)}
    assert len(trades) == 400
    assert figures["streams"]["usdm:btcusdt@depth@100ms"] == [diffs[-1].final_update_id, len(diffs)]
    last = json.loads(body)["lastUpdateId"]
    assert any(bridge(Market.USDM, last, depth_ids(diff)) is Bridge.SPANS for diff in diffs)


async def receive(socket: ClientConnection, server: FloodServer) -> dict[str, list[Record]]:
    """Return every record until the flood is over."""
    found: list[bytes] = []

    async def read() -> None:
        while True:
            found.append(await socket.recv(decode=False))

    reading = asyncio.create_task(read())
    await server.report.finished.wait()
    deadline = time.monotonic() + 10
    while len(found) < sum(server.report.figures()["sent"].values()) and time.monotonic() < deadline:
        await asyncio.wait([reading], timeout=0.01)
    reading.cancel()
    return records(Market.USDM, iter(found))


async def depth_soon(client: httpx.AsyncClient) -> bytes:
    return (await client.get("/fapi/v1/depth", params={"symbol": "BTCUSDT", "limit": "1000"})).content
