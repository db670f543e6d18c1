"""A journal that comes to an end, read by a loader that would wait for more."""

import threading
from collections.abc import Sequence

from orderflow_recorder.ports.journal import JournalBlock, JournalEntry, JournalReader


class EndingReader:
    """A reader that says when it has come to the end, so that the loader drains and ends."""

    def __init__(self, reader: JournalReader, ended: threading.Event) -> None:
        """Set ``ended`` at the end of ``reader``."""
        self._reader = reader
        self._ended = ended

    def read(self, max_bytes: int) -> Sequence[JournalEntry]:
        """Return the next entries; none of them means the end."""
        entries = self._reader.read(max_bytes)
        if not entries:
            self._ended.set()
        return entries

    def read_block(self, max_bytes: int) -> JournalBlock | None:
        """Return the next lines; none of them means the end."""
        block = self._reader.read_block(max_bytes)
        if block is None:
            self._ended.set()
        return block

    def entries(self, block: JournalBlock) -> Sequence[JournalEntry]:
        """Return the entries of a block."""
        return self._reader.entries(block)

    def take_skipped(self) -> Sequence[int]:
        """Return the segments that were gone before they were read."""
        return self._reader.take_skipped()

    def lag_bytes(self) -> int:
        """Return how many bytes are left."""
        return self._reader.lag_bytes()

    def close(self) -> None:
        """Release the file."""
        self._reader.close()
