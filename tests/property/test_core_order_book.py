"""The order book against a dict, and replay against the book that the venue really had."""

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_recorder.core.order_book import OrderBook, replay
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff

Levels = dict[Decimal, Decimal]
CHANGES = st.lists(st.tuples(st.integers(0, 20), st.sampled_from(["0", "0.000", "1", "2.50"])), max_size=6)
SPELLINGS = ("{}", "{}.0", "{}.000")


def spelled(price: int) -> str:
    """Return the price as text, not always with the same zeros."""
    return SPELLINGS[price % 3].format(price)


class Truth:
    """The venue's own book, kept naively."""

    def __init__(self, market: Market) -> None:
        """Start with an empty book."""
        self.market = market
        self.last = 10
        self.bids: Levels = {}
        self.asks: Levels = {}

    def change(self, bids: list[tuple[int, str]], asks: list[tuple[int, str]], *, jump: int, size: int) -> DepthDiff:
        """Change the book and return the diff that says so."""
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            for price, quantity in changes:
                side[Decimal(price)] = Decimal(quantity)
        usdm = self.market is Market.USDM
        previous, first = self.last, self.last + 1 + (jump if usdm else 0)
        self.last = first + size
        return DepthDiff(
            self.market, "X", first, self.last, previous if usdm else None, 0, None, 0,
            [spelled(price) for price, _ in bids], [quantity for _, quantity in bids],
            [spelled(price) for price, _ in asks], [quantity for _, quantity in asks],
        )  # fmt: skip

    def snapshot(self) -> BookSnapshot:
        """Return the whole book."""
        bids, asks = self.levels()
        return BookSnapshot(
            self.market, "X", self.last, "rest", 0, [str(price) for price, _ in bids],
            [str(quantity) for _, quantity in bids], [str(price) for price, _ in asks],
            [str(quantity) for _, quantity in asks],
        )  # fmt: skip

    def levels(self) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
        """Return bids and asks, best first."""
        bids = sorted(((price, quantity) for price, quantity in self.bids.items() if quantity), reverse=True)
        return bids, sorted((price, quantity) for price, quantity in self.asks.items() if quantity)


@given(st.lists(st.tuples(CHANGES, CHANGES), max_size=20), st.integers(0, 5))
def test_a_book_is_what_a_dict_says(
    changes: list[tuple[list[tuple[int, str]], list[tuple[int, str]]]], top: int
) -> None:
    truth = Truth(Market.SPOT)
    book = OrderBook.from_snapshot(truth.snapshot())
    for bid_changes, ask_changes in changes:
        book.apply(truth.change(bid_changes, ask_changes, jump=0, size=0))
        bids, asks = truth.levels()
        assert (book.bids(), book.asks()) == (bids, asks)
        assert (book.bids(top), book.asks(top)) == (bids[:top], asks[:top])
        assert book.crossed == bool(bids and asks and bids[0][0] >= asks[0][0])
        assert book.last_update_id == truth.last


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from(list(Market)))
def test_replay_gives_the_true_book_or_none_and_none_only_where_no_snapshot_bridges(
    data: st.DataObject, market: Market
) -> None:
    truth = Truth(market)
    snapshots: list[BookSnapshot] = []
    received: list[DepthDiff] = []
    run_start: int | None = None  # id before the first diff of the last unbroken run
    lost_any = True
    seen: list[int] = []
    steps = st.sampled_from(["diff", "diff", "diff", "lose", "snapshot", "again"])
    end = None
    for step in data.draw(st.lists(steps, max_size=25)):
        if step == "snapshot":
            snapshots.append(truth.snapshot())
        elif step == "again" and received:
            received.append(received[data.draw(st.integers(0, len(received) - 1))])
        elif step in ("diff", "lose"):
            before = truth.last
            diff = truth.change(
                data.draw(CHANGES),
                data.draw(CHANGES),
                jump=data.draw(st.integers(0, 2)),
                size=data.draw(st.integers(0, 3)),
            )
            if step == "lose":
                lost_any = True
                continue
            if lost_any:
                run_start, lost_any = before, False
            received.append(diff)
            seen.append(diff.final_update_id)
            end = truth.levels()
    book = replay(market, data.draw(st.permutations(snapshots)), received)
    # A snapshot taken at the very end: on futures the last diff still spans it, on spot none does.
    newest = seen[-1] if seen else -1
    usable = [
        each
        for each in snapshots
        if run_start is not None
        and run_start <= each.last_update_id
        and (each.last_update_id < newest or (market is Market.USDM and each.last_update_id == newest))
    ]
    assert (book is not None) == bool(usable)
    if book is not None:
        assert (book.bids(), book.asks()) == end
        assert book.last_update_id == newest
