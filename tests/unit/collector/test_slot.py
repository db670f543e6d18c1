"""A slot keeps its streams flowing: reconnects, replaces sockets before they are cut, shows silence."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.collector.line import HELD_FRAMES
from orderflow_recorder.collector.plan import SocketTimes
from orderflow_recorder.collector.slot import Slot
from orderflow_recorder.domain.errors import DiskFullError
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.domain.streams import Stream
from tests.support.fake_clock import FakeClock
from tests.support.fake_feed import FakeFeed
from tests.support.memory_journal import MemoryJournal

TIMES = SocketTimes(first_frame_s=30, stall_s=15, backoff_s=0.5, backoff_max_s=30, max_session_s=3600)
A, B = (Stream(Market.USDM, symbol, "aggTrade") for symbol in ("AUSDT", "BUSDT"))


class Bench:
    """A running slot and everything around it (also the slot's `Around`)."""

    def __init__(self) -> None:
        """Prepare streams A and B on one socket."""
        self.clock = FakeClock()
        self.feed = FakeFeed(self.clock)
        self.journal = MemoryJournal()
        self.newest: int | None = 1
        self.diffs: list[DepthIds] = []
        self.slot = Slot(
            self.feed,
            "/market",
            [A, B],
            intake=Intake(self.journal, self.clock, instance="main", run_id="r"),
            clock=self.clock,
            around=self,
            times=TIMES,
            random=lambda: 0.5,
        )

    def on_diffs(self, diffs: Sequence[tuple[str, DepthIds]], *, skip_known: bool) -> None:
        """Remember, but for what is known where that is asked for."""
        for _, ids in diffs:
            if not (skip_known and any(ids.final <= diff.final for diff in self.diffs)):
                self.diffs.append(ids)

    def is_trading(self, stream: Stream) -> bool | None:
        """Everything trades."""
        return True

    async def latest_id(self, stream: Stream) -> int | None:
        """Answer the newest id at the venue."""
        return self.newest

    def is_answered(self) -> bool:
        """Say whether the venue has answered every change."""
        return self.slot.answered

    def events(self, kind: EventKind) -> list[RecorderEvent]:
        """Return the events of a kind."""
        return [event for event in self.journal.events if event.event is kind]


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    """Run a slot during the test."""
    bench = Bench()
    task = asyncio.create_task(bench.slot.run())
    await bench.clock.settle()
    yield bench
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_every_frame_is_journaled_with_its_time_and_socket_and_in_its_place(bench: Bench) -> None:
    said = ["!bad", A.wire, B.wire, "!bad", "!bad", "!reject"]
    bench.feed.last.say(*said)
    await bench.clock.settle()
    now = bench.clock.now_ns()
    kept = [(now, Market.USDM, 1, frame.encode()) for frame in (A.wire, B.wire, "!reject")]
    assert bench.journal.frames == kept
    assert bench.journal.bad == [(now, Market.USDM, 1, b"!bad", "not JSON")] * 3
    assert bench.journal.received == [frame.encode() for frame in said]
    assert bench.slot.frames == len(said)


async def test_a_lost_socket_is_on_record_and_replaced(bench: Bench) -> None:
    bench.feed.last.say(A.wire)
    bench.feed.last.cut("1006 reset")
    await bench.clock.advance(2)
    assert len(bench.feed.sockets) == 2
    assert bench.feed.sockets[0].closed
    (lost,) = bench.events(EventKind.DISCONNECTED)
    assert lost.connection == 1
    assert lost.detail == {"route": "/market", "reason": "1006 reset", "streams": [A.wire, B.wire], "frames": 1}
    assert [event.connection for event in bench.events(EventKind.CONNECTED)] == [1, 2]
    assert bench.slot.reconnects == 1


async def test_a_venue_that_refuses_is_asked_again_ever_more_slowly(bench: Bench) -> None:
    bench.feed.refuse = 4
    bench.feed.last.cut()
    await bench.clock.advance(60)
    assert len(bench.feed.sockets) == 2
    delays = [event.detail["retry_s"] for event in bench.events(EventKind.CONNECT_FAILED)]
    assert len(delays) == 4
    assert delays == sorted(delays)
    assert delays[-1] > delays[0]


async def test_streams_that_never_speak_are_named_with_their_route(bench: Bench) -> None:
    await bench.clock.advance(35)
    (silent,) = bench.events(EventKind.STREAM_SILENT)
    assert silent.detail["route"] == "/market"
    assert silent.detail["streams"] == [A.wire, B.wire]
    assert bench.slot.watch is not None
    assert bench.slot.watch.silent == {A.wire, B.wire}
    bench.feed.last.say(A.wire)
    await bench.clock.settle()
    assert bench.slot.watch.silent == {B.wire}


async def test_a_quiet_symbol_beside_one_that_speaks_is_no_error(bench: Bench) -> None:
    for _ in range(60):
        bench.feed.last.say(A.wire)
        await bench.clock.advance(1)
    assert bench.events(EventKind.STREAM_SILENT) == []
    assert len(bench.feed.sockets) == 1


async def test_a_quiet_socket_is_kept_while_the_venue_has_nothing_newer(bench: Bench) -> None:
    bench.feed.last.say(A.wire, B.wire)
    await bench.clock.advance(300)
    assert bench.events(EventKind.STALLED) == []
    assert len(bench.feed.sockets) == 1


async def test_a_socket_that_is_silent_while_the_venue_moves_on_is_replaced(bench: Bench) -> None:
    bench.feed.last.say(A.wire, B.wire)
    for _ in range(40):
        bench.newest = (bench.newest or 0) + 1
        await bench.clock.advance(1)
    (stall,) = bench.events(EventKind.STALLED)
    assert stall.detail["silent_s"] >= 15
    assert len(bench.feed.sockets) == 2


async def test_a_new_socket_is_proven_before_the_old_one_closes(bench: Bench) -> None:
    async def talk(seconds: int) -> None:
        for _ in range(seconds):
            for socket in bench.feed.sockets:
                if not socket.closed:
                    socket.say(A.wire, B.wire)
            await bench.clock.advance(1)

    await talk(3601)
    (rotated,) = bench.events(EventKind.ROTATED)
    assert rotated.detail["from_connection"] == 1
    assert rotated.connection == 2
    assert rotated.detail["overlap_s"] > 0
    assert [socket.closed for socket in bench.feed.sockets] == [True, False]
    assert bench.events(EventKind.DISCONNECTED) == []
    seconds = {
        connection: {time for time, _, number, _ in bench.journal.frames if number == connection}
        for connection in (1, 2)
    }
    assert seconds[1] & seconds[2], "the two sockets overlapped"
    assert len(seconds[1] | seconds[2]) == 3601


async def test_a_stream_that_is_quiet_on_the_old_socket_does_not_hold_its_replacement_up(bench: Bench) -> None:
    bench.feed.last.say(B.wire)
    for _ in range(100):
        bench.feed.last.say(A.wire)
        await bench.clock.advance(1)
    bench.feed.last.say(A.wire, "!shutdown")
    await bench.clock.advance(1)
    bench.feed.last.say(A.wire)
    await bench.clock.advance(5)
    assert [socket.closed for socket in bench.feed.sockets] == [True, False]


async def test_a_replacement_never_overtakes_the_last_frames_of_the_old_socket(bench: Bench) -> None:
    bench.feed.last.say("1", "!shutdown")
    await bench.clock.advance(1)
    old, new = bench.feed.sockets
    new.say("3", "4")
    await bench.clock.settle()
    arrived = bench.clock.now_ns()
    old.say("2", "3")
    await bench.clock.advance(2)
    new.say("5")
    await bench.clock.settle()
    frames = [frame for _, _, _, frame in bench.journal.frames]
    assert frames == [b"1", b"!shutdown", b"2", b"3", b"3", b"4", b"5"]
    assert [time for time, _, number, _ in bench.journal.frames if number == 2][:2] == [arrived] * 2


async def test_what_was_held_back_is_not_lost_with_its_socket(bench: Bench) -> None:
    bench.feed.last.say(A.wire, "!shutdown")
    await bench.clock.advance(1)
    bench.feed.sockets[1].say("held")
    await bench.clock.settle()
    bench.feed.sockets[1].cut()
    await bench.clock.settle()
    assert bench.journal.frames[-1][2:] == (2, b"held")
    assert len(bench.feed.sockets) == 2
    assert bench.events(EventKind.DISCONNECTED) == []


async def test_a_replacement_holds_back_no_more_than_it_may(bench: Bench) -> None:
    bench.feed.last.say(A.wire, "!shutdown")
    await bench.clock.advance(1)
    new = bench.feed.sockets[1]
    new.say(*["held"] * (HELD_FRAMES - 1))
    await bench.clock.settle()
    assert len(bench.journal.frames) == 2
    new.say("and", "more")
    await bench.clock.settle()
    assert len(bench.journal.frames) == 2 + HELD_FRAMES + 1


async def test_an_old_socket_that_ends_before_its_replacement_is_open_waits_for_it_on_record(bench: Bench) -> None:
    bench.feed.hold = asyncio.Event()
    bench.feed.last.say(A.wire, "!shutdown")
    await bench.clock.advance(1)
    bench.feed.last.cut("1001 server shutdown")
    await bench.clock.advance(1)
    assert bench.slot.reconnects == 0
    bench.feed.hold.set()
    await bench.clock.settle()
    (lost,) = bench.events(EventKind.DISCONNECTED)
    assert (lost.connection, lost.detail["reason"]) == (1, "1001 server shutdown")
    assert len(bench.events(EventKind.ROTATED)) == 1
    assert bench.slot.watch is not None
    assert bench.slot.watch.line.number == 2


async def test_silence_is_counted_on_over_a_rotation(bench: Bench) -> None:
    bench.feed.last.say(A.wire)
    await bench.clock.advance(10)
    bench.feed.last.say(A.wire, "!shutdown")
    await bench.clock.advance(1)
    bench.feed.last.say(A.wire)
    await bench.clock.advance(100)
    assert len(bench.events(EventKind.ROTATED)) == 1
    assert bench.events(EventKind.STREAM_SILENT) == []


async def test_an_announced_shutdown_replaces_the_socket_at_once(bench: Bench) -> None:
    bench.feed.last.say(A.wire, B.wire, "!shutdown")
    await bench.clock.advance(1)
    assert len(bench.feed.sockets) == 2
    bench.feed.last.say(A.wire, B.wire)
    await bench.clock.advance(5)
    assert [socket.closed for socket in bench.feed.sockets] == [True, False]
    assert len(bench.events(EventKind.SERVER_SHUTDOWN)) == len(bench.events(EventKind.ROTATED)) == 1


async def test_the_old_socket_may_break_while_it_is_being_replaced(bench: Bench) -> None:
    bench.feed.last.say(A.wire, "!shutdown")
    await bench.clock.advance(1)
    bench.feed.sockets[0].cut()
    await bench.clock.advance(1)
    assert len(bench.feed.sockets) == 2
    assert bench.slot.watch is not None
    assert bench.slot.watch.line.number == 2


async def test_symbols_come_and_go_on_the_open_socket(bench: Bench) -> None:
    other = Stream(Market.USDM, "CUSDT", "aggTrade")
    await bench.slot.add([other])
    await bench.slot.remove([B])
    assert bench.feed.last.wires == [A.wire, other.wire]
    assert len(bench.feed.sockets) == 1
    assert [event.detail["streams"] for event in bench.events(EventKind.SUBSCRIBED)] == [[other.wire]]
    assert [event.detail["streams"] for event in bench.events(EventKind.UNSUBSCRIBED)] == [[B.wire]]


async def test_a_replacement_that_is_being_opened_carries_what_changes_meanwhile(bench: Bench) -> None:
    other = Stream(Market.USDM, "CUSDT", "aggTrade")
    bench.feed.hold = asyncio.Event()
    bench.feed.last.say(A.wire, B.wire, "!shutdown")
    await bench.clock.advance(1)
    await bench.slot.add([other])
    await bench.slot.remove([B])
    assert not bench.is_answered(), "it was asked for B, and may send some"
    bench.feed.hold.set()
    await bench.clock.advance(1)
    old, new = bench.feed.sockets
    assert old.wires == new.wires == [A.wire, other.wire]
    assert bench.is_answered()
    told = [event for kind in (EventKind.SUBSCRIBED, EventKind.UNSUBSCRIBED) for event in bench.events(kind)]
    assert [(event.connection, event.detail["streams"]) for event in told] == [
        (1, [other.wire]),
        (2, [other.wire]),
        (1, [B.wire]),
        (2, [B.wire]),
    ]
    new.say(A.wire)
    await bench.clock.advance(5)
    assert old.closed
    assert len(bench.feed.sockets) == 2


async def test_both_sockets_carry_a_change_while_one_replaces_the_other(bench: Bench) -> None:
    bench.feed.last.say(A.wire, B.wire, "!shutdown")
    await bench.clock.advance(1)
    await bench.slot.remove([A])
    assert [socket.wires for socket in bench.feed.sockets] == [[B.wire], [B.wire]]


async def test_a_change_without_a_socket_is_part_of_the_next_one(bench: Bench) -> None:
    bench.feed.last.cut()
    await bench.clock.settle()
    await bench.slot.remove([B])
    assert bench.is_answered()
    await bench.clock.advance(1)
    assert bench.feed.last.wires == [A.wire]


async def test_a_change_is_answered_once_the_venue_has_said_something_to_it(bench: Bench) -> None:
    other = Stream(Market.USDM, "CUSDT", "aggTrade")
    bench.feed.last.answer = None
    await bench.slot.add([other])
    await bench.clock.settle()
    assert not bench.is_answered()
    bench.feed.last.say("!reject 1")
    await bench.clock.settle()
    assert bench.is_answered()
    assert bench.slot.take_refusals() == {other: "invalid request (code 2)"}
    assert bench.slot.take_refusals() == {}


async def test_a_socket_that_is_lost_answers_nothing_more(bench: Bench) -> None:
    bench.feed.last.answer = None
    await bench.slot.remove([B])
    await bench.clock.settle()
    assert not bench.is_answered()
    bench.feed.last.cut()
    await bench.clock.settle()
    assert bench.is_answered()


async def test_a_refused_subscription_is_an_error_with_the_venues_words(bench: Bench) -> None:
    bench.feed.last.say("!reject")
    await bench.clock.settle()
    (refused,) = bench.events(EventKind.SUBSCRIBE_REJECTED)
    assert refused.detail["message"] == "invalid request"
    assert "invalid request" in (bench.slot.last_error or "")


async def test_a_full_disk_ends_the_slot() -> None:
    bench = Bench()
    task = asyncio.create_task(bench.slot.run())
    await bench.clock.settle()
    bench.journal.full = True
    bench.feed.last.say(A.wire)
    with pytest.raises(DiskFullError):
        await task
    assert bench.feed.last.closed
