"""Tells the hub what changes in the gap ledger."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from loguru import logger

from orderflow_recorder.domain.errors import SinkError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.live.hub import Hub
from orderflow_recorder.live.times import iso_moment
from orderflow_recorder.postgres.live_gaps import LedgerChanges

LOOK_EVERY_S: Final = 1.0


class GapWatch:
    """A thread that looks at the ledger every second.

    Lifecycle: `start`, then `close`. What is there at the start is not told; while the database is away nothing is, and
    afterwards all that changed meanwhile.
    """

    def __init__(self, address: Callable[[], str], hub: Hub) -> None:
        """Look at nothing yet.

        Args:
            address: Gives that of the database, or raises `SinkError`.
            hub: Is told.
        """
        self._changes = LedgerChanges(address)
        self._hub = hub
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gaps", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking, and wait until that is done."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        said = False
        while not self._stop.is_set():
            try:
                for row in self._changes.look():
                    self._hub.tell_gap(Market(row["market"]), row["symbol"], row["gap_id"], _event(row))
                said = False
            except SinkError as error:
                if not said:
                    logger.bind(component="live").warning("changes of the gap ledger are told later: {}", error)
                said = True
            self._stop.wait(LOOK_EVERY_S)
        self._changes.close()


def _event(row: dict[str, Any]) -> dict[str, Any]:
    return {name: iso_moment(value) if isinstance(value, datetime) else value for name, value in row.items()}
