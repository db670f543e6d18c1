"""When rows become visible to a reader, and how old they are then."""

import threading
import time
from types import TracebackType
from typing import Any, Final, Self, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt
import psycopg

from benchmarks.lab.loaded import TABLES, kind_of_stream
from orderflow_recorder.postgres.connection import connect

Milliseconds: TypeAlias = npt.NDArray[np.float64]

_COVERED: Final = "SELECT last_id FROM coverage WHERE market = %s AND symbol = %s AND stream = %s"


class Watched(msgspec.Struct, frozen=True):
    """The stream whose rows are watched; the journal is loaded in order, so that one speaks for all."""

    market: str
    symbol: str
    stream: str


class Latencies(msgspec.Struct, frozen=True):
    """Of each row, ms from the venue's send: until it was visible, and until it was received."""

    visible: Milliseconds
    received: Milliseconds

    def figures(self) -> dict[str, Any]:
        """Return what a result says of them."""
        return {
            "rows_seen": len(self.visible),
            **{f"p{point}_ms": float(np.percentile(self.visible, point)) for point in (50, 99)},
            "max_ms": float(self.visible.max()),
            "received_p99_ms": float(np.percentile(self.received, 99)),
        }


class Reader:
    """Notes when ids became visible, from a thread; use it as a context manager."""

    def __init__(self, url: str, watched: Watched, *, every_s: float) -> None:
        """Connect.

        Args:
            url: The database.
            watched: Whose rows.
            every_s: Pause between looks.
        """
        self._seen: list[tuple[float, int]] = []
        self._url = url
        self._watched = watched
        self._connection = connect(url)
        self._connection.autocommit = True
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop looking."""
        self._ended.set()
        self._thread.join()
        self._connection.close()

    def latencies(self, *, settle_s: float) -> Latencies:
        """Return what was seen, once the flood is over.

        Args:
            settle_s: So many seconds at the beginning do not count: the loader has slept until then.
        """
        table, column = TABLES[kind_of_stream(self._watched.stream)]
        query = (
            f"SELECT {column}, extract(epoch FROM event_time)::float8, extract(epoch FROM receive_time)::float8 "  # noqa: S608  # ours
            f"FROM {table} WHERE market = %s AND symbol = %s ORDER BY {column}"
        )
        with connect(self._url) as connection:
            found = connection.execute(query.encode(), (self._watched.market, self._watched.symbol)).fetchall()
        ids, sent_at, received_at = np.array(found, dtype=np.float64).T
        looks = np.array(self._seen)
        place = np.searchsorted(looks[:, 1], ids)
        counted = (sent_at >= sent_at[0] + settle_s) & (place < len(looks))
        visible_at = looks[place[counted], 0]
        return Latencies((visible_at - sent_at[counted]) * 1000, (received_at - sent_at)[counted] * 1000)

    def _run(self) -> None:
        newest = 0
        while not self._ended.wait(self._every_s):
            row = self._look()
            now = time.time()
            if row is not None and row[0] > newest:
                newest = int(row[0])
                self._seen.append((now, newest))

    def _look(self) -> tuple[int] | None:
        watched = self._watched
        try:
            row = self._connection.execute(_COVERED, (watched.market, watched.symbol, watched.stream)).fetchone()
        except psycopg.errors.UndefinedTable:
            return None
        return None if row is None or row[0] is None else (int(row[0]),)
