"""Everything a flood knows of its streams: cycles, how far each was sent, books."""

import time
import zlib
from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np

from benchmarks.flood.cycle import Cycle
from benchmarks.flood.depths import BUSY_SHARE, depth_cycle, level_counts, snapshot_levels
from benchmarks.flood.plan import Plan, kind_of
from benchmarks.flood.reel import Reel
from benchmarks.flood.trades import SAMPLE_MS, SAMPLE_US, agg_trade_cycle, trade_cycle
from benchmarks.flood.words import FloodSymbol, symbols
from orderflow_recorder.domain.market import Market

_LEAST_FRAMES: Final = 4


class StreamKey(msgspec.Struct, frozen=True):
    """A stream of one market, by its wire name."""

    market: Market
    stream: str


class _Place(msgspec.Struct):
    """How far a stream was sent."""

    cycle: Cycle
    laps: int = 0
    reel: Reel | None = None
    index: int = 0


class FloodMarket:
    """Makes reels and says what the venue knows."""

    def __init__(self, plan: Plan) -> None:
        """Know the symbols; frames are made when somebody subscribes."""
        self.plan = plan
        self.symbols = {
            market: {symbol.name: symbol for symbol in symbols(market, count)} for market, count in plan.symbols.items()
        }
        self._places: dict[StreamKey, _Place] = {}

    def knows(self, key: StreamKey) -> bool:
        """Say whether a flood sends this stream."""
        return bool(kind_of(key.stream)) and key.stream.partition("@")[0].upper() in self.symbols[key.market]

    def reel(self, keys: Sequence[StreamKey], *, microseconds: bool, framed: bool = True) -> Reel:
        """Return the frames of streams of one kind, where their ids go on from what was sent before.

        Args:
            keys: The streams.
            microseconds: The unit of times.
            framed: Wrap each frame for a socket.
        """
        frames = self.plan.pool
        # Every book is sent as often, however busy its symbol is.
        skew = 0.0 if kind_of(keys[0].stream) == "depth" else self.plan.skew
        weights = np.array([1.0 / (1 + self._symbol(key).rank) ** skew for key in keys])
        counts = np.maximum(np.round(frames * weights / weights.sum()), _LEAST_FRAMES).astype(int).tolist()
        places = [self._place(key, count, microseconds=microseconds) for key, count in zip(keys, counts, strict=True)]
        cycles, laps = [place.cycle for place in places], [place.laps for place in places]
        reel = Reel(cycles, laps, self._random("order"), framed=framed)
        for index, place in enumerate(places):
            place.reel, place.index = reel, index
        return reel

    def give_up(self, reel: Reel) -> None:
        """Remember how far a reel was sent; what is left of its lap will be missing."""
        for place in self._places.values():
            if place.reel is reel:
                place.laps += reel.laps
                place.reel = None

    def newest(self, key: StreamKey) -> int:
        """Return the newest counted id that was sent."""
        place = self._places.get(key) or self._place(key, self._share(key), microseconds=False)
        laps, frames = self._sent(place)
        before = place.cycle.before if frames == 0 else place.cycle.frames[frames - 1].ids[0]
        return before + laps * place.cycle.steps[0]

    def frames_sent(self, key: StreamKey) -> int:
        """Return how many frames of a stream were sent by the reel it is on."""
        place = self._places[key]
        laps, frames = self._sent(place)
        return (laps - place.laps) * len(place.cycle.frames) + frames

    def book(self, symbol: FloodSymbol, name: str, limit: int) -> bytes:
        """Return the body of a REST depth answer that fits what was sent of stream ``name``."""
        key = StreamKey(symbol.market, f"{symbol.name.lower()}@{name}")
        place = self._places.get(key) or self._place(key, self._share(key), microseconds=False)
        bids, asks = snapshot_levels(place.cycle, self._sent(place)[1], limit)
        words = symbol.dialect
        return words.snapshot(self.newest(key), SAMPLE_MS, words.levels(bids), words.levels(asks))

    def depth_name(self, symbol: FloodSymbol) -> str:
        """Return the name of the symbol's diff stream, by what was subscribed to."""
        head = f"{symbol.name.lower()}@"
        names = (key.stream.removeprefix(head) for key in self._places if key.market is symbol.market)
        return next((name for name in names if name.startswith("depth@")), "depth@100ms")

    @staticmethod
    def time_ms() -> int:
        """Return the venue's time, ms since the epoch: this machine's."""
        return time.time_ns() // 1_000_000

    def _sent(self, place: _Place) -> tuple[int, int]:
        if place.reel is None:
            return place.laps, 0
        laps, frames = place.reel.sent_of(place.index)
        return place.laps + laps, frames

    def _share(self, key: StreamKey) -> int:
        """Return the frames of a stream that REST is asked about before anybody subscribes to it."""
        return max(self.plan.pool // len(self.symbols[key.market]), _LEAST_FRAMES)

    def _symbol(self, key: StreamKey) -> FloodSymbol:
        return self.symbols[key.market][key.stream.partition("@")[0].upper()]

    def _place(self, key: StreamKey, frames: int, *, microseconds: bool) -> _Place:
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = _Place(self._cycle(key, frames, microseconds=microseconds))
        return place

    def _cycle(self, key: StreamKey, frames: int, *, microseconds: bool) -> Cycle:
        symbol = self._symbol(key)
        random = self._random(f"{key.market}:{key.stream}")
        sample = SAMPLE_US if microseconds else SAMPLE_MS
        match kind_of(key.stream):
            case "trade":
                return trade_cycle(symbol, frames, random, sample=sample)
            case "aggTrade":
                return agg_trade_cycle(symbol, frames, random, sample=sample)
            case _:
                busy = symbol.rank < BUSY_SHARE * len(self.symbols[key.market])
                counts = level_counts(self.plan.levels, busy=busy, frames=frames, random=random)
                return depth_cycle(symbol, key.stream.partition("@")[2], counts, random, sample=sample)

    def _random(self, name: str) -> np.random.Generator:
        return np.random.default_rng((self.plan.seed, zlib.crc32(name.encode())))
