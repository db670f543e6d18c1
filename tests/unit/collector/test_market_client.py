"""A market's streams change while it runs, on the sockets that are open, and everything is on record."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from orderflow_recorder.collector import Intake, MarketClient, MarketPlan, SocketTimes
from orderflow_recorder.core.shards import WHOLE, Shard
from orderflow_recorder.core.subscriptions import SubscriptionState, Wishes
from orderflow_recorder.domain.errors import VenueUnreachableError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream
from tests.support.fake_clock import FakeClock
from tests.support.fake_feed import FakeFeed
from tests.support.fake_venue import FakeVenue
from tests.support.memory_journal import MemoryJournal

TIMES = SocketTimes(first_frame_s=3600, stall_s=3600, backoff_s=0.5, backoff_max_s=30, max_session_s=360_000)
CHANGES = (EventKind.STREAMS_ADDED, EventKind.STREAMS_REMOVED, EventKind.STREAMS_REFUSED)


class Bench:
    """A client on a fake venue that lists A, B and C."""

    def __init__(self, symbols: Sequence[str] | None, *, per_socket: int = 200, shard: Shard = WHOLE) -> None:
        """Prepare it to record trades and diffs."""
        self.clock = FakeClock()
        self.feed = FakeFeed(self.clock)
        self.journal = MemoryJournal()
        self.venue = FakeVenue(
            market=Market.USDM, statuses={"AUSDT": "TRADING", "BUSDT": "TRADING", "CUSDT": "TRADING"}
        )
        plan = MarketPlan(
            market=Market.USDM,
            symbols=symbols,
            stream_names=("aggTrade", "depth@100ms"),
            streams_per_socket=per_socket,
            times=TIMES,
            follow_s=60,
            shard=shard,
        )
        intake = Intake(self.journal, self.clock, instance="main", run_id="r")
        self.client = MarketClient(plan, self.feed, self.venue, intake, self.clock, random=lambda: 0.5)
        self.wishes = Wishes()

    def want(self, *wires: str, wanted: bool = True) -> None:
        """Ask for streams, or for their end."""
        self.wishes = self.wishes.asking(list(map(stream, wires)), wanted=wanted, now_ns=self.clock.now_ns())
        self.client.ask(self.wishes)

    @property
    def carried(self) -> list[list[str]]:
        """Return what the open sockets have, in order."""
        return [sorted(socket.wires) for socket in self.feed.sockets if not socket.closed]

    def told(self) -> list[tuple[EventKind, list[str]]]:
        """Return the changes on record."""
        return [(event.event, event.detail["streams"]) for event in self.journal.events if event.event in CHANGES]

    def states(self) -> dict[str, tuple[SubscriptionState, str]]:
        """Return what becomes of each stream."""
        return {
            Stream(one.market, one.symbol, one.stream).wire: (one.state, one.reason)
            for one in self.client.subscriptions()
        }


def stream(wire: str) -> Stream:
    """Return the stream of a wire name."""
    symbol, _, name = wire.partition("@")
    return Stream(Market.USDM, symbol.upper(), name)


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    """Run the client meanwhile."""
    task = asyncio.create_task(bench.client.run())
    await bench.clock.settle()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_streams_come_and_go_on_the_open_sockets() -> None:
    bench = Bench(["AUSDT", "BUSDT"])
    async with running(bench):
        bench.want("ausdt@bookTicker", "cusdt@aggTrade", "cusdt@depth@100ms")
        await bench.clock.advance(1)
        bench.want("busdt@depth@100ms", wanted=False)
        await bench.clock.advance(1)
        assert bench.client.applied == bench.wishes.revision
        assert len(bench.feed.sockets) == 2
        assert bench.carried == [
            ["ausdt@aggTrade", "busdt@aggTrade", "cusdt@aggTrade"],
            ["ausdt@bookTicker", "ausdt@depth@100ms", "cusdt@depth@100ms"],
        ]
        assert bench.told() == [
            (EventKind.STREAMS_ADDED, ["ausdt@bookTicker", "cusdt@aggTrade", "cusdt@depth@100ms"]),
            (EventKind.STREAMS_REMOVED, ["busdt@depth@100ms"]),
        ]
        stats = bench.client.stats()
        assert (stats.streams, stats.books, stats.wishes.added, stats.wishes.removed) == (6, 2, 3, 1)
        assert bench.states()["busdt@depth@100ms"] == (SubscriptionState.REMOVED, "")
        assert bench.states()["cusdt@aggTrade"] == (SubscriptionState.ACTIVE, "")


async def test_what_was_removed_may_come_back() -> None:
    bench = Bench(["AUSDT"])
    async with running(bench):
        bench.want("ausdt@depth@100ms", wanted=False)
        await bench.clock.advance(1)
        assert bench.client.stats().books == 0
        bench.want("ausdt@depth@100ms")
        await bench.clock.advance(1)
        assert bench.client.stats().books == 1
        assert bench.carried == [["ausdt@aggTrade"], ["ausdt@depth@100ms"]]
        assert [kind for kind, _ in bench.told()] == [EventKind.STREAMS_REMOVED, EventKind.STREAMS_ADDED]


async def test_what_does_not_fit_on_open_sockets_gets_one_of_its_own() -> None:
    bench = Bench(["AUSDT", "BUSDT"], per_socket=2)
    async with running(bench):
        bench.want("cusdt@aggTrade")
        await bench.clock.advance(1)
        assert bench.carried[-1] == ["cusdt@aggTrade"]
        assert len(bench.feed.sockets) == 3


async def test_a_symbol_that_the_venue_does_not_list_is_refused_after_the_list_was_read_again() -> None:
    bench = Bench(["AUSDT"])
    async with running(bench):
        bench.venue.statuses["NEWUSDT"] = "TRADING"
        await bench.clock.advance(20)
        bench.want("newusdt@aggTrade", "nopeusdt@aggTrade")
        await bench.clock.advance(1)
        refused = "the venue does not list NOPEUSDT on usdm: check its name"
        assert bench.states()["newusdt@aggTrade"] == (SubscriptionState.ACTIVE, "")
        assert bench.states()["nopeusdt@aggTrade"] == (SubscriptionState.REFUSED, refused)
        assert "nopeusdt@aggTrade" not in bench.carried[0]
        assert [answer.path for answer in bench.journal.answers].count("exchangeInfo") == 2
        assert bench.client.stats().wishes.refused == 1
        assert EventKind.SYMBOL_UNKNOWN not in bench.journal.kinds()
        assert bench.told() == [
            (EventKind.STREAMS_ADDED, ["newusdt@aggTrade"]),
            (EventKind.STREAMS_REFUSED, ["nopeusdt@aggTrade"]),
        ]
        bench.venue.statuses["NOPEUSDT"] = "TRADING"
        await bench.clock.advance(60)
        assert bench.states()["nopeusdt@aggTrade"] == (SubscriptionState.ACTIVE, "")


async def test_without_the_list_nothing_is_refused() -> None:
    bench = Bench(["AUSDT"])
    bench.venue.error = VenueUnreachableError("no route to host")
    async with running(bench):
        bench.want("cusdt@aggTrade")
        await bench.clock.advance(1)
        assert bench.carried[0] == ["ausdt@aggTrade", "cusdt@aggTrade"]
        assert bench.told() == []


async def test_what_the_venue_refuses_is_given_up_until_it_is_asked_for_again() -> None:
    bench = Bench(["AUSDT"])
    async with running(bench):
        bench.feed.sockets[0].answer = "!reject"
        bench.want("cusdt@aggTrade")
        await bench.clock.advance(1)
        assert bench.states()["cusdt@aggTrade"] == (SubscriptionState.REFUSED, "invalid request (code 2)")
        assert bench.carried[0] == ["ausdt@aggTrade"]
        assert bench.client.applied == bench.wishes.revision
        bench.feed.sockets[0].answer = "!ack"
        bench.want("cusdt@aggTrade")
        await bench.clock.advance(1)
        assert bench.states()["cusdt@aggTrade"] == (SubscriptionState.ACTIVE, "")


async def test_a_venue_that_says_nothing_is_not_waited_for_forever() -> None:
    bench = Bench(["AUSDT"])
    async with running(bench):
        bench.feed.sockets[0].answer = None
        bench.want("cusdt@aggTrade")
        await bench.clock.advance(4)
        assert bench.client.applied == 0
        await bench.clock.advance(2)
        assert bench.client.applied == bench.wishes.revision


async def test_a_removal_is_on_record_only_when_no_frame_can_come_any_more() -> None:
    bench = Bench(["AUSDT", "BUSDT"])
    async with running(bench):
        bench.feed.sockets[0].answer = None
        bench.want("busdt@aggTrade", wanted=False)
        await bench.clock.advance(1)
        assert bench.told() == []
        bench.feed.sockets[0].say("busdt@aggTrade", "!ack 1")
        await bench.clock.advance(1)
        assert bench.told() == [(EventKind.STREAMS_REMOVED, ["busdt@aggTrade"])]


async def test_a_market_with_nothing_to_record_does_nothing_until_it_is_asked() -> None:
    bench = Bench(())
    async with running(bench):
        bench.want("ausdt@aggTrade", wanted=False)
        await bench.clock.advance(10)
        assert bench.client.stats().is_idle
        assert bench.client.applied == bench.wishes.revision
        assert (bench.feed.sockets, bench.journal.answers) == ([], [])
        bench.want("ausdt@aggTrade")
        await bench.clock.advance(1)
        assert bench.carried == [["ausdt@aggTrade"]]
        assert not bench.client.stats().is_idle


async def test_wishes_hold_from_the_start_of_a_run_and_are_told_by_each() -> None:
    bench = Bench(["AUSDT", "BUSDT"])
    bench.want("busdt@aggTrade", "busdt@depth@100ms", wanted=False)
    bench.want("cusdt@aggTrade")
    async with running(bench):
        assert bench.carried == [["ausdt@aggTrade", "cusdt@aggTrade"], ["ausdt@depth@100ms"]]
        assert bench.client.applied == bench.wishes.revision
        assert bench.told() == [
            (EventKind.STREAMS_REMOVED, ["busdt@aggTrade", "busdt@depth@100ms"]),
            (EventKind.STREAMS_ADDED, ["cusdt@aggTrade"]),
        ]


async def test_what_is_asked_for_between_two_runs_holds_in_the_second() -> None:
    """Outside of the recording window nothing runs."""
    bench = Bench(["AUSDT", "BUSDT"])
    async with running(bench):
        pass
    bench.want("busdt@aggTrade", wanted=False)
    bench.want("cusdt@aggTrade")
    assert bench.client.applied == 0
    async with running(bench):
        assert bench.carried == [["ausdt@aggTrade", "cusdt@aggTrade"], ["ausdt@depth@100ms", "busdt@depth@100ms"]]
        assert bench.client.applied == bench.wishes.revision


async def test_wishes_that_are_taken_back_leave_what_the_settings_say_and_that_is_on_record() -> None:
    bench = Bench(["AUSDT", "BUSDT"])
    async with running(bench):
        bench.want("busdt@aggTrade", wanted=False)
        bench.want("cusdt@aggTrade", "nopeusdt@aggTrade")
        await bench.clock.advance(1)
        del bench.journal.events[:]
        bench.client.ask(Wishes())
        await bench.clock.advance(1)
        assert bench.carried[0] == ["ausdt@aggTrade", "busdt@aggTrade"]
        assert bench.told() == [
            (EventKind.STREAMS_ADDED, ["busdt@aggTrade"]),
            (EventKind.STREAMS_REMOVED, ["cusdt@aggTrade"]),
        ]


async def test_of_every_symbol_one_may_be_removed_for_good() -> None:
    bench = Bench(None)
    bench.want("busdt@aggTrade", "busdt@depth@100ms", wanted=False)
    bench.want("cusdt@bookTicker", "dusdt@aggTrade")
    async with running(bench):
        assert bench.carried[0] == ["ausdt@aggTrade", "cusdt@aggTrade"]
        assert bench.states()["dusdt@aggTrade"][0] is SubscriptionState.REFUSED
        bench.venue.statuses |= {"BUSDT": "BREAK", "CUSDT": "BREAK", "DUSDT": "TRADING"}
        await bench.clock.advance(60)
        assert bench.carried[0] == ["ausdt@aggTrade", "dusdt@aggTrade"]
        assert bench.states()["cusdt@bookTicker"] == (SubscriptionState.WANTED, "CUSDT does not trade now")
        bench.venue.statuses |= {"BUSDT": "TRADING", "CUSDT": "TRADING"}
        await bench.clock.advance(60)
        assert bench.carried[0] == ["ausdt@aggTrade", "cusdt@aggTrade", "dusdt@aggTrade"]
        assert bench.carried[1] == ["ausdt@depth@100ms", "cusdt@bookTicker", "cusdt@depth@100ms", "dusdt@depth@100ms"]


async def test_diffs_are_not_recorded_at_a_second_speed() -> None:
    bench = Bench(["AUSDT"])
    async with running(bench):
        bench.want("ausdt@depth")
        await bench.clock.advance(1)
        refused = "the settings record its diffs as depth@100ms: remove that first"
        assert bench.states()["ausdt@depth"] == (SubscriptionState.REFUSED, refused)
        bench.want("ausdt@depth@100ms", wanted=False)
        await bench.clock.advance(1)
        assert bench.carried[1] == ["ausdt@depth"]


async def test_the_fingerprint_differs_whenever_a_state_does() -> None:
    bench = Bench(["AUSDT"])
    async with running(bench):
        await bench.clock.advance(1)
        seen = [bench.client.fingerprint()]
        await bench.clock.advance(1)
        assert bench.client.fingerprint() == seen[0]
        bench.want("nopeusdt@aggTrade")
        await bench.clock.advance(1)
        seen.append(bench.client.fingerprint())
        bench.feed.sockets[0].cut()
        await bench.clock.settle()
        assert bench.states()["ausdt@aggTrade"] == (SubscriptionState.WANTED, "socket lost: reset")
        seen.append(bench.client.fingerprint())
        await bench.clock.advance(1)
        seen.append(bench.client.fingerprint())
        assert len(set(seen)) == 4
