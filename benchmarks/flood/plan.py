"""What a flood sends, how fast, and for how long."""

from collections.abc import Mapping
from typing import Final

import msgspec

from orderflow_recorder.domain.market import Market

KINDS: Final = ("trade", "aggTrade", "depth")
MAX: Final = float("inf")


class Burst(msgspec.Struct, frozen=True):
    """Trades come ``factor`` times as fast for ``seconds``, every ``every`` seconds, first after ``every``."""

    factor: float
    seconds: float
    every: float


class Plan(msgspec.Struct, frozen=True):
    """What is sent.

    Attributes:
        symbols: How many each market has.
        rates: Frames a second by kind, over all its subscribed streams; `MAX` is as fast as the socket takes them.
        seconds: For how long.
        levels: Of each diff; none draws them as the venue's are spread.
        burst: Of trades and aggregates.
        pool: How many different frames a socket has of each kind, about.
        skew: How much more the first symbols trade: 0 not at all, 1 as 1/rank.
        limits: Keep the venue's request weights.
        seed: The same seed makes the same frames.
    """

    symbols: Mapping[Market, int]
    rates: Mapping[str, float]
    seconds: float
    levels: int | None = 44
    burst: Burst | None = None
    pool: int = 4096
    skew: float = 0.0
    limits: bool = True
    seed: int = 1

    def due(self, kind: str, elapsed: float) -> float:
        """Return how many frames of ``kind`` shall have been sent ``elapsed`` seconds after the start."""
        elapsed = min(elapsed, self.seconds)
        rate = self.rates.get(kind, 0.0)
        if self.burst is not None and kind != "depth":
            whole, rest = divmod(elapsed, self.burst.every + self.burst.seconds)
            bursting = whole * self.burst.seconds + max(rest - self.burst.every, 0.0)
            elapsed += bursting * (self.burst.factor - 1)
        return rate * elapsed


def kind_of(stream: str) -> str:
    """Return the kind of a wire stream name; empty if a flood does not send it."""
    name = stream.partition("@")[2]
    if name in KINDS:
        return name
    return "depth" if name.startswith("depth@") else ""
