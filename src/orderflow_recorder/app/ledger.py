"""The gap ledger beside the event loop."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from orderflow_recorder.app.threads import in_thread
from orderflow_recorder.domain.gaps import OpenGap
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.open_gaps import PostgresLedger

_CLOSE_S: Final = 1.0
"""A connection attempt in another thread may last longer: it ends with the process."""


class LedgerInThread:
    """Satisfies `orderflow_recorder.ports.ledger.Ledger`; the database is read in a thread."""

    def __init__(self, ledger: PostgresLedger) -> None:
        """Read ``ledger``."""
        self._ledger = ledger

    async def open_gaps(self, market: Market) -> Sequence[OpenGap]:
        """Return gaps that the venue may still serve, oldest first.

        Raises:
            SinkError: The database is away, or refuses.
        """
        return await in_thread(lambda: self._ledger.open_gaps(market))

    async def unreadable_diffs(self, market: Market) -> Mapping[int, str]:
        """Return the newest gaps that a book diff left which nobody could read: symbol by gap id.

        Raises:
            SinkError: The database is away, or refuses.
        """
        return await in_thread(lambda: self._ledger.unreadable_diffs(market))

    async def close(self) -> None:
        """Release the connection."""
        await asyncio.wait([asyncio.ensure_future(in_thread(self._ledger.close))], timeout=_CLOSE_S)
