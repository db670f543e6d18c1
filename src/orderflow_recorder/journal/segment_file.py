"""One segment being written: whole lines only, whatever the disk does."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from orderflow_recorder.journal.segments import sync_directory
from orderflow_recorder.ports.crashpoint import CrashPoint, reach

_CLOSED: Final = -1


class SegmentFile:
    """An open segment.

    After every call the file ends with a complete line, except within a write that the operating system
    has not finished; a reader leaves such a tail alone.

    Attributes:
        number: The segment's number.
        path: Where it is.
        size: Bytes in it.
    """

    def __init__(
        self, number: int, path: Path, header: bytes, *, write: Callable[[int, memoryview], int] = os.write
    ) -> None:
        """Create the file with its header line.

        Args:
            number: The segment's number.
            path: A name that does not exist yet.
            header: The first line.
            write: Does what `os.write` does.

        Raises:
            OSError: It could not be created completely; then there is no file.
        """
        self.number = number
        self.path = path
        self.size = 0
        self._write = write
        self._guard = threading.Lock()
        self._header_bytes = len(header)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o644)
        try:
            self.append(header)
            sync_directory(path.parent)
        except OSError:
            self.close()
            path.unlink(missing_ok=True)
            raise

    @property
    def has_entries(self) -> bool:
        """Say whether anything follows the header."""
        return self.size > self._header_bytes

    def append(self, lines: bytes | bytearray) -> None:
        """Write complete lines.

        Raises:
            OSError: Not all could be written; the file ends with the last line that could.
        """
        written = 0
        reach(CrashPoint.BEFORE_WRITE)
        with memoryview(lines) as view:
            try:
                while written < len(view):
                    written += self._write(self._descriptor, view[written:])
            except OSError:
                keep = lines.rfind(b"\n", 0, written) + 1
                os.ftruncate(self._descriptor, self.size + keep)
                self.size += keep
                raise
        self.size += written
        reach(CrashPoint.AFTER_WRITE)

    def sync(self) -> None:
        """Make everything written durable; may be called from another thread, nothing waits for it."""
        with self._guard:
            if self._descriptor == _CLOSED:
                return
            duplicate = os.dup(self._descriptor)
        try:
            reach(CrashPoint.BEFORE_FSYNC)
            os.fsync(duplicate)
            reach(CrashPoint.AFTER_FSYNC)
        finally:
            os.close(duplicate)

    def close(self) -> None:
        """Release the file. Idempotent."""
        with self._guard:
            if self._descriptor != _CLOSED:
                os.close(self._descriptor)
                self._descriptor = _CLOSED
