"""One writer per journal: an flock that ends with its process, however that ends."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from orderflow_recorder.domain.errors import JournalLockedError


class DirectoryLock:
    """Holds ``directory/lock``; the file's text is the holder's process id."""

    def __init__(self, directory: Path) -> None:
        """Take the lock at once.

        Raises:
            JournalLockedError: Another process holds it; the text says which.
        """
        path = directory / "lock"
        self._descriptor: int | None = None
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            message = (
                f"journal {directory} is written by process {holder}: stop that process, "
                "or give this recorder another INSTANCE_ID or DATA_DIR"
            )
            raise JournalLockedError(message) from None
        self._descriptor = descriptor
        # Padded to a fixed width instead of truncated: rewriting a block needs no new room on a full disk.
        with suppress(OSError):  # the lock holds without its text; a full disk is the segment's to report
            os.pwrite(descriptor, f"{os.getpid():<20}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock up. Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
