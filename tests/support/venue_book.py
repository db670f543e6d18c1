"""A venue's own book, kept naively, and what it says of it in whatever order: for tests of local books."""

from collections.abc import Sequence
from decimal import Decimal

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff
from tests.support.records import MILLISECOND, NOON

Levels = dict[Decimal, Decimal]
Changes = Sequence[tuple[int, str]]
"""Price, quantity."""

SYMBOL = "BTCUSDT"
_YEARS = 5 * 365 * 86_400_000 * MILLISECOND
"""The venue's clock is years behind ours, as when an old recording is played."""


class VenueBook:
    """The truth.

    Attributes:
        states: Bids and asks after each diff, by its final id.
    """

    def __init__(self, market: Market) -> None:
        """Start with a level on each side."""
        self.market = market
        self.last = 10
        self.bids: Levels = {Decimal(10): Decimal(1)}
        self.asks: Levels = {Decimal(11): Decimal(1)}
        self.states: dict[int, tuple[Levels, Levels]] = {}
        self._count = 0

    def change(self, bids: Changes, asks: Changes) -> None:
        """Change levels; the update id grows by one."""
        for side, changes in ((self.bids, bids), (self.asks, asks)):
            for price, quantity in changes:
                side[Decimal(price)] = Decimal(quantity)
        self.last += 1

    def diff(self, before: int, bids: Changes, asks: Changes, *, decimals: int = 0, gap: int = 0) -> DepthDiff:
        """Return the diff that says what changed since the update ``before``.

        Args:
            before: Id of the update before the first one.
            bids: All changes since.
            asks: All changes since.
            decimals: Of the prices.
            gap: By how much first ids jump past the previous final id, which they do on futures.
        """
        self._count += 1
        usdm = self.market is Market.USDM
        names = {True: dict(bids), False: dict(asks)}
        self.states[self.last] = dict(self.bids), dict(self.asks)
        return DepthDiff(
            market=self.market,
            symbol=SYMBOL,
            first_update_id=min(before + 1 + gap, self.last) if usdm else before + 1,
            final_update_id=self.last,
            previous_final_update_id=before if usdm else None,
            event_time=NOON - _YEARS + self._count * MILLISECOND,
            transaction_time=None,
            receive_time=NOON,
            bid_prices=[spelled(price, decimals) for price in names[True]],
            bid_quantities=list(names[True].values()),
            ask_prices=[spelled(price, decimals) for price in names[False]],
            ask_quantities=list(names[False].values()),
            stream="depth@100ms",
        )

    def snapshot(self, levels: int, *, decimals: int = 0) -> BookSnapshot:
        """Return the best levels of the book as it is now."""
        bids, asks = best(self.bids, self.asks)
        bids, asks = bids[:levels], asks[:levels]
        return BookSnapshot(
            self.market, SYMBOL, self.last, "rest", NOON,
            [spelled(int(price), decimals) for price, _ in bids], [str(quantity) for _, quantity in bids],
            [spelled(int(price), decimals) for price, _ in asks], [str(quantity) for _, quantity in asks],
        )  # fmt: skip


def best(bids: Levels, asks: Levels) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
    """Return the levels that there are, best first."""
    return (
        sorted(((price, quantity) for price, quantity in bids.items() if quantity), reverse=True),
        sorted((price, quantity) for price, quantity in asks.items() if quantity),
    )


def spelled(price: int, decimals: int) -> str:
    """Return a price with so many decimals."""
    return f"{price}.{'0' * decimals}" if decimals else str(price)
