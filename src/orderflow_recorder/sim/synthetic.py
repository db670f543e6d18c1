"""Endless synthetic order flow for any number of symbols, deterministic for its seed."""

import heapq
import random
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.frames import KnownSnapshot, PlayedFrame
from orderflow_recorder.sim.instruments import SimInstrument
from orderflow_recorder.sim.source import Wanted
from orderflow_recorder.sim.synthetic_symbol import TICK_MS, SyntheticSymbol
from orderflow_recorder.sim.synthetic_words import Dialect

_KNOWN: Final = {
    # price in steps, price places, quantity places on spot
    "BTCUSDT": (11_234_567, 2, 5),
    "ETHUSDT": (412_345, 2, 4),
    "BNBUSDT": (98_765, 2, 3),
    "SOLUSDT": (21_345, 2, 3),
    "XRPUSDT": (24_567, 4, 1),
    "DOGEUSDT": (21_234, 5, 0),
    "ADAUSDT": (8_765, 4, 1),
    "LINKUSDT": (2_345, 2, 2),
    "AVAXUSDT": (3_456, 2, 2),
    "LTCUSDT": (11_234, 2, 3),
}
_OTHERS: Final = (50_000, 4, 1)


class SyntheticSource:
    """Random-walking books, consecutive trades, true chains: every rule of the venue holds."""

    recorded = False

    def __init__(self, symbols_spot: int, symbols_usdm: int, rate: float = 5.0, seed: int = 0) -> None:
        """Open the books.

        Args:
            symbols_spot: How many spot symbols: BTCUSDT, ETHUSDT, ….
            symbols_usdm: How many futures symbols.
            rate: Taker orders per second and symbol, on average.
            seed: The same seed makes the same flow.

        Raises:
            SettingsError: No symbol, or a negative number.
        """
        if min(symbols_spot, symbols_usdm) < 0 or rate < 0 or symbols_spot + symbols_usdm == 0:
            text = (
                "synthetic flow: expected at least one symbol and a rate of 0 or more, "
                f"got {symbols_spot} spot, {symbols_usdm} usdm, rate {rate}"
            )
            raise SettingsError(text)
        self._rate = rate
        self._seed = seed
        self._symbols: dict[tuple[Market, str], SyntheticSymbol] = {}
        self._queue: list[tuple[int, int, PlayedFrame, Iterator[PlayedFrame]]] = []
        self._clock: tuple[int, int, Wanted] | None = None
        for market, count in ((Market.SPOT, symbols_spot), (Market.USDM, symbols_usdm)):
            for name in _names(count):
                self._symbols[market, name] = self._make(market, name)

    def markets(self) -> frozenset[Market]:
        """Return the markets that have symbols."""
        return frozenset(market for market, _ in self._symbols)

    def instruments(self, market: Market) -> Sequence[SimInstrument]:
        """Return the symbols of a market."""
        return [
            SimInstrument(
                market=market,
                symbol=name,
                tick_size=_step(symbol.dialect.price_places),
                step_size=_step(symbol.dialect.quantity_places),
                trading=symbol.trading,
            )
            for (where, name), symbol in self._symbols.items()
            if where is market
        ]

    def is_trading(self, market: Market, symbol: str) -> bool:
        """Say whether ``symbol`` was not delisted."""
        known = self._symbols.get((market, symbol))
        return known is not None and known.trading

    def snapshots(self) -> Sequence[KnownSnapshot]:
        """Return every book as it stands before playback."""
        return [symbol.snapshot(0) for symbol in self._symbols.values()]

    def frames(self, start: int, wanted: Wanted) -> Iterator[PlayedFrame]:
        """Return frames without end; symbols begin at different parts of the first tick, to spread the load."""
        self._clock = (start // 1_000_000, 0, wanted)
        for number, symbol in enumerate(self._symbols.values()):
            self._enqueue(symbol, begin=number * TICK_MS // len(self._symbols))
        while self._queue:
            at, number, frame, rest = self._queue[0]
            self._clock = (self._clock[0], at // 1_000_000, wanted)
            following = next(rest)
            heapq.heapreplace(self._queue, (following.at, number, following, rest))
            yield frame

    def list_symbol(self, market: Market, symbol: str) -> KnownSnapshot | None:
        """Let ``symbol`` trade: again, or as a new one whose book is returned."""
        known = self._symbols.get((market, symbol))
        if known is not None:
            known.trading = True
            return None
        new = self._symbols[market, symbol] = self._make(market, symbol)
        if self._clock is None:
            return new.snapshot(0)
        start, now, _ = self._clock
        known_book = new.snapshot(start + now)  # before the first frame is made: that moves the book on
        self._enqueue(new, begin=now)
        return known_book

    def delist_symbol(self, market: Market, symbol: str) -> None:
        """Stop ``symbol`` trading."""
        known = self._symbols.get((market, symbol))
        if known is None:
            text = f"symbol {symbol!r} is not listed on {market}"
            raise SettingsError(text)
        known.trading = False

    def _make(self, market: Market, name: str) -> SyntheticSymbol:
        mid, price_places, quantity_places = _KNOWN.get(name, _OTHERS)
        if market is Market.USDM:
            quantity_places = min(quantity_places, 3)
        dialect = Dialect(market, name, price_places, quantity_places)
        rng = random.Random(f"{self._seed}:{market}:{name}")  # noqa: S311  # a game, not a secret
        return SyntheticSymbol(dialect, rng, mid, self._rate)

    def _enqueue(self, symbol: SyntheticSymbol, *, begin: int) -> None:
        if self._clock is None:
            return
        start, _, wanted = self._clock
        stream = symbol.frames(start, begin, partial(wanted, symbol.dialect.market))
        first = next(stream)
        heapq.heappush(self._queue, (first.at, len(self._queue), first, stream))


def _names(count: int) -> list[str]:
    return (list(_KNOWN) + [f"SIM{number:03d}USDT" for number in range(1, count + 1)])[:count]


def _step(places: int) -> str:
    return f"0.{'0' * (places - 1)}1" if places else "1"
