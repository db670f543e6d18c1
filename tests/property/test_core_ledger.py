"""The ledger against a naive model: a set of ids seen."""

from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.core.intervals import Interval
from orderflow_recorder.core.ledger import Cover, Gap, Healed, KnownGap, LedgerStep, StreamLedger

ARRIVALS = st.lists(
    st.tuples(st.integers(0, 80), st.integers(0, 6)).map(lambda pair: (pair[0], sum(pair))), max_size=25
)


class Stored:
    """What the database would hold: applies steps as the sink does."""

    def __init__(self) -> None:
        """Start empty."""
        self.cover: Cover | None = None
        self.gaps: dict[int, Gap] = {}
        self.next_id = 1

    def begin(self) -> StreamLedger:
        """Return the ledger of the next batch."""
        return StreamLedger(self.cover, [KnownGap(gap_id, gap) for gap_id, gap in self.gaps.items()])

    def apply(self, step: LedgerStep) -> None:
        """Store what a batch changed."""
        self.cover = step.cover
        for healed in step.healed:
            old = self.gaps.pop(healed.gap_id)
            for rest in healed.rest:
                self.add(Gap(rest, old.from_time, old.to_time))
        for gap in step.opened:
            self.add(gap)

    def add(self, gap: Gap) -> None:
        """Store a gap."""
        self.gaps[self.next_id] = gap
        self.next_id += 1

    def missing(self) -> list[int]:
        """Return the ids in gaps, each as often as it is in one."""
        return sorted(number for gap in self.gaps.values() for number in range(gap.ids.first, gap.ids.last + 1))


@given(st.lists(ARRIVALS, max_size=6))
def test_each_id_is_seen_or_in_exactly_one_gap(batches: list[list[tuple[int, int]]]) -> None:
    stored, seen, time = Stored(), set[int](), 0
    for batch in batches:
        ledger = stored.begin()
        expected_kept = []
        for first, last in batch:
            time += 1
            arrival = set(range(first, last + 1))
            expected_kept.append(bool(arrival - seen))
            seen |= arrival
            ledger.arrive(first, last, time)
        step = ledger.finish()
        assert step.kept == expected_kept
        stored.apply(step)
        if seen:
            assert stored.cover is not None
            assert (stored.cover.first, stored.cover.last) == (min(seen), max(seen))
            assert stored.missing() == sorted(set(range(min(seen), max(seen) + 1)) - seen)
        else:
            assert stored.cover is None


def test_a_hole_is_bounded_by_the_times_of_its_neighbours() -> None:
    ledger = StreamLedger(Cover(1, 10, 100, 200))
    ledger.arrive(15, 15, 300)
    step = ledger.finish()
    assert step.opened == [Gap(Interval(11, 14), 200, 300)]
    assert step.cover == Cover(1, 15, 100, 300)


def test_a_partly_filled_gap_is_split() -> None:
    gap = Gap(Interval(11, 20), 200, 300)
    ledger = StreamLedger(Cover(1, 30, 100, 400), [KnownGap(7, gap)])
    assert ledger.arrive(13, 14, 500)
    step = ledger.finish()
    assert step.healed == [Healed(7, gap, [Interval(13, 14)], [Interval(11, 12), Interval(15, 20)])]
    assert step.opened == []
    assert step.cover == Cover(1, 30, 100, 400)


def test_what_comes_late_in_the_same_batch_opens_no_gap() -> None:
    ledger = StreamLedger(Cover(1, 10, 100, 200))
    ledger.arrive(13, 13, 300)
    ledger.arrive(11, 12, 301)
    assert ledger.finish().opened == []


def test_what_is_covered_already_is_not_kept() -> None:
    ledger = StreamLedger(Cover(1, 10, 100, 200))
    assert not ledger.arrive(4, 6, 300)
    assert ledger.finish() == LedgerStep([False], Cover(1, 10, 100, 200), [], [])
