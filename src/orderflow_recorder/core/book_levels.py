"""The levels of one local book as texts: what every diff passes through while recording.

Two dicts, quantity text by price text, take a diff without looking at a single level; quantities of
zero stay in until the next checkpoint drops them. That a price has one text holds as long as a symbol's
prices have the same number of decimals. That may change (a new tick size, another source): the first
price of each side of a diff is looked at, and all texts are brought to one form where it differs. A
checkpoint notices whatever got past that.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import compress, groupby
from typing import Final

import msgspec

from orderflow_recorder.core.order_book import depth_ids
from orderflow_recorder.core.sequencing import Bridge, Verdict, bridge, judge
from orderflow_recorder.domain.errors import OrderflowError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DecimalText, DepthDiff

CHECKPOINT: Final = "checkpoint"

_VERDICTS: Final = {Bridge.BEFORE: Verdict.STALE, Bridge.SPANS: Verdict.NEXT, Bridge.AFTER: Verdict.GAP}


class AmbiguousPriceError(OrderflowError):
    """Texts in a book are, or look like, the same price, so that nobody knows which of the quantities holds."""

    def __init__(self, prices: Iterable[DecimalText]) -> None:
        """Name them."""
        super().__init__(f"expected one text for each price, received {', '.join(sorted(prices))}")


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
        bids: Quantity text by price text, zeros included.
        asks: The same.
        known_bid: The book is complete down to this price.
        known_ask: The book is complete up to this price.
        decimals: Of every price.
    """

    def __init__(self, base: BookSnapshot, pace: Pace) -> None:
        """Take the levels of ``base``, which has some on both sides.

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
        self.bids = dict(zip(base.bid_prices, base.bid_quantities, strict=True))
        self.asks = dict(zip(base.ask_prices, base.ask_quantities, strict=True))
        self.known_bid = base.known_bid or base.bid_prices[-1]
        self.known_ask = base.known_ask or base.ask_prices[-1]
        found = {_decimals(price) for side in (self.bids, self.asks) for price in side}
        self.decimals = min(found)
        self._widen(max(found))

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
        prices = diff.bid_prices
        if prices:
            if _decimals(prices[0]) != self.decimals:
                prices = self._unify(prices)
            self.bids.update(zip(prices, diff.bid_quantities, strict=True))
            self.changes += len(prices)
        prices = diff.ask_prices
        if prices:
            if _decimals(prices[0]) != self.decimals:
                prices = self._unify(prices)
            self.asks.update(zip(prices, diff.ask_quantities, strict=True))
            self.changes += len(prices)
        self.last_update_id = diff.final_update_id
        self._chained = True

    def cut(self, receive_time: int) -> BookSnapshot:
        """Return a checkpoint, drop the zeros, and begin to count anew.

        Args:
            receive_time: Of the last diff applied, ns.

        Raises:
            AmbiguousPriceError: Two texts are the same price.
        """
        self.bids = {price: self.bids[price] for price in reversed(_in_order(self.bids, self.decimals))}
        self.asks = {price: self.asks[price] for price in _in_order(self.asks, self.decimals)}
        self.changes = 0
        self.due = self._due(len(self.bids) + len(self.asks))
        return BookSnapshot(
            market=self._market,
            symbol=self._symbol,
            last_update_id=self.last_update_id,
            source=CHECKPOINT,
            receive_time=receive_time,
            bid_prices=list(self.bids),
            bid_quantities=list(self.bids.values()),
            ask_prices=list(self.asks),
            ask_quantities=list(self.asks.values()),
            known_bid=self.known_bid,
            known_ask=self.known_ask,
        )

    def join(self, other: "BookLevels") -> str | None:
        """Add what ``other``, the same book after the same update, knows beyond this one.

        Returns:
            A level that the two see differently, in words; then nothing was added.
        """
        self._widen(other.decimals)
        other._widen(self.decimals)  # noqa: SLF001  # of the same class
        ours_bid, ours_ask = Decimal(self.known_bid), Decimal(self.known_ask)
        bid, ask = Decimal(other.known_bid), Decimal(other.known_ask)
        wrong = _difference(self.bids, other.bids, lambda price: price >= ours_bid, lambda price: price >= bid)
        if wrong is not None:
            return f"bid {wrong}"
        wrong = _difference(self.asks, other.asks, lambda price: price <= ours_ask, lambda price: price <= ask)
        if wrong is not None:
            return f"ask {wrong}"
        self.bids = other.bids | self.bids
        self.asks = other.asks | self.asks
        self.known_bid = other.known_bid if bid < ours_bid else self.known_bid
        self.known_ask = other.known_ask if ask > ours_ask else self.known_ask
        return None

    def _due(self, levels: int) -> int:
        return max(self._pace.changes, self._pace.per_level * levels)

    def _unify(self, prices: Sequence[DecimalText]) -> list[DecimalText]:
        """Return ``prices`` with the book's number of decimals, which grows to theirs if they have more."""
        self._widen(max(map(_decimals, prices)))
        return [padded(price, self.decimals) for price in prices]

    def _widen(self, decimals: int) -> None:
        if decimals > self.decimals:
            self.decimals = decimals
            self.bids = _widened(self.bids, decimals)
            self.asks = _widened(self.asks, decimals)


