"""Named points at which a process can be made to stop dead: how crashes are tested, no part of recording.

A point that is not armed costs one comparison. An armed one is reached a number of times and then ends
the process as a power cut would: by SIGKILL, with no chance to flush, roll back or say goodbye.
"""

import os
import signal
import threading
from collections.abc import Callable
from enum import StrEnum

import msgspec


class CrashPoint(StrEnum):
    """Every point there is, in the order in which a frame passes them."""

    BEFORE_APPEND = "journal.append.before"
    AFTER_APPEND = "journal.append.after"
    """The entry is in the writer's buffer."""
    BEFORE_WRITE = "journal.write.before"
    AFTER_WRITE = "journal.write.after"
    """The operating system has the entries."""
    BEFORE_FSYNC = "journal.fsync.before"
    AFTER_FSYNC = "journal.fsync.after"
    BEFORE_SWITCH = "journal.switch.before"
    AFTER_SWITCH = "journal.switch.after"
    """The next segment has its header, and no entry."""
    BEFORE_POSITION = "sink.position.before"
    AFTER_POSITION = "sink.position.after"
    """The position has moved, in a transaction that is open."""
    BEFORE_LEDGER = "sink.ledger.before"
    AFTER_LEDGER = "sink.ledger.after"
    """Coverage and gaps are written, in a transaction that is open."""
    BEFORE_COPY = "sink.copy.before"
    AFTER_COPY = "sink.copy.after"
    """The rows of one table are written, in a transaction that is open."""
    BEFORE_COMMIT = "sink.commit.before"
    AFTER_COMMIT = "sink.commit.after"
    BEFORE_PUBLISH = "loader.publish.before"
    AFTER_PUBLISH = "loader.publish.after"
    """The journal's retention knows what the sink has."""


class _Armed(msgspec.Struct):
    point: CrashPoint
    left: int
    last_words: Callable[[], object]
    guard: threading.Lock


_armed: _Armed | None = None


def reach(point: CrashPoint) -> None:
    """Go on, unless ``point`` is armed and its time has come."""
    if _armed is not None:
        _hit(_armed, point)


def arm(point: CrashPoint, hits: int, last_words: Callable[[], object] = lambda: None) -> None:
    """Stop this process dead when it reaches ``point`` for the ``hits``-th time.

    Args:
        point: Where.
        hits: 1 for the first time from now on.
        last_words: Called right before the end.
    """
    global _armed  # noqa: PLW0603  # one process, one way to die; the recording code knows no object to hold it
    _armed = _Armed(point, hits, last_words, threading.Lock())


def disarm() -> None:
    """Let every point be passed again."""
    global _armed  # noqa: PLW0603  # as above
    _armed = None


def _hit(armed: _Armed, point: CrashPoint) -> None:
    if point is not armed.point:
        return
    with armed.guard:
        armed.left -= 1
        if armed.left == 0:
            armed.last_words()
            os.kill(os.getpid(), signal.SIGKILL)
