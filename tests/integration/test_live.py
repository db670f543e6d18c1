"""The live view beside a real recorder that records captures: what it says is what the captures say."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from orderflow_recorder.app.live import LiveFeed
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.domain.market import Market
from orderflow_recorder.live import Hub, Level, Tick, TickStore
from tests.support.captures import Expected, capture, lines
from tests.support.long import LONG
from tests.support.processes import RecorderProgram, SimulatorProgram, wait_until
from tests.support.recording import SETTINGS, count, loaded
from tests.support.stream_server import StreamServer, connected, serving

pytestmark = pytest.mark.timeout(300)

NAMES = ("spot_btcusdt_2024-08-08", "usdm_five_symbols_2021-04-05")
SYMBOLS = [
    ("spot", "BTCUSDT"),
    ("usdm", "SANDUSDT"),
    ("usdm", "CHRUSDT"),
    ("usdm", "NEOUSDT"),
    ("usdm", "CTKUSDT"),
    ("usdm", "BATUSDT"),
]


@contextmanager
def fed(data: Path, url: str | None) -> Iterator[tuple[TickStore, Hub]]:
    """Feed a store from a recorder's journals."""
    store = TickStore()
    hub = Hub(store)
    feed = LiveFeed(load_settings(None, data_dir=data), store, hub, address=None if url is None else lambda: url)
    feed.start()
    try:
        yield store, hub
        assert feed.trouble == ""
    finally:
        feed.close()


class Hearer:
    """A WebSocket client in a thread, that subscribes to everything of some channels and keeps it."""

    def __init__(self, server: StreamServer, *channels: str) -> None:
        """Subscribe, and go on when that is confirmed."""
        self.events: list[dict[str, Any]] = []
        self._server = server
        self._channels = channels
        self._subscribed = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._hear()), daemon=True)
        self._thread.start()
        assert self._subscribed.wait(20)

    async def _hear(self) -> None:
        async with connected(self._server.url) as client:
            self.events = client.events
            for number, channel in enumerate(self._channels):
                await client.say(op="subscribe", channel=channel, market="*", symbol="*", id=number)
                await client.hear("subscribed")
            self._subscribed.set()
            with suppress(ConnectionClosed):  # the server ends first
                await client.hear("nothing of the kind")

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in list(self.events) if event["type"] == kind]


def trades_of(expected: Expected) -> Counter[tuple[Any, ...]]:
    """Return every trade and aggregate that there is, once."""
    found = [(*key, "trade", row[0], row[1], "sell" if row[2] else "buy") for key, row in expected.trades.items()]
    found += [
        (*key, "aggTrade", row[2], row[3], "sell" if row[4] else "buy") for key, row in expected.agg_trades.items()
    ]
    return Counter(found)


def told(events: list[dict[str, Any]]) -> Counter[tuple[Any, ...]]:
    """Return the trades of events, as `trades_of`."""
    return Counter(
        (
            event["market"],
            event["symbol"],
            event["trade_id"],
            event["stream"],
            Decimal(event["price"]),
            Decimal(event["quantity"]),
            event["side"],
        )
        for event in events
    )


def last_tickers(journal: list[Path]) -> dict[tuple[str, str], tuple[int, Level, Level]]:
    """Return when the last book ticker of each symbol was received, and what it said."""
    return {
        (line["market"], data["s"]): (line["t"], Level(data["b"], data["B"]), Level(data["a"], data["A"]))
        for path in journal
        for line in lines(path)
        if line["k"] == "ws" and line["d"].get("stream", "").endswith("@bookTicker")
        for data in [line["d"]["data"]]
    }


def assert_ticks(store: TickStore, expected: Expected, journal: list[Path], simulator: SimulatorProgram) -> None:
    """Check last trade, day and book of each symbol against the captures."""
    tickers = last_tickers(journal)
    assert {(market.value, symbol) for market, symbol in store.get_all()} == set(SYMBOLS)
    for market, symbol in SYMBOLS:
        tick = store.get(market, symbol)
        assert tick is not None
        truth = simulator.control(f"truth?market={market}&symbol={symbol}")
        assert tick.book is not None, (market, symbol)
        for levels, side, reverse in ((tick.book.bids, truth["bids"], True), (tick.book.asks, truth["asks"], False)):
            best = sorted(((Decimal(price), Decimal(quantity)) for price, quantity in side), reverse=reverse)[:20]
            assert [(Decimal(level.price), Decimal(level.quantity)) for level in levels] == best, (market, symbol)
        received, bid, ask = tickers[market, symbol]
        assert (tick.bid, tick.ask) == (
            (bid, ask) if received >= tick.book.receive_time else (tick.book.bids[0], tick.book.asks[0])
        )
        assert_day(tick, expected, market, symbol)


