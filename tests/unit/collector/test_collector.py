"""The collector begins and ends a run on record, and survives a full disk."""

import asyncio
from datetime import time
from zoneinfo import ZoneInfo

from orderflow_recorder.collector import Collector, Intake, MarketClient, MarketPlan, SocketTimes
from orderflow_recorder.core.window import RecordingWindow
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from tests.support.fake_clock import FakeClock
from tests.support.fake_feed import FakeFeed
from tests.support.fake_venue import FakeVenue
from tests.support.memory_journal import MemoryJournal

RUN = (EventKind.RUN_STARTED, EventKind.RUN_STOPPED, EventKind.DISK_FULL, EventKind.INGESTION_RESUMED)
SLEEP = (RUN[0], RUN[1], EventKind.WINDOW_CLOSED, EventKind.WINDOW_OPENED)


MIDNIGHT = 1_700_006_400 * 1_000_000_000  # 2023-11-15 00:00 UTC
MINUTE = 60 * 1_000_000_000
WINDOW = RecordingWindow(time(0, 2), time(0, 0), end_day_offset=1, zone=ZoneInfo("UTC"))
"""Closed for two minutes a day."""


class Bench:
    """A collector of one futures symbol."""

    def __init__(self, *, start_ns: int = MIDNIGHT, window: RecordingWindow | None = None) -> None:
        """Start it."""
        self.clock = FakeClock(start_ns=start_ns)
        self.journal = MemoryJournal()
        self.feed = FakeFeed(self.clock)
        self.stop = asyncio.Event()
        intake = Intake(self.journal, self.clock, instance="main", run_id="r")
        plan = MarketPlan(
            market=Market.USDM,
            symbols=["AUSDT"],
            stream_names=["aggTrade"],
            streams_per_socket=200,
            times=SocketTimes(first_frame_s=30, stall_s=15, backoff_s=0.5, backoff_max_s=30, max_session_s=3600),
        )
        venue = FakeVenue(market=Market.USDM, statuses={"AUSDT": "TRADING"})
        client = MarketClient(plan, self.feed, venue, intake, self.clock, random=lambda: 0.5)
        self.collector = Collector(
            [client],
            self.journal,
            intake,
            self.clock,
            flush_s=0.1,
            fsync_s=1,
            run_detail={"version": "0"},
            window=window,
        )
        self.run = asyncio.create_task(self.collector.run(self.stop))


async def test_a_run_begins_and_ends_on_record() -> None:
    bench = Bench()
    await bench.clock.advance(0.5)
    assert bench.journal.flushes >= 5
    bench.feed.last.say("ausdt@aggTrade")
    await bench.clock.settle()
    bench.stop.set()
    assert await bench.run is True
    assert bench.journal.kinds(RUN) == [EventKind.RUN_STARTED, EventKind.RUN_STOPPED]
    assert bench.journal.closed
    assert bench.feed.last.closed
    assert bench.collector.stats().markets["usdm"].frames == 1


async def test_a_full_disk_stops_ingestion_on_record_and_recording_goes_on_when_there_is_room() -> None:
    bench = Bench()
    await bench.clock.advance(0.5)
    bench.journal.full = True
    await bench.clock.advance(3)
    assert bench.feed.last.closed, "no frame is read that could not be journaled"
    assert bench.collector.stats().state == "disk full"
    assert "disk full" in (bench.collector.stats().last_error or "")
    bench.journal.full = False
    await bench.clock.advance(2)
    assert bench.collector.stats().state == "recording"
    assert len(bench.feed.sockets) == 2
    bench.stop.set()
    assert await bench.run is True
    assert bench.journal.kinds(RUN) == [RUN[0], RUN[2], RUN[3], RUN[1]]


async def test_stopped_while_the_disk_is_full_is_a_failure() -> None:
    bench = Bench()
    await bench.clock.advance(0.5)
    bench.journal.full = True
    await bench.clock.advance(2)
    bench.stop.set()
    assert await bench.run is False
    assert bench.journal.closed


async def test_outside_of_its_window_it_holds_no_socket_asks_nothing_and_says_until_when() -> None:
    bench = Bench(window=WINDOW)
    await bench.clock.advance(119)
    assert bench.feed.sockets == []
    assert bench.journal.answers == []
    stats = bench.collector.stats()
    assert (stats.state, stats.asleep_until) == ("asleep", MIDNIGHT + 2 * MINUTE)
    bench.stop.set()
    await bench.run


async def test_it_records_while_the_window_is_open_and_sleeps_again_on_record() -> None:
    bench = Bench(start_ns=MIDNIGHT - MINUTE // 10, window=WINDOW)
    await bench.clock.advance(5)
    assert bench.collector.stats().state == "recording"
    assert len(bench.journal.answers) == 1
    await bench.clock.advance(5)
    assert bench.collector.stats().state == "asleep"
    assert bench.feed.last.closed
    flushes = bench.journal.flushes
    await bench.clock.advance(115)
    assert (len(bench.feed.sockets), len(bench.journal.answers)) == (1, 1), "nothing is asked while asleep"
    assert bench.journal.flushes > flushes
    await bench.clock.advance(5)
    stats = bench.collector.stats()
    assert (stats.state, stats.asleep_until) == ("recording", None)
    assert [socket.closed for socket in bench.feed.sockets] == [True, False]
    bench.stop.set()
    assert await bench.run is True
    assert bench.journal.kinds(SLEEP) == [SLEEP[0], *SLEEP[2:], SLEEP[1]]


async def test_asked_to_stop_while_asleep_it_ends_at_once_and_well() -> None:
    bench = Bench(window=WINDOW)
    await bench.clock.advance(10)
    bench.stop.set()
    assert await bench.run is True
    assert bench.journal.kinds(SLEEP) == [SLEEP[0], SLEEP[2], SLEEP[1]]
    assert bench.journal.closed


async def test_a_disk_that_fills_up_while_asleep_leaves_it_asleep() -> None:
    bench = Bench(window=WINDOW)
    await bench.clock.advance(10)
    bench.journal.full = True
    await bench.clock.advance(2)
    assert bench.collector.stats().state == "disk full"
    bench.journal.full = False
    await bench.clock.advance(2)
    assert bench.collector.stats().state == "asleep"
    bench.stop.set()
    assert await bench.run is True
    assert bench.journal.kinds(SLEEP) == [SLEEP[0], SLEEP[2], SLEEP[1]]
