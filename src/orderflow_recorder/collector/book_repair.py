"""Gives a book a fresh snapshot where a diff of it turned out to be unreadable.

The collector reads only the ids of a diff. One whose ids are in order but whose levels are not (a
price that is none, say) is found by the loader alone, and then the rows of that book have a hole that
no book here knows of. The ledger tells; the snapshot lets consumers rebuild the book behind the hole.
"""

from typing import Final

from loguru import logger

from orderflow_recorder.collector.books import BookKeeper
from orderflow_recorder.domain.errors import SinkError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.ledger import DiffLedger

LOOK_EVERY_S: Final = 5.0


class BookRepair:
    """Watches the ledger for one market's books."""

    def __init__(self, market: Market, ledger: DiffLedger, books: BookKeeper, clock: Clock) -> None:
        """Look at nothing yet."""
        self._market = market
        self._ledger = ledger
        self._books = books
        self._clock = clock
        self._known: set[int] | None = None

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Ask for a snapshot of each book that lost a diff since the last look."""
        try:
            gaps = await self._ledger.unreadable_diffs(self._market)
        except SinkError as error:
            logger.debug("books are not repaired, the ledger cannot be read: {}", error)
            return
        # What was there at the first look is older than this run: its books begin with a snapshot anyway.
        if self._known is not None:
            for symbol in sorted({symbol for gap_id, symbol in gaps.items() if gap_id not in self._known}):
                logger.warning("{} {}: a book diff could not be read; asking for a snapshot", self._market, symbol)
                self._books.refresh(symbol)
        self._known = set(gaps)
