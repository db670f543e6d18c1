"""The collector begins and ends a run on record, and survives a full disk."""

import asyncio

from orderflow_recorder.collector import Collector, Intake, MarketClient, MarketPlan, SocketTimes
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from tests.support.fake_clock import FakeClock
from tests.support.fake_feed import FakeFeed
from tests.support.fake_venue import FakeVenue
from tests.support.memory_journal import MemoryJournal

RUN = (EventKind.RUN_STARTED, EventKind.RUN_STOPPED, EventKind.DISK_FULL, EventKind.INGESTION_RESUMED)


class Bench:
    """A collector of one futures symbol."""

    def __init__(self) -> None:
        """Start it."""
        self.clock = FakeClock()
        self.journal = MemoryJournal()
        self.feed = FakeFeed()
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
            [client], self.journal, intake, self.clock, flush_s=0.1, fsync_s=1, run_detail={"version": "0"}
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
