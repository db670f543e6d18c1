"""A book kept in two dictionaries, from what a capture says."""

from collections.abc import Iterable
from decimal import Decimal

from tests.support.recorded import Change, Recorded

Side = dict[Decimal, Decimal]


def book_of(recorded: Recorded, changes: Iterable[Change] | None = None) -> tuple[Side, Side]:
    """Return bids and asks after the changes given, or after all: the snapshot, and what came after it."""
    bids, asks = (
        {Decimal(price): Decimal(quantity) for price, quantity in recorded.snapshot[side]} for side in ("bids", "asks")
    )
    for change in recorded.changes if changes is None else changes:
        if change.final > recorded.snapshot["lastUpdateId"]:
            for side, levels in ((bids, change.bids), (asks, change.asks)):
                side.update((Decimal(price), Decimal(quantity)) for price, quantity in levels)
    return tuple({price: quantity for price, quantity in side.items() if quantity} for side in (bids, asks))  # type: ignore[return-value]  # two of them


def before_the_hole(recorded: Recorded) -> list[Change]:
    """Return the changes up to the first one that is missing."""
    for number in range(1, len(recorded.changes)):
        if recorded.changes[number].first > recorded.changes[number - 1].final + 1:
            return recorded.changes[:number]
    return recorded.changes
