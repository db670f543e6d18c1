"""A few connections for questions, opened when they are needed, thrown away when they fail."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from orderflow_recorder.domain.errors import SinkError, SinkUnavailableError
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.research import Database, ResearchError

MOST_WAITING: Final = 16
"""Of threads: what needs no database must find some left."""

_FORGET_S: Final = 1.0
"""So long the reason why a database cannot be opened holds for everybody else: not each of them has to wait for it."""


class BusyError(SinkUnavailableError):
    """The database answers, but others ask too much of it just now."""


class DatabasePool:
    """Lends databases; may be used from any thread."""

    def __init__(self, connect: Callable[[], Database], clock: Clock, *, size: int, patience_s: float) -> None:
        """Open nothing yet.

        Args:
            connect: Opens one; raises `SinkError`.
            clock: For how long a failure holds.
            size: The most that are lent at once.
            patience_s: The longest that somebody waits for one.
        """
        self._connect = connect
        self._clock = clock
        self._patience_s = patience_s
        self._room = threading.BoundedSemaphore(size + MOST_WAITING)
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Database] = []
        self._failure: tuple[float, SinkError] | None = None
        self._closed = False

    @contextmanager
    def __call__(self) -> Iterator[Database]:
        """Lend one.

        Raises:
            BusyError: Others have all of them.
            SinkError: There is no database.
        """
        if not self._room.acquire(blocking=False):
            msg = f"more than {MOST_WAITING} questions wait already"
            raise BusyError(msg)
        try:
            if not self._free.acquire(timeout=self._patience_s):
                msg = f"all connections were busy for {self._patience_s:g} s"
                raise BusyError(msg)
            try:
                with self._lent() as database:
                    yield database
            finally:
                self._free.release()
        finally:
            self._room.release()

    def close(self) -> None:
        """Close all that are not lent; those that are when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for database in idle:
            database.close()

    @contextmanager
    def _lent(self) -> Iterator[Database]:
        database = self._take()
        try:
            yield database
        except ResearchError:
            self._keep(database)  # the question was wrong, not the database
            raise
        except BaseException:
            database.close()
            raise
        self._keep(database)

    def _take(self) -> Database:
        while True:
            with self._lock:
                database = self._idle.pop() if self._idle else None
                failure = self._failure
            if database is None:
                break
            if database.answers():
                return database
            database.close()  # the server was started again
        if failure is not None and self._clock.monotonic() - failure[0] < _FORGET_S:
            raise failure[1].with_traceback(None)
        try:
            return self._connect()
        except SinkError as error:
            with self._lock:
                self._failure = (self._clock.monotonic(), error)
            raise

    def _keep(self, database: Database) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(database)
                return
        database.close()
