"""Planned replacement of one socket, before the venue cuts it and without losing an id.

States::

    SERVING    the socket serves until its time comes
    OPENING    a replacement is being opened
    PROVING    it is open; the streams that speak on the old socket have yet to speak on it
    DRAINING   it is proven; both run for a moment so that frames on their way arrive
    RETIRED    the old socket is given up; the replacement gets a rotation of its own

The sockets overlap from PROVING on, so every frame comes over at least one of them; what comes
twice is dropped by id further on.
"""

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.core.machine import Table

JITTER: Final = 0.1
"""Part of the lifetime by which it is shortened at most: sockets opened together part ways."""

OVERLAP_S: Final = 2.0
"""Seconds both sockets run on after the replacement is proven."""

RETRY_BASE_S: Final = 5.0
RETRY_MAXIMUM_S: Final = 300.0


class RotationState(StrEnum):
    """Where the replacement stands."""

    SERVING = "serving"
    OPENING = "opening"
    PROVING = "proving"
    DRAINING = "draining"
    RETIRED = "retired"


class RotationSignal(StrEnum):
    """What moves it."""

    DUE = "due"
    OPENED = "opened"
    LOST = "lost"
    """The replacement could not be opened, or broke."""
    PROVEN = "proven"
    DRAINED = "drained"
    OLD_CLOSED = "old_closed"


class OpenReplacement(msgspec.Struct, frozen=True):
    """Open a second socket with the same streams; answer with `on_opened` or `on_open_failed`."""


class RetireOld(msgspec.Struct, frozen=True):
    """Close the old socket: the replacement has run beside it for ``overlap_s`` seconds."""

    overlap_s: float


Effect: TypeAlias = OpenReplacement | RetireOld

_RETIRED_HEARS: Final = (RotationSignal.OPENED, RotationSignal.LOST, RotationSignal.OLD_CLOSED)

TABLE: Final = Table(
    "rotation",
    {
        (RotationState.SERVING, RotationSignal.DUE): RotationState.OPENING,
        (RotationState.SERVING, RotationSignal.OLD_CLOSED): RotationState.RETIRED,
        (RotationState.OPENING, RotationSignal.OPENED): RotationState.PROVING,
        (RotationState.OPENING, RotationSignal.LOST): RotationState.SERVING,
        (RotationState.OPENING, RotationSignal.OLD_CLOSED): RotationState.RETIRED,
        (RotationState.PROVING, RotationSignal.PROVEN): RotationState.DRAINING,
        (RotationState.PROVING, RotationSignal.LOST): RotationState.SERVING,
        (RotationState.PROVING, RotationSignal.OLD_CLOSED): RotationState.RETIRED,
        (RotationState.DRAINING, RotationSignal.DRAINED): RotationState.RETIRED,
        (RotationState.DRAINING, RotationSignal.LOST): RotationState.SERVING,
        (RotationState.DRAINING, RotationSignal.OLD_CLOSED): RotationState.RETIRED,
        # What was already on its way when the old socket went.
        **{(RotationState.RETIRED, signal): RotationState.RETIRED for signal in _RETIRED_HEARS},
    },
)


class Rotation:
    """Decides when one socket is replaced, and when it may close."""

    def __init__(self, max_session_s: float, *, random: Callable[[], float], now: float, prove_s: float = 60.0) -> None:
        """Start with a socket just opened.

        Args:
            max_session_s: Longest time to use it, seconds; shortened at random by up to a tenth.
            random: Uniform numbers in [0, 1).
            now: Monotonic seconds.
            prove_s: Seconds after which an open replacement is trusted even if a stream has not
                spoken on it: it may have gone quiet. Never longer than ``max_session_s``.
        """
        self.state = RotationState.SERVING
        self._due_at = now + max_session_s * (1 - JITTER * random())
        self._prove_s = min(prove_s, max_session_s)
        self._retry = Backoff(RETRY_BASE_S, RETRY_MAXIMUM_S, random)
        self._opened_at = now
        self._proven_at = now
        self._unproven: set[str] = set()

    def on_tick(self, now: float) -> list[Effect]:
        """Let time pass; call about once a second."""
        match self.state:
            case RotationState.SERVING if now >= self._due_at:
                return self._open()
            case RotationState.PROVING if now - self._opened_at >= self._prove_s:
                self._prove(now)
            case RotationState.DRAINING if now - self._proven_at >= OVERLAP_S:
                self._move(RotationSignal.DRAINED)
                return [RetireOld(now - self._opened_at)]
            case _:
                pass
        return []

    def on_server_shutdown(self, now: float) -> list[Effect]:  # noqa: ARG002  # as every input here
        """Learn that the venue will close the old socket: replace it at once."""
        return self._open() if self.state is RotationState.SERVING else []

    def on_opened(self, now: float, streams: Iterable[str]) -> list[Effect]:
        """Learn that the replacement is open.

        Args:
            now: Monotonic seconds.
            streams: Wire names that spoke on the old socket in the last minute: each must speak on
                the replacement. Without any, its first frame is the proof.
        """
        self._move(RotationSignal.OPENED)
        self._opened_at = now
        self._unproven = set(streams)
        return []

    def on_open_failed(self, now: float) -> list[Effect]:
        """Learn that the replacement could not be opened or broke: try again after a while."""
        self._move(RotationSignal.LOST)
        self._due_at = now + self._retry.next()
        return []

    def on_new_frames(self, wires: AbstractSet[str], now: float) -> list[Effect]:
        """Learn which streams spoke on the replacement, by wire name, at least one (hot path)."""
        if self.state is RotationState.PROVING:
            self._unproven -= wires
            if not self._unproven:
                self._prove(now)
        return []

    def on_old_closed(self, now: float) -> list[Effect]:
        """Learn that the old socket is gone, whoever closed it.

        Returns:
            `RetireOld` if an open replacement takes over from here; else nothing.
        """
        overlapped = self.state in (RotationState.PROVING, RotationState.DRAINING)
        self._move(RotationSignal.OLD_CLOSED)
        return [RetireOld(now - self._opened_at)] if overlapped else []

    def _move(self, signal: RotationSignal) -> None:
        self.state = TABLE.next(self.state, signal)

    def _open(self) -> list[Effect]:
        self._move(RotationSignal.DUE)
        return [OpenReplacement()]

    def _prove(self, now: float) -> None:
        self._move(RotationSignal.PROVEN)
        self._proven_at = now
