"""The check of books against a made-up venue: no false alarm, and no wrong level slips through."""

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from orderflow_recorder.core.book_check import BookCheck, Top
from orderflow_recorder.core.completeness import Contradiction, Promise
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff

Item = DepthDiff | BookSnapshot | Top
MIDDLE = 100


@dataclass
class Venue:
    """A book that moves, and what is published of it in the order of update ids."""

    market: Market
    rng: Random
    bids: dict[int, int] = field(default_factory=dict)
    asks: dict[int, int] = field(default_factory=dict)
    update_id: int = 1000
    published: list[Item] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Open the book."""
        for distance in range(1, 30):
            self.bids[MIDDLE - distance] = distance
            self.asks[MIDDLE + distance] = distance

    def snapshot(self, levels: int) -> BookSnapshot:
        bids = sorted(self.bids.items(), reverse=True)[:levels]
        asks = sorted(self.asks.items())[:levels]
        return BookSnapshot(
            self.market,
            "X",
            self.update_id,
            "rest",
            0,
            [str(price) for price, _ in bids],
            [str(quantity) for _, quantity in bids],
            [str(price) for price, _ in asks],
            [str(quantity) for _, quantity in asks],
        )

    def top(self) -> Top:
        bid, ask = max(self.bids), min(self.asks)
        return Top(self.update_id, (Decimal(bid), Decimal(self.bids[bid])), (Decimal(ask), Decimal(self.asks[ask])))

    def diff(self, *, snapshot_within: bool) -> None:
        """Publish a diff of some changes, and perhaps a snapshot taken between two of them."""
        previous, first = self.update_id, None
        touched: tuple[dict[int, None], dict[int, None]] = ({}, {})
        changes = self.rng.randint(1, 6)
        pending: BookSnapshot | None = None
        for number in range(changes):
            self.update_id += 1 if self.market is Market.SPOT else self.rng.randint(1, 9)
            first = first or self.update_id
            side = self.rng.randrange(2)
            levels, sign = ((self.bids, -1), (self.asks, 1))[side]
            price = MIDDLE + sign * self.rng.randint(1, 40)
            if price in levels and len(levels) > 15 and self.rng.random() < 0.4:
                del levels[price]
            else:
                levels[price] = self.rng.randint(1, 99)
            touched[side][price] = None
            if snapshot_within and number == changes // 2:
                pending = self.snapshot(self.rng.randint(5, 60))
        before = [pending] if pending is not None and pending.last_update_id < self.update_id else []
        self.published += [*before, self._diff(previous, first or 0, touched)]

    def _diff(self, previous: int, first: int, touched: tuple[dict[int, None], dict[int, None]]) -> DepthDiff:
        bids, asks = touched
        return DepthDiff(
            self.market,
            "X",
            first,
            self.update_id,
            previous if self.market is Market.USDM else None,
            0,
            None,
            0,
            [str(price) for price in bids],
            [str(self.bids.get(price, 0)) for price in bids],
            [str(price) for price in asks],
            [str(self.asks.get(price, 0)) for price in asks],
        )


def play(market: Market, seed: int, diffs: int = 40) -> list[Item]:
    """Return what a venue publishes: a snapshot first, then diffs, tops and snapshots of any depth."""
    rng = Random(seed)  # noqa: S311  # a made-up market
    venue = Venue(market, rng)
    venue.published.append(venue.snapshot(rng.randint(5, 60)))
    for _ in range(diffs):
        venue.diff(snapshot_within=rng.random() < 0.2)
        if rng.random() < 0.2:
            venue.published.append(venue.snapshot(rng.randint(5, 60)))
        if rng.random() < 0.5:
            venue.published.append(venue.top())
    return venue.published


def check(market: Market, items: list[Item]) -> tuple[Contradiction | None, BookCheck]:
    machine = BookCheck(market)
    for item in items:
        if isinstance(item, DepthDiff):
            wrong = machine.take_diff(item)
        elif isinstance(item, BookSnapshot):
            wrong = machine.take_snapshot(item)
        else:
            wrong = machine.take_top(item)
        if wrong is not None:
            return wrong, machine
    return None, machine


MARKETS = st.sampled_from(Market)
SEEDS = st.integers(0, 2**32)


@given(MARKETS, SEEDS)
def test_what_a_venue_publishes_never_contradicts_itself(market: Market, seed: int) -> None:
    items = play(market, seed)
    wrong, machine = check(market, items)
    assert wrong is None
    assert machine.chains == 1
    assert machine.tops == sum(isinstance(item, Top) for item in items)
    assert machine.snapshots == sum(isinstance(item, BookSnapshot) for item in items) - 1


@given(MARKETS, SEEDS, st.sets(st.integers(0, 60), max_size=6))
def test_a_hole_ends_the_book_and_raises_no_alarm(market: Market, seed: int, lost: set[int]) -> None:
    items = [item for number, item in enumerate(play(market, seed)) if number not in lost]
    wrong, _ = check(market, items)
    assert wrong is None


@given(MARKETS, SEEDS, st.data())
def test_a_wrong_best_price_is_found(market: Market, seed: int, data: st.DataObject) -> None:
    # A first snapshot of everything: whatever is best later is known.
    venue = Venue(market, Random(seed))  # noqa: S311  # a made-up market
    venue.published.append(venue.snapshot(60))
    for _ in range(10):
        venue.diff(snapshot_within=False)
        venue.published.append(venue.top())
    tops = [number for number, item in enumerate(venue.published) if isinstance(item, Top)]
    number = data.draw(st.sampled_from(tops))
    top = venue.published[number]
    assert isinstance(top, Top)
    price, quantity = top.ask
    other = data.draw(st.sampled_from([(price, quantity + 1), (price + 1, quantity), (Decimal(0), Decimal(0))]))
    venue.published[number] = replace(top, ask=other)
    wrong, _ = check(market, venue.published)
    assert wrong is not None
    assert (wrong.promise, wrong.first_id) == (Promise.BOOKS_AGREE, top.update_id)


@given(MARKETS, SEEDS, st.data())
def test_a_wrong_quantity_in_a_diff_is_found_by_the_next_snapshot(
    market: Market, seed: int, data: st.DataObject
) -> None:
    venue = Venue(market, Random(seed))  # noqa: S311  # a made-up market
    venue.published.append(venue.snapshot(60))
    for _ in range(5):
        venue.diff(snapshot_within=False)
    diff = venue.published[-1]
    assert isinstance(diff, DepthDiff)
    venue.published.append(venue.snapshot(60))
    assert check(market, venue.published)[0] is None
    bids, asks = list(diff.bid_quantities), list(diff.ask_quantities)
    side = data.draw(st.sampled_from([one for one in (bids, asks) if one]))
    number = data.draw(st.integers(0, len(side) - 1))
    side[number] = str(int(side[number]) + 1)
    venue.published[-2] = replace(diff, bid_quantities=bids, ask_quantities=asks)
    price = int((diff.bid_prices if side is bids else diff.ask_prices)[number])
    beyond = price < min(venue.bids) if side is bids else price > max(venue.asks)
    wrong, _ = check(market, venue.published)
    # Beyond the last snapshot's outermost price nobody can tell.
    assert (wrong is None) == beyond