def assert_day(tick: Tick, expected: Expected, market: str, symbol: str) -> None:
    """Check last trade and day; where there are both trades and aggregates, the day is made of trades."""
    trades = [
        (number, price, quantity, maker, time, 1)
        for (of_market, of_symbol, number), (price, quantity, maker, time, _) in sorted(expected.trades.items())
        if (of_market, of_symbol) == (market, symbol)
    ] or [
        (number, price, quantity, maker, time, last - first + 1)
        for (of_market, of_symbol, number), (first, last, price, quantity, maker, time, _) in sorted(
            expected.agg_trades.items()
        )
        if (of_market, of_symbol) == (market, symbol)
    ]
    day = tick.day
    assert day is not None
    assert tick.trade is not None
    prices = [trade[1] for trade in trades]
    buys = sum(quantity for _, _, quantity, maker, _, _ in trades if not maker)
    volume = sum(quantity for _, _, quantity, _, _, _ in trades)
    assert Decimal(tick.trade.price) == prices[-1]
    assert [Decimal(text) for text in (day.open, day.high, day.low, day.close, day.change)] == [
        prices[0],
        max(prices),
        min(prices),
        prices[-1],
        prices[-1] - prices[0],
    ]
    assert [Decimal(text) for text in (day.volume, day.buy_volume, day.sell_volume, day.quote_volume)] == [
        volume,
        buys,
        volume - buys,
        sum(price * quantity for _, price, quantity, _, _, _ in trades),
    ]
    assert day.trade_count == sum(trade[-1] for trade in trades)


def test_from_the_beginning_on_every_trade_is_told_once_and_every_tick_is_exact(
    tmp_path: Path, database_url: str
) -> None:
    paths = [capture(name) for name in NAMES]
    with (
        SimulatorProgram(tmp_path / "simulator.log", *map(str, paths), "--speed", "40") as simulator,
        RecorderProgram(tmp_path, {"DB_URL": database_url, **simulator.environment(), **SETTINGS}) as recorder,
        fed(recorder.data, None) as (store, hub),
        serving(hub) as server,
    ):
        hearer = Hearer(server, "trades")
        simulator.wait_finished(within_s=150)
        assert recorder.stop(within_s=10) == 0
        expected = Expected.of(*recorder.journal())
        wanted = trades_of(expected)
        wait_until(lambda: len(hearer.of("trade")) >= wanted.total(), within_s=90, what="all trades are told")
        assert told(hearer.of("trade")) == wanted
        assert hearer.of("missed") == []
        assert_ticks(store, expected, recorder.journal(), simulator)


@LONG  # beside other tests a quiet symbol's snapshot may come after its last diff, which leaves it without a book
def test_with_a_database_it_goes_on_where_the_tables_end(tmp_path: Path, database_url: str) -> None:
    paths = [capture(name) for name in NAMES]
    with (
        SimulatorProgram(tmp_path / "simulator.log", *map(str, paths), "--speed", "40") as simulator,
        RecorderProgram(tmp_path, {"DB_URL": database_url, **simulator.environment(), **SETTINGS}) as recorder,
    ):
        wait_until(lambda: count(database_url, "depth_diffs") > 5000, within_s=60, what="rows arrive")
        with fed(recorder.data, database_url) as (store, _):
            simulator.wait_finished(within_s=150)
            assert recorder.stop(within_s=10) == 0
            expected = Expected.of(*recorder.journal())
            wait_until(loaded(database_url, expected), within_s=90, what="every row is in the database")
            wait_until(lambda: is_at_the_end(store, expected), within_s=90, what="the last trade is taken")
            assert_ticks(store, expected, recorder.journal(), simulator)
        # And once everything is in the tables, with nothing behind it.
        with fed(recorder.data, database_url) as (store, _):
            wait_until(lambda: is_at_the_end(store, expected), within_s=90, what="the tables are taken")
            for market, symbol in SYMBOLS:
                tick = store.get(market, symbol)
                assert tick is not None
                assert_day(tick, expected, market, symbol)


def is_at_the_end(store: TickStore, expected: Expected) -> bool:
    """Say whether the newest of each symbol was taken."""
    count_of: Counter[tuple[str, str]] = Counter()
    for market, symbol, _ in expected.trades:
        count_of[market, symbol] += 1
    ticks = store.get_all()
    for (market, symbol), many in count_of.items():
        tick = ticks.get((Market(market), symbol))
        if tick is None or tick.day is None or tick.day.trade_count != many:
            return False
    return True
