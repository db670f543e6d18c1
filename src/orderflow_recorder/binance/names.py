"""What a wire stream name says: symbol and kind."""

from functools import lru_cache

import msgspec

from orderflow_recorder.binance.text import printable
from orderflow_recorder.binance.values import check_symbol
from orderflow_recorder.domain.errors import FrameError, UnknownStreamError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind, stream_kind


class Source(msgspec.Struct, frozen=True):
    """Where a frame came from.

    Attributes:
        market: Where the stream is published.
        symbol: Upper case, from the stream's name: spot partial depth carries no other.
        kind: What the stream's frames are.
        name: Wire name without the symbol.
    """

    market: Market
    symbol: str
    kind: StreamKind
    name: str

    def check(self, symbol: str) -> None:
        """Raise `FrameError` if the payload names another symbol than the stream."""
        if symbol != self.symbol and symbol.upper() != self.symbol:
            message = f"expected symbol {self.symbol}, received {printable(symbol)!r}"
            raise FrameError(message)


@lru_cache(maxsize=16_384)
def resolve(market: Market, wire_name: str) -> Source | None:
    """Return the source that ``wire_name`` names; none for streams that nobody records.

    Args:
        market: The market whose vocabulary applies.
        wire_name: E.g. ``btcusdt@depth@100ms``.

    Raises:
        FrameError: The name has no usable symbol.
    """
    symbol, _, name = wire_name.partition("@")
    try:
        kind = stream_kind(market, name)
    except UnknownStreamError:
        return None
    # All-market streams (!bookTicker, !markPrice@arr) have other payloads.
    return None if symbol.startswith("!") else Source(market, check_symbol(symbol), kind, name)
