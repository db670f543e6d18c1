"""Room on the journal's disk: how much must stay free, and the reserve for the last words."""

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from orderflow_recorder.domain.errors import DiskFullError, JournalError

RESERVE_BYTES: Final = 64 * 1024
_CHECK_EVERY_S: Final = 1.0
_LARGEST_SHARE: Final = 0.05
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})


class DiskSpace:
    """Watches the free bytes of one directory's filesystem."""

    def __init__(self, directory: Path, *, min_free_bytes: int) -> None:
        """Remember what to watch.

        Args:
            directory: Any directory on the filesystem.
            min_free_bytes: Free bytes below which the disk counts as full; on a small filesystem 5 % of
                it count instead, so that a default fits any machine.
        """
        self._directory = directory
        self._reserve = directory / "reserve"
        self._min_free_bytes = min_free_bytes
        self._checked_at: float | None = None

    def check(self, now: float) -> None:
        """Look at most once a second.

        Args:
            now: Monotonic seconds.

        Raises:
            DiskFullError: Fewer bytes are free than must stay free.
        """
        if self._checked_at is not None and now - self._checked_at < _CHECK_EVERY_S:
            return
        self._checked_at = now
        self.require()

    def require(self) -> None:
        """Look now; raise `DiskFullError` where fewer bytes are free than must stay free."""
        free, needed = self._measure()
        if free < needed:
            raise DiskFullError(str(self._directory), free, needed)

    def error_for(self, error: OSError) -> JournalError:
        """Return the error to raise for a failed write: `DiskFullError` where that is the cause."""
        if error.errno in _FULL:
            free, needed = self._measure()
            return DiskFullError(str(self._directory), free, needed)
        return JournalError(f"journal {self._directory} cannot be written: {error}")

    def reserve(self) -> None:
        """Set room aside for the last words; raises `OSError` where there is none."""
        descriptor = os.open(self._reserve, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
        finally:
            os.close(descriptor)

    def release_reserve(self) -> None:
        """Give the reserved room back to the filesystem."""
        with suppress(OSError):  # best effort: the last words may fit all the same
            self._reserve.unlink(missing_ok=True)

    def _measure(self) -> tuple[int, int]:
        status = os.statvfs(self._directory)
        needed = min(self._min_free_bytes, int(status.f_blocks * status.f_frsize * _LARGEST_SHARE))
        return status.f_bavail * status.f_frsize, needed
