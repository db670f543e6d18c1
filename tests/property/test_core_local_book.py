"""Local books against the venue's own: whatever order things come in, what is written is true."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_recorder.core.book_levels import Pace
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff, Record
from tests.support.book_loading import checkpoints, load, tops
from tests.support.memory_sink import MemoryStore
from tests.support.records import MILLISECOND, NOON
from tests.support.venue_book import Changes, VenueBook, best

CHANGES = st.lists(st.tuples(st.integers(1, 20), st.sampled_from(["0", "0.00", "1", "2.50"])), max_size=4)
KINDS = st.sampled_from(["diff"] * 6 + ["lose", "again", "snapshot", "snapshot", "inside"])
DELAYS = st.sampled_from([0.0] * 6 + [1.5, 2.5])
SNAPSHOT_DELAYS = st.sampled_from([-2.5, -1.5, 0.0, 0.0, 1.5, 3.5])
TOP_LEVELS = 3
PACE = Pace(changes=6, per_level=1)


class Step(NamedTuple):
    """What the venue does next."""

    kind: str
    bids: Changes
    asks: Changes
    delay: float
    snapshot_delay: float
    levels: int
    decimals: int


DECIMALS = st.sampled_from([0, 0, 0, 1, 3])
STEPS = st.lists(
    st.builds(Step, KINDS, CHANGES, CHANGES, DELAYS, SNAPSHOT_DELAYS, st.integers(1, 20), DECIMALS), max_size=40
)


def journal_of(venue: VenueBook, steps: Sequence[Step]) -> list[Record]:
    """Return what arrives, in the order it does, a millisecond apart."""
    arrivals: list[tuple[float, DepthDiff | BookSnapshot]] = []
    sent: list[DepthDiff] = []
    for now, step in enumerate(steps):
        if step.kind == "snapshot":
            arrivals.append((now + step.snapshot_delay, venue.snapshot(step.levels, decimals=step.decimals)))
            continue
        if step.kind == "again":
            arrivals += [(now, diff) for diff in sent[-1:]]
            continue
        before = venue.last
        venue.change(step.bids, ())
        if step.kind == "inside":
            arrivals.append((now + step.snapshot_delay, venue.snapshot(step.levels, decimals=step.decimals)))
        venue.change((), step.asks)
        diff = venue.diff(before, step.bids, step.asks, decimals=step.decimals, gap=now % 2)
        if step.kind != "lose":
            sent.append(diff)
            arrivals.append((now + step.delay, diff))
    arrivals.sort(key=lambda arrival: arrival[0])
    return [
        msgspec.structs.replace(record, receive_time=NOON + index * MILLISECOND)
        for index, (_, record) in enumerate(arrivals)
    ]


def rows(store: MemoryStore) -> list[list[str]]:
    """Return what was written of books, to compare."""
    return [sorted(map(repr, store.tables[table].values())) for table in ("book_snapshots", "book_tops")]


def levels(prices: Sequence[str], quantities: Sequence[str]) -> list[tuple[Decimal, Decimal]]:
    """Return exact numbers."""
    return [(Decimal(price), Decimal(quantity)) for price, quantity in zip(prices, quantities, strict=True)]


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(list(Market)), STEPS)
def test_every_checkpoint_is_the_venues_book_as_far_as_it_says_it_is_known(market: Market, steps: list[Step]) -> None:
    venue = VenueBook(market)
    for one in checkpoints(load(journal_of(venue, steps), top_levels=0, pace=PACE)):
        bids, asks = best(*venue.states[one.last_update_id])
        ours = levels(one.bid_prices, one.bid_quantities), levels(one.ask_prices, one.ask_quantities)
        assert one.known_bid is not None
        assert one.known_ask is not None
        known = Decimal(one.known_bid), Decimal(one.known_ask)
        assert [level for level in ours[0] if level[0] >= known[0]] == [level for level in bids if level[0] >= known[0]]
        assert [level for level in ours[1] if level[0] <= known[1]] == [level for level in asks if level[0] <= known[1]]
        assert [level for level in bids if level in ours[0]] == ours[0], "beyond the edge, too, in order and true"
        assert [level for level in asks if level in ours[1]] == ours[1]


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(list(Market)), STEPS)
def test_every_top_is_the_best_of_the_venues_book_that_is_known(market: Market, steps: list[Step]) -> None:
    venue = VenueBook(market)
    for one in tops(load(journal_of(venue, steps), top_levels=TOP_LEVELS, pace=PACE)):
        bids, asks = best(*venue.states[one.last_update_id])
        ours = levels(one.bid_prices, one.bid_quantities), levels(one.ask_prices, one.ask_quantities)
        assert (bids[: len(ours[0])], asks[: len(ours[1])]) == ours
        assert len(ours[0]) <= TOP_LEVELS
        assert len(ours[1]) <= TOP_LEVELS


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(list(Market)), STEPS, st.sets(st.integers(1, 45)), st.sets(st.integers(0, 45), max_size=5))
def test_batches_and_restarts_change_nothing(
    market: Market, steps: list[Step], batches: set[int], restarts: set[int]
) -> None:
    journal = journal_of(VenueBook(market), steps)
    whole = load(journal, top_levels=TOP_LEVELS, pace=PACE)
    parts = load(journal, top_levels=TOP_LEVELS, pace=PACE, batches=sorted(batches), restarts=sorted(restarts))
    assert rows(parts) == rows(whole)


@settings(max_examples=120, deadline=None)
@given(st.sampled_from(list(Market)), STEPS, STEPS, st.sampled_from([-2.5, -1.5, 0.0, 1.5, 3.5]))
def test_where_nothing_is_lost_one_snapshot_is_enough(
    market: Market, before: list[Step], after: list[Step], delay: float
) -> None:
    """From the diff after it on, the tops are those of the naive book, each told once."""
    venue = VenueBook(market)
    honest = [step._replace(kind="diff", delay=0.0) for step in before + after]
    honest.insert(len(before), Step("snapshot", (), (), 0.0, delay, 8, 0))
    journal = journal_of(venue, honest)
    place, snapshot = next((place, one) for place, one in enumerate(journal) if isinstance(one, BookSnapshot))
    if not snapshot.bid_prices or not snapshot.ask_prices:
        return
    spanned = snapshot.last_update_id + (market is Market.SPOT)  # on futures a diff that ends with it is the first
    expected: list[tuple[int, object]] = []
    for one in journal[place:]:
        if isinstance(one, DepthDiff) and one.final_update_id >= spanned:
            bids, asks = best(*venue.states[one.final_update_id])
            lowest, highest = Decimal(snapshot.bid_prices[-1]), Decimal(snapshot.ask_prices[-1])
            known = (
                [level for level in bids if level[0] >= lowest][:TOP_LEVELS],
                [level for level in asks if level[0] <= highest][:TOP_LEVELS],
            )
            if not expected or expected[-1][1] != known:
                expected.append((one.final_update_id, known))
    told = tops(load(journal, top_levels=TOP_LEVELS, pace=PACE))
    assert [
        (
            one.last_update_id,
            (levels(one.bid_prices, one.bid_quantities), levels(one.ask_prices, one.ask_quantities)),
        )
        for one in told
    ] == expected
