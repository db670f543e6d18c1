"""The levels of one local book: what every diff passes through while recording.

A book waits: its diffs are kept as they came, some dozens of them, until there are enough or somebody asks, and then
all are taken at once, into packed sides (`core.packed_levels`). Where levels cannot be packed, the sides are two dicts,
quantity text by price text, and each diff goes in as it comes, until a checkpoint can pack them again. Nobody can tell
the two apart by what they say. Quantities of zero stay in until the next checkpoint drops them.

The first price of each side of a diff is looked at when it comes: where the number of decimals is not the book's
(a new tick size, another source), all texts are brought to one form. A checkpoint notices whatever got past that.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from orderflow_recorder.core.level_texts import decimals_of, difference, in_order, padded, widened
from orderflow_recorder.core.order_book import depth_ids
from orderflow_recorder.core.packed_levels import PackedLevels, Texts
from orderflow_recorder.core.sequencing import Bridge, Verdict, bridge, judge
from orderflow_recorder.domain.decimal_texts import DecimalTexts, joined
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DecimalText, DepthDiff

CHECKPOINT: Final = "checkpoint"

_VERDICTS: Final = {Bridge.BEFORE: Verdict.STALE, Bridge.SPANS: Verdict.NEXT, Bridge.AFTER: Verdict.GAP}

_WAITING_CHANGES: Final = 8192
_CHANGES_A_DIFF: Final = 32
"""A diff without levels takes as much memory as one change takes, times this."""


class Pace(msgspec.Struct, frozen=True):
    """How much work a rebuild may become before the next checkpoint: the greater of the two.

    Attributes:
        changes: Changes of levels.
        per_level: Changes for each level of the book.
    """

    changes: int = 20_000
    per_level: int = 4


class BookLevels:
    """A book on its way from a snapshot or checkpoint.

    Attributes:
        last_update_id: Id of the base, or final id of the last diff applied.
        changes: Changes of levels since the base or the last checkpoint.
        due: How many of them make a checkpoint due.
        known_bid: The book is complete down to this price.
        known_ask: The book is complete up to this price.
        decimals: Of every price.
    """

    def __init__(self, base: BookSnapshot, pace: Pace, *, packed: bool = True) -> None:
        """Take the levels of ``base``, which has some on both sides.

        Args:
            base: A snapshot or a checkpoint.
            pace: When a checkpoint is due.
            packed: False for one that is looked into all the time.

        Raises:
            AmbiguousPriceError: It has a price twice.
        """
        self._market = base.market
        self._symbol = base.symbol
        self._pace = pace
        # A checkpoint ends with a diff, a snapshot of the venue may end anywhere within one.
        self._chained = base.source == CHECKPOINT
        self.last_update_id = base.last_update_id
        self.changes = 0
        self.due = self._due(len(base.bid_prices) + len(base.ask_prices))
        self._may_pack = packed
        self._packed: PackedLevels | None = None
        self._waiting: list[Texts] = []
        self._waiting_changes = 0
        self._bids = dict(zip(base.bid_prices, base.bid_quantities, strict=True))
        self._asks = dict(zip(base.ask_prices, base.ask_quantities, strict=True))
        self.known_bid = base.known_bid or base.bid_prices[-1]
        self.known_ask = base.known_ask or base.ask_prices[-1]
        found = {decimals_of(price) for side in (self._bids, self._asks) for price in side}
        self.decimals = min(found)
        self._widen(max(found))
        self._pack()

    @property
    def bids(self) -> Mapping[DecimalText, DecimalText]:
        """Quantity text by price text, zeros included."""
        self._settle()
        return self._bids if self._packed is None else self._packed.unpacked()[0]

    @property
    def asks(self) -> Mapping[DecimalText, DecimalText]:
        """The same of the asks."""
        self._settle()
        return self._asks if self._packed is None else self._packed.unpacked()[1]

    def follows(self, diff: DepthDiff) -> Verdict:
        """Say how ``diff`` stands to this book."""
        ids = depth_ids(diff)
        if self._chained:
            return judge(self._market, self.last_update_id, ids)
        return _VERDICTS[bridge(self._market, self.last_update_id, ids)]

    def is_next(self, diff: DepthDiff) -> bool:
        """Say whether ``diff`` just goes on where the last one ended (hot path); false is no answer: see `follows`."""
        last = self.last_update_id
        if not self._chained or diff.final_update_id <= last:
            return False
        if self._market is Market.USDM:
            return diff.previous_final_update_id == last
        return diff.first_update_id == last + 1

    def apply(self, diff: DepthDiff) -> None:
        """Take the levels of a diff that is next (hot path).

        Raises:
            AmbiguousPriceError: Its prices have more decimals than the book's, where two texts then are one price.
        """
        if self._packed is not None and self._has_our_decimals(diff):
            self._keep(diff)
        else:
            self._unpack()
            self._take_texts(diff.bid_prices, diff.bid_quantities, diff.ask_prices, diff.ask_quantities)
            self.changes += len(diff.bid_prices) + len(diff.ask_prices)
        self.last_update_id = diff.final_update_id
        self._chained = True

    def apply_run(self, diffs: Sequence[DepthDiff]) -> int:
        """Take diffs, one after another, as long as nothing is to be done but to keep them (hot path).

        Returns:
            How many were taken: up to the one that makes a checkpoint due, or to one that `apply` must look at.
        """
        if self._packed is None or not self._chained:
            return 0
        for taken, diff in enumerate(diffs):
            if not self.is_next(diff) or not self._has_our_decimals(diff):
                return taken
            self._keep(diff)
            self.last_update_id = diff.final_update_id
            if self.changes >= self.due:
                return taken + 1
        return len(diffs)

    def cut(self, receive_time: int) -> BookSnapshot:
        """Return a checkpoint, drop the zeros, and begin to count anew.

        Args:
            receive_time: Of the last diff applied, ns.

        Raises:
            AmbiguousPriceError: Two texts are the same price.
        """
        self._settle()
        if self._packed is None:
            self._bids = {price: self._bids[price] for price in reversed(in_order(self._bids, self.decimals))}
            self._asks = {price: self._asks[price] for price in in_order(self._asks, self.decimals)}
            bids, asks = self._bids, self._asks
            texts = ",".join(bids), ",".join(bids.values()), ",".join(asks), ",".join(asks.values())
            self._pack()
        else:
            self._packed.drop_zeros()
            texts = self._packed.texts()
        columns = [DecimalTexts(text) for text in texts]
        self.changes = 0
        self.due = self._due(len(columns[0]) + len(columns[2]))
        return BookSnapshot(
            market=self._market,
            symbol=self._symbol,
            last_update_id=self.last_update_id,
            source=CHECKPOINT,
            receive_time=receive_time,
            bid_prices=columns[0],
            bid_quantities=columns[1],
            ask_prices=columns[2],
            ask_quantities=columns[3],
            known_bid=self.known_bid,
            known_ask=self.known_ask,
        )

    def join(self, other: "BookLevels") -> str | None:
        """Add what ``other``, the same book after the same update, knows beyond this one.

        Returns:
            A level that the two see differently, in words; then nothing was added.
        """
        self._unpack()
        other._unpack()  # noqa: SLF001  # of the same class
        self._widen(other.decimals)
        other._widen(self.decimals)  # noqa: SLF001  # as above
        ours_bid, ours_ask = Decimal(self.known_bid), Decimal(self.known_ask)
        bid, ask = Decimal(other.known_bid), Decimal(other.known_ask)
        wrong = difference(self._bids, other.bids, lambda price: price >= ours_bid, lambda price: price >= bid)
        if wrong is not None:
            return f"bid {wrong}"
        wrong = difference(self._asks, other.asks, lambda price: price <= ours_ask, lambda price: price <= ask)
        if wrong is not None:
            return f"ask {wrong}"
        self._bids = {**other.bids, **self._bids}
        self._asks = {**other.asks, **self._asks}
        self.known_bid = other.known_bid if bid < ours_bid else self.known_bid
        self.known_ask = other.known_ask if ask > ours_ask else self.known_ask
        return None

    def _due(self, levels: int) -> int:
        return max(self._pace.changes, self._pace.per_level * levels)

    def _has_our_decimals(self, diff: DepthDiff) -> bool:
        """Say whether the first price of each side has as many decimals as the book's prices (hot path)."""
        decimals = self.decimals
        return _begins_with(decimals, diff.bid_prices) and _begins_with(decimals, diff.ask_prices)

    def _keep(self, diff: DepthDiff) -> None:
        """Let a diff wait (hot path)."""
        bids, asks = joined(diff.bid_prices), joined(diff.ask_prices)
        changes = (bids.count(",") + 1 if bids else 0) + (asks.count(",") + 1 if asks else 0)
        self.changes += changes
        self._waiting.append((bids, joined(diff.bid_quantities), asks, joined(diff.ask_quantities)))
        self._waiting_changes += changes + _CHANGES_A_DIFF
        if self._waiting_changes >= _WAITING_CHANGES:
            self._settle()

    def _settle(self) -> None:
        """Take the diffs that wait."""
        waiting, self._waiting, self._waiting_changes = self._waiting, [], 0
        if self._packed is None or not waiting:
            return
        bid_prices, bid_quantities, ask_prices, ask_quantities = (
            ",".join(filter(None, column)) for column in zip(*waiting, strict=True)
        )
        if not self._packed.take((bid_prices, bid_quantities, ask_prices, ask_quantities)):
            self._unpack()
            for texts in waiting:
                self._take_texts(*map(DecimalTexts, texts))

    def _take_texts(
        self,
        bid_prices: Sequence[DecimalText],
        bid_quantities: Sequence[DecimalText],
        ask_prices: Sequence[DecimalText],
        ask_quantities: Sequence[DecimalText],
    ) -> None:
        """Take the levels of a diff into the dicts."""
        if not _begins_with(self.decimals, bid_prices):
            bid_prices = self._unify(bid_prices)
        self._bids.update(zip(bid_prices, bid_quantities, strict=True))
        if not _begins_with(self.decimals, ask_prices):
            ask_prices = self._unify(ask_prices)
        self._asks.update(zip(ask_prices, ask_quantities, strict=True))

    def _unpack(self) -> None:
        self._settle()
        if self._packed is not None:
            self._bids, self._asks = self._packed.unpacked()
            self._packed = None

    def _pack(self) -> None:
        """Pack the levels, if they can be."""
        if not self._may_pack:
            return
        self._packed = PackedLevels.pack(self._bids, self._asks, self.decimals)
        if self._packed is not None:
            self._bids, self._asks = {}, {}

    def _unify(self, prices: Sequence[DecimalText]) -> list[DecimalText]:
        """Return ``prices`` with the book's number of decimals, which grows to theirs if they have more."""
        self._widen(max(map(decimals_of, prices)))
        return [padded(price, self.decimals) for price in prices]

    def _widen(self, decimals: int) -> None:
        if decimals > self.decimals:
            self.decimals = decimals
            self._bids = widened(self._bids, decimals)
            self._asks = widened(self._asks, decimals)


def _begins_with(decimals: int, prices: Sequence[DecimalText]) -> bool:
    """Say whether the first price, if there is one, has so many decimals (hot path)."""
    if type(prices) is not DecimalTexts:
        return not prices or decimals_of(prices[0]) == decimals
    text = prices.text
    end = text.find(",")
    point = text.find(".") if end < 0 else text.find(".", 0, end)
    return not text or (0 if point < 0 else (end if end >= 0 else len(text)) - 1 - point) == decimals
