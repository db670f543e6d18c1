"""The gap ledger as the collector sees it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from orderflow_recorder.domain.gaps import OpenGap
from orderflow_recorder.domain.market import Market


class Ledger(Protocol):
    """Tells what is missing; changes nothing."""

    async def open_gaps(self, market: Market) -> Sequence[OpenGap]:
        """Return gaps of trades and aggregate trades that the venue may still serve, oldest first.

        There may be more than are returned; those are told when these are dealt with.

        Raises:
            SinkUnavailableError: The database is away; try again later.
            SinkRefusedError: A person must act; the loader says so.
        """
        ...


class DiffLedger(Protocol):
    """Tells which books have a hole that their sync state knows nothing of."""

    async def unreadable_diffs(self, market: Market) -> Mapping[int, str]:
        """Return the newest gaps that a book diff left which nobody could read: symbol by gap id.

        Raises:
            SinkUnavailableError: The database is away; try again later.
            SinkRefusedError: A person must act; the loader says so.
        """
        ...


class CollectorLedger(Ledger, DiffLedger, Protocol):
    """Everything that the collector asks of the ledger."""
