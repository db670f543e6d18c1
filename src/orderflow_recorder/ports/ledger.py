"""The gap ledger as the healer sees it."""

from collections.abc import Sequence
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
