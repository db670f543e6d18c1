"""The ledger's figures for whoever asks: as they were a moment ago, so that nobody waits for the database."""

import threading
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from loguru import logger

from orderflow_recorder.app.metric_words import DatabaseFigures
from orderflow_recorder.domain.errors import OrderflowError
from orderflow_recorder.postgres.gap_figures import GapFigures

READ_EVERY_S: Final = 15.0
REST: Final = 50
"""A ledger that takes long to read is read more seldom: 2 % of the time at most."""


class Ledger(Protocol):
    """What is read."""

    def read(self) -> Sequence[GapFigures]:
        """Return the figures, or raise `OrderflowError`; may take its time."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


class GapWatch:
    """Reads the ledger in a thread, and only while somebody asks.

    Args:
        ledger: What is read.
        now_s: Wall time, seconds since the epoch.
        monotonic: Seconds that never go back.
    """

    def __init__(self, ledger: Ledger, now_s: Callable[[], float], monotonic: Callable[[], float]) -> None:
        """Read nothing yet."""
        self._ledger = ledger
        self._now_s = now_s
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._reading = False
        self._read_next_at = monotonic()
        self._figures: Sequence[GapFigures] = ()
        self._state: DatabaseFigures | None = None

    @property
    def is_reading(self) -> bool:
        """Say whether the database is being asked."""
        return self._reading

    def look(self) -> tuple[Sequence[GapFigures], DatabaseFigures | None]:
        """Return what was read last, and how that went; none before the first answer. Never waits."""
        with self._lock:
            if not self._reading and self._monotonic() >= self._read_next_at:
                self._reading = True
                threading.Thread(target=self._read, name="ledger", daemon=True).start()
            return self._figures, self._state

    def close(self) -> None:
        """Release the connection; may wait for an attempt that is under way."""
        self._ledger.close()

    def _read(self) -> None:
        began_s, began = self._now_s(), self._monotonic()
        figures: Sequence[GapFigures] | None = None
        try:
            figures = self._ledger.read()
        except OrderflowError as error:
            logger.debug("the ledger cannot be read for metrics: {}", error)  # the loader says it loudly
        except Exception:  # noqa: BLE001  # the next attempt must come, whatever this is
            logger.exception("the ledger cannot be read for metrics: unexpected error")
        with self._lock:
            ended = self._monotonic()
            self._read_next_at = ended + max(READ_EVERY_S, REST * (ended - began))
            self._reading = False
            if figures is not None:
                self._figures = figures
            before_s = None if self._state is None else self._state.read_at_s
            self._state = DatabaseFigures(figures is not None, before_s if figures is None else began_s)
