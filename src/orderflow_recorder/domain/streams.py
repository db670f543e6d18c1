"""Stream names: the venue's wire names without the symbol, and what they carry."""

import re
from enum import StrEnum
from typing import Final

import msgspec

from orderflow_recorder.domain.errors import UnknownStreamError
from orderflow_recorder.domain.market import Market


class StreamKind(StrEnum):
    """What the frames of a stream are."""

    TRADE = "trade"
    AGG_TRADE = "aggTrade"
    DEPTH = "depth"
    PARTIAL_DEPTH = "partialDepth"
    BOOK_TICKER = "bookTicker"
    MARK_PRICE = "markPrice"
    FORCE_ORDER = "forceOrder"

    __hash__ = str.__hash__  # as `Market`


class Stream(msgspec.Struct, frozen=True, order=True):
    """One subscribed stream.

    Attributes:
        market: Where it is published.
        symbol: Upper case, as the venue's REST writes it.
        name: Wire name without the symbol, e.g. ``depth@100ms``.
    """

    market: Market
    symbol: str
    name: str

    @property
    def wire(self) -> str:
        """Return the name to subscribe with, e.g. ``btcusdt@depth@100ms``."""
        return f"{self.symbol.lower()}@{self.name}"

    @property
    def kind(self) -> StreamKind:
        """Return what the frames of this stream are."""
        return stream_kind(self.market, self.name)


_SPEEDS: Final = {Market.SPOT: "(@100ms|@1000ms)?", Market.USDM: "(@100ms|@250ms|@500ms|@0ms)?"}
_PATTERNS: Final[dict[Market, list[tuple[StreamKind, re.Pattern[str]]]]] = {
    market: [
        (StreamKind.TRADE, re.compile("trade")),
        (StreamKind.AGG_TRADE, re.compile("aggTrade")),
        (StreamKind.DEPTH, re.compile("depth" + speed)),
        (StreamKind.PARTIAL_DEPTH, re.compile("depth(5|10|20)" + speed)),
        (StreamKind.BOOK_TICKER, re.compile("bookTicker")),
    ]
    for market, speed in _SPEEDS.items()
}
_PATTERNS[Market.USDM] += [
    (StreamKind.MARK_PRICE, re.compile("markPrice(@1s)?")),
    (StreamKind.FORCE_ORDER, re.compile("forceOrder")),
]


def stream_kind(market: Market, name: str) -> StreamKind:
    """Return what stream ``name`` of ``market`` carries.

    Args:
        market: The market whose vocabulary applies.
        name: Wire name without the symbol.

    Raises:
        UnknownStreamError: The market publishes no stream of that name that we can record.
    """
    for kind, pattern in _PATTERNS[market]:
        if pattern.fullmatch(name):
            return kind
    raise UnknownStreamError(market, name)
