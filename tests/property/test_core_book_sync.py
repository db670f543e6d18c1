"""Book sync against a naive model: the book as the set of update ids it has."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_recorder.core.book_sync import BookGap, BookSync, Effect, RequestSnapshot, Synced, SyncState
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds

UNLIMITED = 10_000


def covered(ids: DepthIds) -> set[int]:
    """Return every id that a diff accounts for: spot ``[U, u]``, futures ``(pu, u]``."""
    start = ids.first if ids.previous is None else ids.previous + 1
    return set(range(start, ids.final + 1))


class Model:
    """Remembers everything and asks after each step whether the ids it has are without a hole."""

    def __init__(self, market: Market) -> None:
        """Start with nothing."""
        self.market = market
        self.synced = False
        self.epoch = 0
        self.newest: int | None = None
        self.chain: list[DepthIds] = []
        self.snapshot: int | None = None

    def on_diff(self, ids: DepthIds) -> None:
        """Take a diff unless it is old."""
        if self.newest is not None:
            if ids.final <= self.newest:
                return
            if self.newest + 1 not in covered(ids):
                self.chain = []
                if self.synced:
                    self.synced, self.snapshot = False, None
        self.newest = ids.final
        self.chain.append(ids)
        self.settle()

    def on_snapshot(self, last: int) -> None:
        """Take a snapshot unless it is of no use."""
        behind = self.snapshot is not None and self.newest is not None and last <= self.newest
        if not self.synced and not behind:
            self.snapshot = last
            self.settle()

    def settle(self) -> None:
        """See whether snapshot and diffs are one piece."""
        if self.synced or self.snapshot is None or self.newest is None:
            return
        edge = self.snapshot if self.market is Market.USDM else self.snapshot + 1
        if self.newest < edge:
            return
        if set(range(self.snapshot + 1, self.newest + 1)) <= set().union(*map(covered, self.chain)):
            self.synced = True
            self.epoch += 1
        else:
            self.snapshot = None


class Run:
    """The machine under test, and what its effects claim."""

    def __init__(self, market: Market, buffer_limit: int) -> None:
        """Start both."""
        self.sync = BookSync(market, buffer_limit=buffer_limit)
        self.model = Model(market)
        self.exact = buffer_limit == UNLIMITED
        self.delivered: set[int] = set()
        self.epoch_start = 0
        self.requested = False

    def diff(self, ids: DepthIds) -> None:
        """Deliver a diff."""
        self.delivered |= covered(ids)
        self.model.on_diff(ids)
        self.check(self.sync.on_diff(ids))

    def snapshot(self, last: int) -> None:
        """Deliver a snapshot."""
        self.requested = False
        self.model.on_snapshot(last)
        self.check(self.sync.on_snapshot(last))

    def fail(self) -> None:
        """Let a request fail."""
        self.requested = False
        self.check(self.sync.on_snapshot_failed())

    def check(self, effects: list[Effect]) -> None:
        """Compare, and hold the machine to its word."""
        for effect in effects:
            match effect:
                case RequestSnapshot():
                    assert not self.requested, "a second request while one is in flight"
                    self.requested = True
                case Synced(epoch=epoch, last_update_id=last):
                    assert epoch == self.sync.epoch
                    self.epoch_start = last
                case BookGap(after=after, next_ids=ids):
                    assert after + 1 not in covered(ids)
                case _:
                    pass
        synced = self.sync.state is SyncState.SYNCED
        assert self.requested == (self.sync.state is SyncState.BUFFERING)
        assert self.sync.last_final == self.model.newest
        if self.exact:
            assert (synced, self.sync.epoch) == (self.model.synced, self.model.epoch)
        if synced:
            assert self.sync.last_final is not None
            hole = set(range(self.epoch_start + 1, self.sync.last_final + 1)) - self.delivered
            assert not hole, "an epoch with a hole"


@st.composite
def streams(draw: st.DrawFn, market: Market) -> list[DepthIds]:
    """Return what the venue really sent."""
    sizes = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), min_size=5, max_size=25))
    diffs: list[DepthIds] = []
    last = draw(st.integers(5, 50))
    for jump, size in sizes:
        first = last + 1 + (jump if market is Market.USDM else 0)
        diffs.append(DepthIds(first, first + size, last if market is Market.USDM else None))
        last = first + size
    return diffs


STEP = st.tuples(
    st.sampled_from(["next", "next", "next", "lose", "again", "swap", "merge", "snapshot", "snapshot", "fail"]),
    st.integers(-12, 12),
)


@settings(max_examples=400, deadline=None)
@given(st.data(), st.sampled_from(list(Market)), st.sampled_from([1, 3, UNLIMITED]))
def test_a_book_is_synced_exactly_where_its_ids_are_without_a_hole(
    data: st.DataObject, market: Market, buffer_limit: int
) -> None:
    diffs = data.draw(streams(market))
    run = Run(market, buffer_limit)
    at = 0
    for step, number in data.draw(st.lists(STEP, max_size=60)):
        match step:
            case "next" if at < len(diffs):
                run.diff(diffs[at])
                at += 1
            case "lose" if at < len(diffs):
                at += 1
            case "again" if at:
                run.diff(diffs[number % at])
            case "swap" if at + 1 < len(diffs):
                run.diff(diffs[at + 1])
                run.diff(diffs[at])
                at += 2
            case "merge" if market is Market.SPOT and 0 < at < len(diffs):
                run.diff(DepthIds(diffs[at - 1].first, diffs[at].final))
                at += 1
            case "snapshot":
                run.snapshot(max(0, diffs[min(at, len(diffs) - 1)].final + number))
            case "fail":
                run.fail()
            case _:
                pass


@settings(max_examples=100, deadline=None)
@given(st.data(), st.sampled_from(list(Market)))
def test_a_stream_that_stays_whole_syncs_with_the_first_snapshot_it_reaches(
    data: st.DataObject, market: Market
) -> None:
    diffs = data.draw(streams(market))
    run = Run(market, UNLIMITED)
    answered_at = data.draw(st.integers(0, len(diffs) - 2))
    last = data.draw(st.integers(diffs[0].first, diffs[-2].final))
    for number, ids in enumerate(diffs):
        run.diff(ids)
        if number == answered_at:
            run.snapshot(last)
    assert (run.sync.state, run.sync.epoch) == (SyncState.SYNCED, 1)