def is_zero(quantity: DecimalText) -> bool:
    """Return whether a level of this quantity is none."""
    return not quantity.strip("0.")


def _decimals(price: DecimalText) -> int:
    return len(price) - 1 - price.index(".") if "." in price else 0


def padded(price: DecimalText, decimals: int) -> DecimalText:
    """Return ``price`` with so many decimals, of which it has no more."""
    missing = decimals - _decimals(price)
    if not missing:
        return price
    return price + "0" * missing if "." in price else f"{price}.{'0' * missing}"


def _widened(side: Mapping[DecimalText, DecimalText], decimals: int) -> dict[DecimalText, DecimalText]:
    widened = {padded(price, decimals): quantity for price, quantity in side.items()}
    if len(widened) < len(side):
        raise AmbiguousPriceError(_same(side))
    return widened


def _in_order(side: Mapping[DecimalText, DecimalText], decimals: int) -> list[DecimalText]:
    """Return the prices of the levels that are not zero, lowest first."""
    # A float is zero where the text is, down to 323 decimals.
    there = compress(side, map(float, side.values()))
    if _are_plain(side, decimals):
        return sorted(sorted(there), key=len)
    if len(set(map(Decimal, side))) < len(side):
        raise AmbiguousPriceError(_same(side))
    return sorted(there, key=Decimal)


def _are_plain(prices: Iterable[DecimalText], decimals: int) -> bool:
    """Say whether all have so many decimals and no zeros before them.

    Then no two are the same number, and they rank by length and text. Looks at all of a length at once:
    a tenth of the time that it takes to make numbers of them.
    """
    by_length: dict[int, list[DecimalText]] = {}
    for length, run in groupby(prices, len):
        by_length.setdefault(length, []).extend(run)
    for length, some in by_length.items():
        text = "".join(some)
        if decimals and text[length - decimals - 1 :: length] != "." * len(some):
            return False
        if text.count(".") != len(some) * bool(decimals):
            return False
        whole = length - decimals - bool(decimals)
        if whole < 1 or (whole > 1 and "0" in text[::length]):
            return False
    return True


def _same(prices: Iterable[DecimalText]) -> list[DecimalText]:
    """Return the texts of the first price that has several."""
    first: dict[Decimal, DecimalText] = {}
    for price in prices:
        known = first.setdefault(Decimal(price), price)
        if known != price:
            return [known, price]
    return []


def _difference(
    ours: Mapping[DecimalText, DecimalText],
    theirs: Mapping[DecimalText, DecimalText],
    we_know: Callable[[Decimal], bool],
    they_know: Callable[[Decimal], bool],
) -> str | None:
    """Return a level that both know and that differs.

    A level that is there is known, wherever it stands: a diff brought it.
    """
    for price, quantity in ours.items():
        other = theirs.get(price)
        if other == quantity:
            continue
        if other is None:
            wrong = not is_zero(quantity) and they_know(Decimal(price))
        else:
            wrong = Decimal(other) != Decimal(quantity)
        if wrong:
            return f"{price}: {quantity} here, {other or 'none'} there"
    for price, quantity in theirs.items():
        if price not in ours and not is_zero(quantity) and we_know(Decimal(price)):
            return f"{price}: none here, {quantity} there"
    return None
