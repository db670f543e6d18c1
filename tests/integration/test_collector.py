"""The collector on the simulator: real sockets, real REST, the venue's faults."""

import asyncio
import json
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count, pairwise
from typing import Any

import pytest

from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.binance.feed import BinanceFeed
from orderflow_recorder.binance.rest import BinanceVenue, default_budget
from orderflow_recorder.collector import Collector, Intake, MarketClient, MarketPlan, SocketTimes
from orderflow_recorder.core.subscriptions import Wishes
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.sim.faults import Damage
from orderflow_recorder.sim.server import Simulator
from orderflow_recorder.sim.synthetic import SyntheticSource
from tests.support.eventually import eventually
from tests.support.memory_journal import MemoryJournal

LOSS = (EventKind.DISCONNECTED, EventKind.STALLED, EventKind.BOOK_GAP, EventKind.SUBSCRIBE_REJECTED)


class Bench:
    """A collector of one market on a simulated venue of six symbols."""

    def __init__(self, simulator: Simulator, journal: MemoryJournal, client: MarketClient) -> None:
        """Keep the parts."""
        self.simulator = simulator
        self.journal = journal
        self.client = client

    def events(self, kind: EventKind, symbol: str | None = None) -> list[RecorderEvent]:
        """Return the events of a kind."""
        return [
            event for event in self.journal.events if event.event is kind and (symbol is None or event.symbol == symbol)
        ]

    def data(self, wire: str) -> list[dict[str, Any]]:
        """Return the payloads of a stream, in order of arrival."""
        frames = (json.loads(frame) for _, _, _, frame in self.journal.frames)
        return [frame["data"] for frame in frames if frame.get("stream") == wire]

    async def wait_for(self, kind: EventKind, symbol: str | None = None) -> RecorderEvent:
        """Return the first event of a kind, once it is there."""
        found = await eventually(lambda: self.events(kind, symbol), what=f"{kind} {symbol or ''} is on record")
        return RecorderEvent(**{name: getattr(found[0], name) for name in RecorderEvent.__struct_fields__})


@asynccontextmanager
async def recording(  # what a test may vary
    market: Market,
    *,
    symbols: Sequence[str] | None,
    names: Sequence[str] = ("aggTrade", "depth@100ms"),
    feed_type: type[BinanceFeed] = BinanceFeed,
    first_frame_s: float = 30,
    stall_s: float = 15,
    per_socket: int = 200,
    max_session_s: float = 3600,
) -> AsyncIterator[Bench]:
    """Run simulator and collector during the test."""
    clock = SystemClock()
    async with Simulator(SyntheticSource(6, 6, rate=10), wait_for_subscribers=False) as simulator:
        journal = MemoryJournal()
        intake = Intake(journal, clock, instance="main", run_id="r")
        plan = MarketPlan(
            market=market,
            symbols=symbols,
            stream_names=names,
            streams_per_socket=per_socket,
            times=SocketTimes(
                first_frame_s=first_frame_s,
                stall_s=stall_s,
                backoff_s=0.05,
                backoff_max_s=0.2,
                max_session_s=max_session_s,
            ),
            follow_s=0.3,
        )
        feed = feed_type(
            market,
            simulator.base_ws_url(market),
            clock=clock,
            ssl_context=None,
            ping_interval_s=20,
            ping_timeout_s=20,
        )
        venue = BinanceVenue(
            market,
            simulator.base_rest_url(market),
            clock=clock,
            budget=default_budget(market, clock.monotonic()),
            verify=False,
            random=random.random,
        )
        client = MarketClient(plan, feed, venue, intake, clock, random=random.random)
        collector = Collector([client], journal, intake, clock, flush_s=0.1, fsync_s=1, run_detail={})
        stop = asyncio.Event()
        running = asyncio.create_task(collector.run(stop))
        try:
            yield Bench(simulator, journal, client)
        finally:
            stop.set()
            await running
            await venue.close()


def is_chained(diffs: list[dict[str, Any]]) -> bool:
    """Say whether futures diffs follow each other."""
    return all(diff["pu"] == before["u"] for before, diff in pairwise(diffs))


