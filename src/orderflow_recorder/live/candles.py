"""Candles of a second, while they grow.

Made of trades if there is one in the second, else of aggregates, never of both, like those of the database. A second is
over `SETTLED_NS` after its end, by the clock of receipt. What comes later, or from REST, changes only the database's.
"""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Final, TypeAlias

from orderflow_recorder.core.rollup import Rollup
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import AggTrade, Trade

SETTLED_NS: Final = 2_000_000_000
_SECOND: Final = 1_000_000_000

Place: TypeAlias = tuple[int, Market, str]
"""Second since the epoch, market, symbol."""


class SecondCandles:
    """The candles that are not over."""

    def __init__(self) -> None:
        """Start without any."""
        self._candles: dict[Place, list[Rollup | None]] = {}
        self._due: list[tuple[int, Place]] = []
        self._grown: set[Place] = set()
        self._over: dict[tuple[Market, str], int] = {}

    def take(self, trades: Iterable[Trade | AggTrade]) -> None:
        """Take trades (hot path)."""
        for trade in trades:
            second = trade.trade_time // _SECOND
            place = second, trade.market, trade.symbol
            pair = self._candles.get(place)
            if pair is None:
                if trade.event_time is None or second <= self._over.get(place[1:], 0):
                    continue
                self._candles[place] = pair = [None, None]
                end = trade.receive_time + (second + 1) * _SECOND - trade.trade_time
                heappush(self._due, (end + SETTLED_NS, place))
            kind = type(trade) is AggTrade
            candle = pair[kind]
            if candle is None:
                pair[kind] = Rollup.of(trade)
            else:
                candle.add(trade)
            self._grown.add(place)

    def tell(self, now: int) -> Iterator[tuple[Place, Rollup, bool]]:
        """Yield each candle that grew or is over since this was asked last, and whether it is over.

        Args:
            now: Everything received before it was taken, ns.
        """
        while self._due and self._due[0][0] <= now:
            _, place = heappop(self._due)
            self._grown.discard(place)
            self._over[place[1:]] = max(place[0], self._over.get(place[1:], 0))
            yield place, _candle(self._candles.pop(place)), True
        grown, self._grown = self._grown, set()
        for place in sorted(grown):
            yield place, _candle(self._candles[place]), False


def _candle(pair: list[Rollup | None]) -> Rollup:
    trades, aggregates = pair
    candle = trades or aggregates
    if candle is None:
        raise ValueError("expected a candle of trades or aggregates, received none of both")
    return candle
