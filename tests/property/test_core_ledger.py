"""The ledger against a naive model: a set of ids seen, whatever the cut into batches."""

from collections.abc import Sequence
from itertools import pairwise

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.core.intervals import Interval
from orderflow_recorder.core.ledger import (
    SETTLING_NS,
    Cover,
    Entry,
    LedgerStep,
    Origin,
    StoredEntry,
    StreamLedger,
)
from orderflow_recorder.domain.gaps import GapCause, GapStatus

A, REST = "instance:a", "rest"
LATER = SETTLING_NS + 1


class Arrival(msgspec.Struct, frozen=True):
    """Ids that arrive, or, from no source, that nobody has."""

    first: int
    last: int
    source: str | None


ARRIVALS = st.lists(
    st.builds(
        lambda first, more, source: Arrival(first, first + more, source),
        st.integers(0, 60),
        st.integers(0, 6),
        st.sampled_from([A, A, A, REST, "instance:b", None]),
    ),
    max_size=40,
)


def venue_skipped(_from_time: int, _to_time: int, _place: int) -> GapCause:
    return GapCause.VENUE_SKIPPED


def ledger(cover: Cover | None, *stored: StoredEntry, no_source: str | None = None) -> StreamLedger:
    return StreamLedger(cover, stored, instance="a", no_source=no_source, explain=venue_skipped)


class Stored:
    """What the database would hold: applies steps as the sink does."""

    def __init__(self) -> None:
        """Start empty."""
        self.cover: Cover | None = None
        self.entries: dict[int, Entry] = {}
        self.next_id = 1

    def load(self, arrivals: Sequence[Arrival], start: int) -> LedgerStep:
        """Load one batch; an arrival a second, entries that it does not come near left out, as the sink does."""
        first = min((one.first for one in arrivals), default=0) - 1
        last = max((one.last for one in arrivals), default=0) + 1
        near = [
            StoredEntry(gap_id, entry)
            for gap_id, entry in self.entries.items()
            if entry.ids.last >= first and entry.ids.first <= last
        ]
        machine = ledger(self.cover, *near)
        for time, one in enumerate(arrivals, start):
            if one.source is None:
                machine.refuse(Interval(one.first, one.last), "nobody has them")
            else:
                machine.arrive(one.first, one.last, time * 10**9, one.source, time)
        step = machine.finish()
        self.apply(step)
        return step

    def apply(self, step: LedgerStep) -> None:
        """Store what a batch changed."""
        self.cover = step.cover
        for gap_id in step.removed:
            del self.entries[gap_id]
        for one in step.changed:
            assert one.gap_id in self.entries
            self.entries[one.gap_id] = one.entry
        for entry in step.added:
            self.entries[self.next_id] = entry
            self.next_id += 1

    def ids(self, *, healed: bool) -> list[int]:
        """Return the ids of entries that are healed, or are not, each as often as it is in one."""
        entries = [one for one in self.entries.values() if (one.status is GapStatus.HEALED) is healed]
        return sorted(number for one in entries for number in range(one.ids.first, one.ids.last + 1))

    def table(self) -> list[Entry]:
        """Return the entries without their numbers."""
        return sorted(self.entries.values(), key=lambda entry: entry.ids)


@given(st.lists(ARRIVALS, max_size=6))
def test_each_id_is_seen_or_in_exactly_one_gap(batches: list[list[Arrival]]) -> None:
    stored, seen, time = Stored(), set[int](), 0
    for batch in batches:
        expected_kept = []
        for one in batch:
            if one.source is not None:
                arrival = set(range(one.first, one.last + 1))
                expected_kept.append(bool(arrival - seen))
                seen |= arrival
        assert stored.load(batch, time).kept == expected_kept
        time += len(batch)
        if seen:
            assert stored.cover is not None
            assert (stored.cover.first, stored.cover.last) == (min(seen), max(seen))
            assert stored.ids(healed=False) == sorted(set(range(min(seen), max(seen) + 1)) - seen)
        else:
            assert stored.cover is None
        healed = stored.ids(healed=True)
        assert len(healed) == len(set(healed))
        assert set(healed) <= seen


@given(ARRIVALS, st.lists(st.integers(1, 39), max_size=8, unique=True))
def test_the_cut_into_batches_leaves_no_trace(arrivals: list[Arrival], cuts: list[int]) -> None:
    whole, parts = Stored(), Stored()
    whole.load(arrivals, 0)
    edges = [0, *sorted(cut for cut in cuts if cut < len(arrivals)), len(arrivals)]
    for start, end in pairwise(edges):
        parts.load(arrivals[start:end], start)
    assert parts.table() == whole.table()
    assert parts.cover == whole.cover


def origin(opened_at: int = 300, instance: str = "a") -> Origin:
    return Origin(opened_at, 200, 300, GapCause.DISCONNECT, instance)


def test_a_hole_is_bounded_by_the_times_of_its_neighbours() -> None:
    machine = ledger(Cover(1, 10, 100, 200))
    machine.arrive(15, 15, 300, A)
    step = machine.finish()
    cause = GapCause.VENUE_SKIPPED
    assert step.added == [Entry(Interval(11, 14), Origin(300, 200, 300, cause, "a"), GapStatus.OPEN)]
    assert step.cover == Cover(1, 15, 100, 300)