async def test_every_trading_symbol_is_recorded_and_listings_are_followed() -> None:
    async with recording(Market.USDM, symbols=None) as bench:
        await eventually(lambda: bench.client.stats().books_synced == 6, what="six books are in sync")
        sockets = bench.client.stats().sockets
        bench.simulator.control.list_symbol(symbol="NEWUSDT", market=Market.USDM)
        await bench.wait_for(EventKind.SYMBOL_LISTED, "NEWUSDT")
        await bench.wait_for(EventKind.BOOK_SYNCED, "NEWUSDT")
        bench.simulator.control.delist(symbol="NEWUSDT", market=Market.USDM)
        await bench.wait_for(EventKind.SYMBOL_DELISTED, "NEWUSDT")
        await eventually(lambda: bench.client.stats().streams == 12, what="its streams are given up")
        assert bench.client.stats().sockets == sockets, "they came and went on open sockets"
        assert bench.events(EventKind.DISCONNECTED) == []
        for symbol in ("BTCUSDT", "ETHUSDT"):
            assert len(bench.events(EventKind.BOOK_SYNCED, symbol)) == 1
            assert is_chained(bench.data(f"{symbol.lower()}@depth@100ms"))


async def test_listings_beyond_the_room_on_open_sockets_get_a_socket_of_their_own() -> None:
    async with recording(Market.SPOT, symbols=None, per_socket=12) as bench:
        await eventually(lambda: bench.client.stats().books_synced == 6, what="six books are in sync")
        assert bench.client.stats().sockets == 1
        bench.simulator.control.list_symbol(symbol="NEWUSDT", market=Market.SPOT)
        await bench.wait_for(EventKind.BOOK_SYNCED, "NEWUSDT")
        assert bench.client.stats().sockets == 2


