"""Faults of the stream, as choices about one frame at a time: pure but for the random source passed in.

The truth has every frame, whatever becomes of it here.
"""

import random
import re
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

import msgspec

from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.frames import PlayedFrame

_FIRST_NUMBER: Final = re.compile(rb":(\d+)")


class Damage(StrEnum):
    """How a malformed frame is malformed."""

    TRUNCATED = "truncated"
    """Half of the JSON."""
    TYPES = "types"
    """Valid JSON whose first number became text."""
    UTF8 = "utf8"
    """A text frame that is not UTF-8."""
    BINARY = "binary"
    """A binary frame of bytes that are not UTF-8."""


class Delivery(msgspec.Struct, frozen=True):
    """A frame to send, damaged or whole."""

    frame: PlayedFrame
    damage: Damage | None = None


class _Kind(StrEnum):
    LOSE = "lose"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    MALFORM = "malform"


class _Rule(msgspec.Struct):
    kind: _Kind
    pattern: str
    count: int | None = None
    until: float | None = None
    probability: float = 1.0
    damage: Damage | None = None

    def is_spent(self, now: float) -> bool:
        return (self.count is not None and self.count <= 0) or (self.until is not None and now >= self.until)


class StreamFaults:
    """Rules about the next frames; patterns are shell-style on ``market:wire_stream_name``."""

    def __init__(self, rng: random.Random) -> None:
        """Begin without rules."""
        self._rng = rng
        self._rules: list[_Rule] = []
        self._held: list[PlayedFrame] = []

    def lose_next(self, pattern: str, count: int) -> None:
        """Do not send the next ``count`` frames."""
        self._rules.append(_Rule(_Kind.LOSE, pattern, count=count))

    def lose_until(self, pattern: str, until: float, probability: float) -> None:
        """Do not send a frame, with ``probability``, before ``until`` (seconds of the same clock as `apply`)."""
        self._rules.append(_Rule(_Kind.LOSE, pattern, until=until, probability=probability))

    def duplicate(self, pattern: str, count: int) -> None:
        """Send the next ``count`` frames twice."""
        self._rules.append(_Rule(_Kind.DUPLICATE, pattern, count=count))

    def reorder(self, pattern: str, count: int) -> None:
        """Swap the next ``count`` pairs of neighbours."""
        self._rules.append(_Rule(_Kind.REORDER, pattern, count=count))

    def malform(self, pattern: str, count: int, damage: Damage) -> None:
        """Damage the next ``count`` frames."""
        self._rules.append(_Rule(_Kind.MALFORM, pattern, count=count, damage=damage))

    def apply(self, frame: PlayedFrame, now: float) -> list[Delivery]:
        """Return what is sent instead of ``frame``, in order; nothing if it is lost or held back."""
        if not self._rules and not self._held:
            return [Delivery(frame)]
        self._rules = [rule for rule in self._rules if not rule.is_spent(now)]
        rule = self._matching(frame)
        if rule is not None and rule.count is not None:
            rule.count -= 1
        if rule is None:
            deliveries = [Delivery(frame)]
        elif rule.kind is _Kind.LOSE:
            deliveries = []
        elif rule.kind is _Kind.DUPLICATE:
            deliveries = [Delivery(frame), Delivery(frame)]
        elif rule.kind is _Kind.MALFORM:
            deliveries = [Delivery(frame, rule.damage)]
        else:
            self._held.append(frame)
            return []
        return deliveries + self._release(frame)

    def flush(self) -> list[Delivery]:
        """Return what is still held back when no more frames come."""
        held, self._held = self._held, []
        return [Delivery(frame) for frame in held]

    def _matching(self, frame: PlayedFrame) -> _Rule | None:
        name = f"{frame.market}:{frame.stream}"
        for rule in self._rules:
            waits_for_partner = rule.kind is _Kind.REORDER and any(held.stream == frame.stream for held in self._held)
            if waits_for_partner or not fnmatchcase(name, rule.pattern):
                continue
            if rule.probability >= 1.0 or self._rng.random() < rule.probability:
                return rule
        return None

    def _release(self, frame: PlayedFrame) -> list[Delivery]:
        partners = [held for held in self._held if held.stream == frame.stream and held.market is frame.market]
        self._held = [held for held in self._held if held not in partners]
        return [Delivery(held) for held in partners]


def damaged(payload: bytes, damage: Damage) -> bytes:
    """Return ``payload`` with ``damage`` done to it."""
    if damage is Damage.TRUNCATED:
        return payload[: len(payload) // 2]
    if damage is Damage.TYPES:
        return _FIRST_NUMBER.sub(rb':"not a number"', payload, count=1)
    return b"\xff\xfe" + payload[: len(payload) // 2]


def matches(pattern: str, market: Market, stream: str) -> bool:
    """Say whether ``pattern`` names the stream."""
    return fnmatchcase(f"{market}:{stream}", pattern)
