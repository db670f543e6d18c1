"""The symbols of a flood and how each one's numbers are written."""

from typing import Final

import msgspec

from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.instruments import SimInstrument
from orderflow_recorder.sim.synthetic_words import Dialect

_KNOWN: Final = {
    # price in steps, price places, quantity places on spot
    "BTCUSDT": (11_234_567, 2, 5),
    "ETHUSDT": (412_345, 2, 4),
    "BNBUSDT": (98_765, 2, 3),
    "SOLUSDT": (21_345, 2, 3),
    "XRPUSDT": (24_567, 4, 1),
    "DOGEUSDT": (21_234, 5, 0),
    "ADAUSDT": (87_650, 5, 1),
    "LINKUSDT": (23_450, 3, 2),
    "AVAXUSDT": (34_560, 3, 2),
    "LTCUSDT": (11_234, 2, 3),
}
_OTHERS: Final = ((50_000, 4, 1), (31_200, 6, 0), (87_300, 3, 2), (23_900, 2, 3))


class FloodSymbol(msgspec.Struct, frozen=True):
    """One symbol.

    Attributes:
        dialect: How its frames are written.
        middle: Where its price begins, in steps.
        rank: 0 for the busiest.
    """

    dialect: Dialect
    middle: int
    rank: int

    @property
    def name(self) -> str:
        """Return the symbol in upper case."""
        return self.dialect.symbol

    @property
    def market(self) -> Market:
        """Return where it trades."""
        return self.dialect.market

    def instrument(self) -> SimInstrument:
        """Return what ``exchangeInfo`` says of it."""
        words = self.dialect
        return SimInstrument(words.market, words.symbol, _step(words.price_places), _step(words.quantity_places))


def symbol_names(count: int) -> list[str]:
    """Return the names of a flood's first ``count`` symbols, the busiest first; the same in both markets."""
    return (list(_KNOWN) + [f"S{number:03d}USDT" for number in range(1, count + 1)])[:count]


def symbols(market: Market, count: int) -> list[FloodSymbol]:
    """Return the first ``count`` symbols of ``market``."""
    found = []
    for rank, name in enumerate(symbol_names(count)):
        middle, price_places, quantity_places = _KNOWN.get(name, _OTHERS[rank % len(_OTHERS)])
        if market is Market.USDM:
            quantity_places = min(quantity_places, 3)
        found.append(FloodSymbol(Dialect(market, name, price_places, quantity_places), middle, rank))
    return found


def _step(places: int) -> str:
    return f"0.{'0' * (places - 1)}1" if places else "1"
