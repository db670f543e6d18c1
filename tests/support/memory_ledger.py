"""A ledger that says what a test tells it to say."""

from collections.abc import Sequence

from orderflow_recorder.domain.errors import SinkError
from orderflow_recorder.domain.gaps import OpenGap
from orderflow_recorder.domain.market import Market


class MemoryLedger:
    """`Ledger` in memory; `error` makes it unreadable."""

    def __init__(self, error: SinkError | None = None) -> None:
        """Miss nothing."""
        self.gaps: list[OpenGap] = []
        self.error = error

    def miss(self, market: Market, stream: str, first: int, last: int) -> None:
        """Add an open gap of BTCUSDT."""
        number = len(self.gaps) + 1
        self.gaps.append(OpenGap(number, market, "BTCUSDT", stream, first, last, number, number + 1, "disconnect"))

    async def open_gaps(self, market: Market) -> Sequence[OpenGap]:
        """Return the gaps as they are set now."""
        if self.error is not None:
            raise self.error
        return [gap for gap in self.gaps if gap.market is market]
