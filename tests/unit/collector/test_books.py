"""Snapshots are asked for when a book needs one, journaled, and retried; other books are left alone."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from orderflow_recorder.collector.books import BookKeeper
from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.core.book_sync import REGRESSION_RUN
from orderflow_recorder.domain.errors import RateLimitedError, VenueUnreachableError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from tests.support.fake_clock import FakeClock
from tests.support.fake_venue import FakeVenue
from tests.support.memory_journal import MemoryJournal


class Bench:
    """A running keeper of two spot books and everything around it."""

    def __init__(self) -> None:
        """Keep the books of A and B."""
        self.clock = FakeClock()
        self.venue = FakeVenue()
        self.journal = MemoryJournal()
        intake = Intake(self.journal, self.clock, instance="main", run_id="r")
        self.keeper = BookKeeper(Market.SPOT, self.venue, intake, self.clock, random=lambda: 0.5)
        self.keeper.add("a@depth", "A")
        self.keeper.add("b@depth", "B")

    def diffs(self, wire: str, *ranges: tuple[int, int]) -> None:
        """Hand diffs over."""
        for first, final in ranges:
            self.keeper.on_diffs([(wire, DepthIds(first, final))])

    def story(self, symbol: str) -> list[EventKind]:
        """Return the events of ``symbol``."""
        return [event.event for event in self.journal.events if event.symbol == symbol]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Run a keeper during the test."""
    bench = Bench()
    task = asyncio.create_task(bench.keeper.run())
    await bench.clock.settle()
    yield bench
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_first_diff_asks_for_a_snapshot_that_is_journaled_and_begins_an_epoch(bench: Bench) -> None:
    bench.venue.snapshots["A"] = [12]
    bench.diffs("a@depth", (10, 11), (12, 13))
    await bench.clock.advance(1)
    assert [answer.body for answer in bench.journal.answers] == [b"12"]
    assert bench.story("A") == [EventKind.SNAPSHOT_REQUESTED, EventKind.BOOK_SYNCED]
    assert bench.journal.events[-1].epoch == 1
    assert bench.journal.events[-1].detail == {"last_update_id": 12, "first_final_update_id": 13}
    assert (bench.keeper.synced, bench.keeper.total) == (1, 2)


async def test_what_a_replacement_held_back_does_not_look_like_ids_begun_anew(bench: Bench) -> None:
    bench.venue.snapshots["A"] = [12]
    bench.diffs("a@depth", (10, 11), (12, 13))
    await bench.clock.advance(1)
    held = [DepthIds(number, number) for number in range(14 - REGRESSION_RUN, 15)]
    bench.keeper.on_diffs([("a@depth", ids) for ids in held], skip_known=True)
    bench.keeper.on_diffs([("a@depth", DepthIds(15, 15)), ("unknown@depth", DepthIds(1, 1))])
    assert (bench.keeper.gaps, bench.keeper.synced) == (0, 1)
    bench.keeper.on_diffs([("a@depth", ids) for ids in held])
    assert (bench.keeper.gaps, bench.keeper.synced) == (1, 0)


async def test_a_snapshot_that_is_too_old_is_fetched_again_and_no_diff_is_lost(bench: Bench) -> None:
    bench.venue.snapshots["A"] = [5, 11]
    bench.diffs("a@depth", (10, 11), (12, 13))
    await bench.clock.advance(5)
    assert bench.story("A") == [
        EventKind.SNAPSHOT_REQUESTED,
        EventKind.SNAPSHOT_STALE,
        EventKind.SNAPSHOT_REQUESTED,
        EventKind.BOOK_SYNCED,
    ]


async def test_a_failed_snapshot_is_retried_with_back_off(bench: Bench) -> None:
    bench.venue.snapshots["A"] = [VenueUnreachableError("timeout"), RateLimitedError(429, 7), 12]
    bench.diffs("a@depth", (10, 11), (12, 13))
    await bench.clock.advance(20)
    assert bench.story("A") == [
        EventKind.SNAPSHOT_REQUESTED,
        EventKind.SNAPSHOT_FAILED,
        EventKind.SNAPSHOT_REQUESTED,
        EventKind.RATE_LIMITED,
        EventKind.SNAPSHOT_FAILED,
        EventKind.SNAPSHOT_REQUESTED,
        EventKind.BOOK_SYNCED,
    ]


async def test_a_gap_in_one_book_leaves_the_other_in_its_epoch(bench: Bench) -> None:
    bench.venue.snapshots = {"A": [11, 30], "B": [11]}
    for wire in ("a@depth", "b@depth"):
        bench.diffs(wire, (10, 11), (12, 13))
    await bench.clock.advance(1)
    bench.diffs("a@depth", (20, 25), (26, 31))
    bench.diffs("b@depth", (14, 20))
    await bench.clock.advance(1)
    assert bench.story("A")[-3:] == [EventKind.BOOK_GAP, EventKind.SNAPSHOT_REQUESTED, EventKind.BOOK_SYNCED]
    assert bench.story("B") == [EventKind.SNAPSHOT_REQUESTED, EventKind.BOOK_SYNCED]
    gap = next(event for event in bench.journal.events if event.event is EventKind.BOOK_GAP)
    assert gap.detail == {"after_update_id": 13, "next_update_id": 20}
    assert bench.keeper.gaps == 1


async def test_a_refresh_takes_a_snapshot_and_leaves_the_epoch_alone(bench: Bench) -> None:
    bench.venue.snapshots["A"] = [11, 14]
    bench.diffs("a@depth", (10, 11), (12, 13))
    await bench.clock.advance(1)
    bench.keeper.refresh_all()
    await bench.clock.settle()
    assert len(bench.journal.answers) == 2
    assert bench.story("A") == [EventKind.SNAPSHOT_REQUESTED, EventKind.BOOK_SYNCED]
    assert bench.venue.asked == ["A", "A"]


async def test_a_removed_book_is_not_asked_for(bench: Bench) -> None:
    bench.venue.snapshots["A"] = [11]
    bench.diffs("a@depth", (10, 11))
    bench.keeper.keep_only(())
    await bench.clock.advance(1)
    assert bench.venue.asked == []


async def test_where_too_many_are_wanted_they_are_spread(bench: Bench) -> None:
    symbols = "ABCDEFGH"
    bench.venue.spacing_s = 5.0
    for symbol in symbols:
        bench.venue.snapshots[symbol] = [12]
        bench.keeper.add(f"{symbol.lower()}@depth", symbol)
        bench.diffs(f"{symbol.lower()}@depth", (10, 11), (12, 13))
    await bench.clock.advance(1)
    assert bench.venue.asked == ["A"]
    await bench.clock.advance(5)
    assert bench.venue.asked == ["A", "B"]
    await bench.clock.advance(40)
    assert bench.venue.asked == [*symbols]
    assert bench.keeper.synced == len(symbols)
