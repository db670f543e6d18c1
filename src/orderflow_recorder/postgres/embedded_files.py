"""The files beside the cluster: two locks and the server's log."""

import fcntl
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from orderflow_recorder.postgres.embedded_process import ServerUser

LOG_LIMIT_BYTES: Final = 16 * 1024 * 1024
_TAIL_BYTES: Final = 8192
_POLL_S: Final = 0.05


def _open(path: Path, flags: int, user: ServerUser | None) -> int:
    """Open or create a file of ours; never passed on to a child (PEP 446).

    Root gives it to the server's user, so that the cluster's owner can go on without root.
    """
    descriptor = os.open(path, flags | os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if user is not None:
        os.fchown(descriptor, user.uid, user.gid)
    return descriptor


class ServerLocks:
    """Who uses the server, and who is starting or stopping it.

    Both are flocks: the kernel releases them however we end.
    """

    def __init__(self, data_dir: Path, user: ServerUser | None) -> None:
        """Open the two files beside ``data_dir``."""
        self._start = _open(data_dir.with_name(f"{data_dir.name}.start.lock"), 0, user)
        try:
            self._users = _open(data_dir.with_name(f"{data_dir.name}.users.lock"), 0, user)
        except OSError:
            os.close(self._start)
            raise

    def hold_start(self, timeout_s: float, waiting: Callable[[float], None]) -> bool:
        """Wait until nobody else starts or stops the server.

        Args:
            timeout_s: How long to wait, seconds.
            waiting: Called with the seconds waited, again and again.

        Returns:
            False if somebody still does after ``timeout_s``.
        """
        began = time.monotonic()
        while True:
            try:
                fcntl.flock(self._start, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waited = time.monotonic() - began
                if waited >= timeout_s:
                    return False
                waiting(waited)
                time.sleep(_POLL_S)
            else:
                return True

    def release_start(self) -> None:
        """Let others start or stop the server."""
        fcntl.flock(self._start, fcntl.LOCK_UN)

    def join(self) -> None:
        """Count as a user; the start lock is held, so nobody is stopping the server."""
        fcntl.flock(self._users, fcntl.LOCK_SH)

    def is_last_user(self) -> bool:
        """Say whether nobody else uses the server; the start lock is held, so nobody can join after the answer."""
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """Release both, also where a forked child still has the files open."""
        for descriptor in (self._users, self._start):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)


class ServerLog:
    """What the server writes to its output, kept short."""

    def __init__(self, data_dir: Path) -> None:
        """Name the file; nothing is opened yet."""
        self.path = data_dir.with_name(f"{data_dir.name}.log")
        self._launched_at = 0

    def rotate(self) -> None:
        """Keep the log of the previous start as the only older one."""
        with suppress(FileNotFoundError):
            self.path.replace(self.path.with_name(f"{self.path.name}.1"))

    def open(self, user: ServerUser | None) -> int:
        """Open the log for a server about to start and return its descriptor."""
        descriptor = _open(self.path, os.O_APPEND, user)
        self._launched_at = os.fstat(descriptor).st_size
        return descriptor

    def text(self) -> str:
        """Return the last lines that the server wrote since it was launched."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._launched_at, size - _TAIL_BYTES))
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def trim(self) -> None:
        """Empty the log of a running server where it grew too long; the server appends, so it goes on from there."""
        with suppress(OSError):
            if self.path.stat().st_size > LOG_LIMIT_BYTES:
                os.truncate(self.path, 0)