async def test_what_changes_while_sockets_are_replaced_all_the_time_costs_no_other_stream_a_frame() -> None:
    kept, changed = ("BTCUSDT", "ETHUSDT"), ("BNBUSDT", "SOLUSDT")
    async with recording(Market.USDM, symbols=kept, max_session_s=0.5) as bench:
        await eventually(lambda: bench.client.stats().books_synced == 2, what="two books are in sync")
        wishes = Wishes()
        for number in count():
            if len(bench.events(EventKind.ROTATED)) > 4:
                break
            symbol = changed[number // 2 % 2]
            streams = [Stream(Market.USDM, symbol, name) for name in ("aggTrade", "depth@100ms")]
            wishes = wishes.asking(streams, wanted=number % 2 == 0, now_ns=number)
            bench.client.ask(wishes)
            await eventually(
                lambda revision=wishes.revision: bench.client.applied == revision,  # type: ignore[misc]
                what="it is carried out",
            )
            if number % 2 == 0:
                await bench.wait_for(EventKind.BOOK_SYNCED, symbol)
        assert wishes.revision > 10
        assert not [event for kind in LOSS for event in bench.events(kind)]
        open_sockets = bench.simulator.control.status()["sockets"]
        assert sum(one["streams"] for one in open_sockets) <= 8, "two sockets, or two more while they are replaced"
        for symbol in kept:
            ids = sorted({trade["a"] for trade in bench.data(f"{symbol.lower()}@aggTrade")})
            assert ids == list(range(ids[0], ids[-1] + 1))
            diffs = {diff["u"]: diff for diff in bench.data(f"{symbol.lower()}@depth@100ms")}
            assert is_chained([diffs[one] for one in sorted(diffs)])


class WrongRoute(BinanceFeed):
    """Asks for everything on ``/public``, as clients did before the venue split its routes."""

    def route_of(self, stream: Stream) -> str:
        """Return the route of books for every stream."""
        return "/public"


async def test_a_wrong_route_is_named_though_its_neighbours_speak() -> None:
    async with recording(
        Market.USDM, symbols=["BTCUSDT", "ETHUSDT"], feed_type=WrongRoute, first_frame_s=0.5, stall_s=1
    ) as bench:
        silent = await bench.wait_for(EventKind.STREAM_SILENT)
        assert silent.detail["route"] == "/public"
        assert silent.detail["streams"] == ["btcusdt@aggTrade", "ethusdt@aggTrade"]
        assert bench.client.stats().streams_silent == 2
        assert bench.data("btcusdt@depth@100ms"), "the neighbours are recorded all the same"
        assert bench.events(EventKind.DISCONNECTED) == []


async def test_a_socket_that_falls_silent_is_replaced() -> None:
    async with recording(Market.USDM, symbols=["BTCUSDT"], names=["aggTrade"], stall_s=0.5) as bench:
        await eventually(lambda: bench.data("btcusdt@aggTrade"), what="trades come")
        bench.simulator.control.silence(seconds=4, market=Market.USDM)
        await bench.wait_for(EventKind.STALLED)
        await bench.wait_for(EventKind.DISCONNECTED)
        before = len(bench.data("btcusdt@aggTrade"))
        await eventually(lambda: len(bench.data("btcusdt@aggTrade")) > before, what="trades come again")


async def test_an_announced_shutdown_loses_nothing() -> None:
    async with recording(Market.SPOT, symbols=["BTCUSDT", "ETHUSDT"], names=["trade", "depth@100ms"]) as bench:
        await eventually(lambda: bench.client.stats().books_synced == 2, what="the books are in sync")
        bench.simulator.control.shutdown_notice(seconds=8)
        await bench.wait_for(EventKind.ROTATED)
        before = bench.client.stats().frames
        await eventually(lambda: bench.client.stats().frames > before + 50, what="the new socket goes on")
        ids = sorted({trade["t"] for trade in bench.data("btcusdt@trade")})
        assert ids == list(range(ids[0], ids[-1] + 1))
        assert bench.events(EventKind.BOOK_GAP) == []
        assert bench.events(EventKind.DISCONNECTED) == []


@pytest.mark.parametrize("kind", [Damage.TRUNCATED, Damage.UTF8])
async def test_a_malformed_frame_is_kept_raw_and_stops_nobody(kind: Damage) -> None:
    async with recording(Market.USDM, symbols=["BTCUSDT", "ETHUSDT"]) as bench:
        await eventually(lambda: bench.client.stats().books_synced == 2, what="the books are in sync")
        bench.simulator.control.malform(pattern="usdm:btcusdt@depth*", count=1, kind=kind)
        await eventually(lambda: bench.journal.bad, what="the frame is in the journal")
        await eventually(
            lambda: len(bench.events(EventKind.BOOK_SYNCED, "BTCUSDT")) == 2, what="the book is in sync again"
        )
        assert len(bench.events(EventKind.BOOK_GAP, "BTCUSDT")) == 1
        assert bench.events(EventKind.BOOK_GAP, "ETHUSDT") == []
        assert bench.events(EventKind.DISCONNECTED) == []


async def test_one_lost_diff_resyncs_one_book() -> None:
    async with recording(Market.USDM, symbols=None) as bench:
        await eventually(lambda: bench.client.stats().books_synced == 6, what="the books are in sync")
        bench.simulator.control.lose(pattern="usdm:btcusdt@depth*", count=3)
        gap = await bench.wait_for(EventKind.BOOK_GAP)
        assert gap.symbol == "BTCUSDT"
        await eventually(lambda: len(bench.events(EventKind.BOOK_SYNCED, "BTCUSDT")) == 2, what="it is in sync again")
        assert [event.symbol for event in bench.events(EventKind.BOOK_GAP)] == ["BTCUSDT"]
        assert len(bench.events(EventKind.BOOK_SYNCED)) == 7


async def test_stale_and_refused_snapshots_are_retried() -> None:
    async with recording(Market.SPOT, symbols=["BTCUSDT"], names=["depth@100ms"]) as bench:
        bench.simulator.control.error_rest(status=503, count=2)
        bench.simulator.control.stale_snapshots(count=1)
        synced = await bench.wait_for(EventKind.BOOK_SYNCED)
        assert synced.epoch == 1
        assert is_spot_chain(bench.data("btcusdt@depth@100ms"))


def is_spot_chain(diffs: list[dict[str, Any]]) -> bool:
    """Say whether spot diffs follow each other."""
    return all(diff["U"] == before["u"] + 1 for before, diff in pairwise(diffs))