def test_a_hole_that_no_source_can_fill_is_born_unrecoverable() -> None:
    machine = ledger(Cover(1, 10, 100, 200), no_source="keys")
    machine.arrive(15, 15, 300, A)
    (entry,) = machine.finish().added
    assert (entry.status, entry.reason) == (GapStatus.UNRECOVERABLE, "keys")


def test_the_cause_is_asked_for_with_times_and_place() -> None:
    asked = []

    def explain(*arguments: int) -> GapCause:
        asked.append(arguments)
        return GapCause.WINDOW

    machine = StreamLedger(Cover(1, 10, 100, 200), instance="a", no_source=None, explain=explain)
    machine.arrive(15, 15, 300, A, 7)
    assert asked == [(200, 300, 7)]
    assert machine.finish().added[0].origin.cause is GapCause.WINDOW


def test_a_partly_filled_gap_is_split_and_what_is_missing_keeps_the_number() -> None:
    gap = Entry(Interval(11, 20), origin(), GapStatus.OPEN)
    machine = ledger(Cover(1, 30, 100, 400), StoredEntry(7, gap))
    assert machine.arrive(11, 14, 500, REST)
    step = machine.finish()
    assert step.changed == [StoredEntry(7, Entry(Interval(15, 20), origin(), GapStatus.OPEN))]
    assert step.added == [Entry(Interval(11, 14), origin(), GapStatus.HEALED, None, 500, REST)]
    assert step.removed == []
    assert step.cover == Cover(1, 30, 100, 400)


def test_a_filled_gap_keeps_its_number_and_its_reason_goes() -> None:
    gap = Entry(Interval(11, 12), origin(), GapStatus.UNRECOVERABLE, "keys")
    machine = ledger(Cover(1, 30, 100, 400), StoredEntry(7, gap))
    machine.arrive(11, 11, 500, "instance:b")
    machine.arrive(12, 12, 600, "instance:b")
    step = machine.finish()
    healed = Entry(Interval(11, 12), origin(), GapStatus.HEALED, None, 600, "instance:b")
    assert (step.removed, step.changed, step.added) == ([], [StoredEntry(7, healed)], [])


def test_pieces_that_fare_alike_are_one_entry_again() -> None:
    done = Entry(Interval(11, 12), origin(), GapStatus.HEALED, None, 500, REST)
    gap = Entry(Interval(13, 14), origin(), GapStatus.OPEN)
    machine = ledger(Cover(1, 30, 100, 400), StoredEntry(7, done), StoredEntry(8, gap))
    machine.arrive(13, 14, 600, REST)
    step = machine.finish()
    healed = Entry(Interval(11, 14), origin(), GapStatus.HEALED, None, 600, REST)
    assert (step.removed, step.changed, step.added) == ([8], [StoredEntry(7, healed)], [])


def test_what_was_only_out_of_order_leaves_no_trace() -> None:
    machine = ledger(Cover(1, 10, 100, 200))
    machine.arrive(13, 13, 300, A)
    machine.arrive(11, 12, 300 + SETTLING_NS, A)
    assert machine.finish().added == []


def test_what_was_only_out_of_order_leaves_no_trace_in_a_later_batch() -> None:
    gap = Entry(Interval(11, 12), origin(), GapStatus.OPEN)
    machine = ledger(Cover(1, 30, 100, 400), StoredEntry(7, gap))
    machine.arrive(11, 12, 400, A)
    assert machine.finish().removed == [7]


def test_what_came_too_late_for_disorder_or_from_elsewhere_is_history() -> None:
    for source, time in ((A, 300 + LATER), (REST, 301), ("instance:b", 301)):
        machine = ledger(Cover(1, 10, 100, 200))
        machine.arrive(12, 12, 300, A)
        machine.arrive(11, 11, time, source)
        (entry,) = machine.finish().added
        assert (entry.status, entry.healed_at, entry.healed_by) == (GapStatus.HEALED, time, source)


def test_nothing_is_healed_before_it_was_missed() -> None:
    machine = ledger(Cover(1, 30, 100, 400), StoredEntry(7, Entry(Interval(11, 11), origin(), GapStatus.OPEN)))
    machine.arrive(11, 11, 250, "instance:b")
    assert machine.finish().changed[0].entry.healed_at == origin().opened_at


def test_what_nobody_has_is_unrecoverable_where_it_was_open() -> None:
    gaps = [
        StoredEntry(7, Entry(Interval(11, 14), origin(), GapStatus.OPEN)),
        StoredEntry(8, Entry(Interval(16, 17), origin(), GapStatus.UNRECOVERABLE, "first reason")),
    ]
    machine = ledger(Cover(1, 30, 100, 400), *gaps)
    machine.refuse(Interval(13, 20), "too old")
    step = machine.finish()
    assert step.changed == [StoredEntry(7, Entry(Interval(11, 12), origin(), GapStatus.OPEN))]
    assert step.added == [Entry(Interval(13, 14), origin(), GapStatus.UNRECOVERABLE, "too old")]


def test_what_is_covered_already_is_not_kept() -> None:
    machine = ledger(Cover(1, 10, 100, 200))
    assert not machine.arrive(4, 6, 300, A)
    assert machine.finish() == LedgerStep([False], Cover(1, 10, 100, 200), [], [], [])
