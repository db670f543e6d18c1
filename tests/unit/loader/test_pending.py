"""The batch in memory: what is in it, where it came from, when it is due."""

from orderflow_recorder.core.batching import BatchPolicy
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.loader.blocks import Parsed
from orderflow_recorder.loader.pending import PendingBatch
from orderflow_recorder.ports.journal import EntryKind, JournalEntry
from tests.support import records as build

POLICY = BatchPolicy(max_rows=3, max_bytes=100, max_age_s=10)


def entry(start: int, end: int, *, time: int = 5) -> JournalEntry:
    """Return an entry of segment 1."""
    return JournalEntry(EntryKind.FRAME, Position(1, start), Position(1, end), time, b"{}")


def test_entries_add_records_bytes_and_position() -> None:
    pending = PendingBatch(Position(1, 0), POLICY)
    trade = build.trade()
    pending.add(Parsed(entry(0, 40), [trade], 5), 1)
    pending.add(Parsed(entry(40, 60, time=0), [], 0, readable=False), 1)
    assert (pending.start, pending.end, pending.bytes) == (Position(1, 0), Position(1, 60), 60)
    assert (pending.records, pending.unparsable, pending.last_time) == ([trade], 1, 5)
    assert pending.origins() == {id(trade): entry(0, 40)}


def test_first_limit_that_is_reached_makes_it_due() -> None:
    for end, count, now in ((100, 1, 0.0), (10, 3, 0.0), (10, 0, 10.0)):
        pending = PendingBatch(Position(1, 0), POLICY)
        assert not pending.is_due(1000)
        pending.add(Parsed(entry(0, end), [build.trade()] * count, 5), 0)
        assert pending.is_due(now)


def test_own_records_wait_for_age_without_moving_the_position() -> None:
    pending = PendingBatch(Position(1, 7), POLICY)
    event = build.event(EventKind.UNPARSABLE_FRAME)
    pending.add_own(event, 0)
    assert (pending.end, pending.seconds_left(4), pending.origins()) == (Position(1, 7), 6.0, {id(event): None})


def test_a_book_of_our_own_counts_with_its_size() -> None:
    pending = PendingBatch(Position(1, 7), POLICY)
    pending.add_own(build.book_snapshot(source="checkpoint"), 0)
    assert not pending.is_due(0)
    pending.add_own(build.book_snapshot(source="checkpoint"), 0)
    assert (pending.is_due(0), pending.bytes) == (True, 0), "levels as bytes, but no bytes of the journal"


def test_room_is_what_makes_it_due_and_never_nothing() -> None:
    pending = PendingBatch(Position(1, 0), POLICY)
    assert pending.room == (3, 100)
    pending.add(Parsed(entry(0, 90), [build.trade()] * 2, 5), 0)
    assert pending.room == (1, 10)
    pending.add(Parsed(entry(90, 200), [build.trade()] * 2, 5), 0)
    assert pending.room == (1, 1)
