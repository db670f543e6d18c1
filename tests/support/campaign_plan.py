"""What a campaign does, drawn from a seed: the same seed gives the same faults in the same order."""

import random
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from orderflow_recorder.ports.crashpoint import CrashPoint

PATTERNS: Final = ("*", "*@depth*", "*@trade", "*@aggTrade", "spot:*", "usdm:*", "usdm:*@depth*", "*:btcusdt@*")
_MANY: Final = {CrashPoint.BEFORE_APPEND, CrashPoint.AFTER_APPEND}
_FEW: Final = {CrashPoint.BEFORE_SWITCH, CrashPoint.AFTER_SWITCH}


class Fault(NamedTuple):
    """One thing that goes wrong.

    Attributes:
        kind: Which, see `KINDS`.
        arguments: How, as the stage's method of that name takes them.
    """

    kind: str
    arguments: dict[str, Any]

    def __str__(self) -> str:
        """Return it as one line."""
        return " ".join([self.kind, *(f"{name}={value}" for name, value in self.arguments.items())])


Draw = Callable[[random.Random], dict[str, Any]]


def _crash(point: CrashPoint) -> Draw:
    most = 1500 if point in _MANY else 2 if point in _FEW else 8
    return lambda choose: {"point": point, "hits": choose.randint(1, most)}


def _nothing(_choose: random.Random) -> dict[str, Any]:
    return {}


def _seconds(least: float, most: float) -> Draw:
    return lambda choose: {"seconds": round(choose.uniform(least, most), 1)}


def _frames(most: int) -> Draw:
    return lambda choose: {"pattern": choose.choice(PATTERNS), "count": choose.randint(1, most)}


KINDS: Final[dict[str, Draw]] = {
    "drop": lambda choose: {"count": choose.randint(1, 4)},
    "close": lambda choose: {"code": choose.choice([1000, 1001, 1008, 1011, 1012])},
    "lose": _frames(40),
    "lose_some": lambda choose: {
        "pattern": choose.choice(PATTERNS),
        "probability": choose.choice([0.01, 0.1, 0.5]),
        "seconds": round(choose.uniform(0.3, 2), 1),
    },
    "duplicate": _frames(40),
    "reorder": _frames(20),
    "malform": lambda choose: {
        **_frames(5)(choose),
        "kind": choose.choice(["truncated", "types", "utf8", "binary"]),
    },
    "silence": lambda choose: {"pattern": choose.choice(PATTERNS), "seconds": round(choose.uniform(0.5, 3), 1)},
    "refuse": lambda choose: {"seconds": round(choose.uniform(0.3, 1.5), 1), "how": choose.choice(["http", "raw"])},
    "shutdown_notice": _seconds(0.3, 1.5),
    "stale_snapshots": lambda choose: {"count": choose.randint(1, 3)},
    "rate_limit": lambda choose: {"status": choose.choice([418, 429]), "count": choose.randint(1, 3)},
    "slow_rest": lambda choose: {"seconds": round(choose.uniform(0.3, 2), 1), "count": choose.randint(1, 3)},
    "error_rest": lambda choose: {"status": choose.choice([500, 502, 503, 504]), "count": choose.randint(1, 3)},
    "kill_collector": _nothing,
    "kill_loader": _nothing,
    "kill_both": _nothing,
    "kill_recorder": _seconds(0, 1),
    "restart_recorder": _seconds(0, 1),
    "freeze_collector": _seconds(0.5, 2),
    "freeze_loader": _seconds(0.5, 2),
    "stop_database": _seconds(0.3, 2),
    "crash_database": _seconds(0, 1),
    "end_connections": _nothing,
    **{f"crash_at_{point}": _crash(point) for point in CrashPoint},
}
"""Every kind of fault, and how its arguments are drawn."""


def plan(seed: int) -> Iterator[Fault]:
    """Yield faults without end: all kinds in random order, then all again in another order."""
    choose = random.Random(seed)  # noqa: S311  # a reproducible campaign, no secret
    while True:
        for kind in choose.sample(sorted(KINDS), len(KINDS)):
            yield Fault(kind, KINDS[kind](choose))
