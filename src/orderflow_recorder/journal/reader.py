"""The journal's reader: follows segments that grow, are compressed, or are gone."""

import gzip
import io
import os
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from loguru import logger

from orderflow_recorder.domain.errors import JournalError
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.journal.entries import EntryDecoder
from orderflow_recorder.journal.segments import find_segments
from orderflow_recorder.ports.journal import JournalBlock, JournalEntry

_PIECE_BYTES: Final = 1 << 20
_LONG_LINE_PIECE_BYTES: Final = 1 << 16
_LONGEST_HEADER_BYTES: Final = 1 << 16


class SegmentReader:
    """Reads numbered files one after the other; satisfies `orderflow_recorder.ports.journal.JournalReader`."""

    def __init__(self, find: Callable[[], dict[int, Path]], position: Position, *, complete: bool) -> None:
        """Remember where to begin; files are opened when something is read.

        Args:
            find: Lists the segments by number.
            position: Where to begin.
            complete: True where nobody writes the files any more: a last line then needs no line break.
        """
        self._find = find
        self._complete = complete
        self._decoder = EntryDecoder(position)
        self._file: io.RawIOBase | gzip.GzipFile | None = None
        self._path: Path | None = None
        self._last_piece_due = False
        self._finished = position == JOURNAL_START
        self._skipped: list[int] = []

    def read(self, max_bytes: int) -> Sequence[JournalEntry]:
        """Return the next complete entries, about ``max_bytes`` of them; empty at the end.

        Raises:
            JournalError: The position is not in this journal, or a compressed file is damaged.
        """
        entries: list[JournalEntry] = []
        wanted = max_bytes
        while (wanted > 0 or not entries) and (block := self.read_block(max(wanted, 1))) is not None:
            wanted -= len(block.text)
            entries += self.entries(block)
        return entries

    def read_block(self, max_bytes: int) -> JournalBlock | None:
        """Return the next complete lines of one segment, about ``max_bytes`` of them; none at the end.

        Raises:
            JournalError: As `read`.
        """
        wanted = max_bytes
        while self._file is not None or self._open_next():
            piece = self._read_piece(min(wanted, _PIECE_BYTES) if wanted > 0 else _LONG_LINE_PIECE_BYTES)
            block = None
            if piece:
                wanted -= len(piece)
                block = self._decoder.cut(piece)
            elif self._last_piece_due:
                block = self._decoder.rest() if self._complete else None
                self.close()
                self._finished = True
            elif max(self._find(), default=0) > self._decoder.position.segment:
                # The writer is done with this file, but perhaps wrote to it since the read above.
                self._last_piece_due = True
            else:
                break
            if block is not None:
                return block
        return None

    def entries(self, block: JournalBlock) -> Sequence[JournalEntry]:
        """Return the entries of a block that was read, or of a part of one."""
        return self._decoder.entries(block)

    def take_skipped(self) -> Sequence[int]:
        """Return the segments that were deleted before they were read, each of them once."""
        skipped, self._skipped = self._skipped, []
        return skipped

    def lag_bytes(self) -> int:
        """Return how many bytes lie between here and the end of the journal."""
        here = self._decoder.position
        total = 0
        for number, path in self._find().items():
            if number > here.segment or (number == here.segment and not self._finished):
                total += _text_bytes(path)
                if number == here.segment:
                    total = max(0, total - here.offset)
        return total

    def close(self) -> None:
        """Release the file. Idempotent."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _read_piece(self, size: int) -> bytes:
        if self._file is None:
            return b""
        try:
            return self._file.read(size) or b""
        except (EOFError, OSError, zlib.error) as error:
            message = f"journal file {self._path} cannot be read to its end: {error}"
            raise JournalError(message) from error

    def _open_next(self) -> bool:
        here = self._decoder.position
        segments = self._find()
        expected = here.segment + 1 if self._finished else here.segment
        number = min((known for known in segments if known >= expected), default=None)
        if number is None:
            # The begin of a segment is the end of the one before, also while there is no such segment yet.
            if segments and not self._finished and max(segments) < here.segment - (here.offset == 0):
                message = (
                    f"expected segment {expected} in the journal, but the newest is {max(segments)}: "
                    "the sink was filled from another journal; empty the sink, or use another INSTANCE_ID"
                )
                raise JournalError(message)
            return False
        try:
            self._file = _open(segments[number])
        except FileNotFoundError:
            return False  # deleted or compressed since the listing: the next read looks again
        self._path = segments[number]
        if here.segment > 0:
            self._skipped += range(expected, number)
        self._last_piece_due = self._complete
        if number == here.segment and here.offset > 0:
            self._continue_at(here, is_newest=number == max(segments))
        else:
            self._decoder.begin(Position(number, 0))
        self._finished = False
        return True

    def _continue_at(self, here: Position, *, is_newest: bool) -> None:
        """Seek to a place within a segment, after a look at its header for the context."""
        if self._file is None:
            return
        first_line, line_break, _ = self._read_piece(_LONGEST_HEADER_BYTES).partition(b"\n")
        self._decoder.begin(here, header=first_line if line_break else None)
        self._file.seek(here.offset - 1)
        before = self._read_piece(1)
        if before == b"\n" or (before and self._complete):
            return
        if not before and not is_newest:
            # Only a power failure loses what a sink has read already; the sink has it, so go on.
            logger.bind(component="journal").warning(
                "{} is shorter than the position {}: reading goes on with the next segment", self._path, here.offset
            )
            return
        self.close()
        found = "the file is shorter" if not before else "no line begins there"
        message = (
            f"expected a line at byte {here.offset} of {self._path}, but {found}: the sink was filled from another "
            "journal, or the file was changed; empty the sink, or use another INSTANCE_ID"
        )
        raise JournalError(message)


class FileJournalReader(SegmentReader):
    """Tails the journal in one directory while its writer writes."""

    def __init__(self, directory: Path, position: Position = JOURNAL_START, *, last_segment: int | None = None) -> None:
        """Read ``directory`` from ``position`` on; what comes after ``last_segment`` does not exist."""

        def find_until(last: int) -> dict[int, Path]:
            return {number: path for number, path in find_segments(directory).items() if number <= last}

        find = partial(find_segments, directory) if last_segment is None else partial(find_until, last_segment)
        super().__init__(find, position, complete=False)


def _open(path: Path) -> io.RawIOBase | gzip.GzipFile:
    if path.suffix == ".gz":
        return gzip.open(path, "rb")
    return path.open("rb", buffering=0)


def _text_bytes(path: Path) -> int:
    """Return a segment's size, uncompressed; 0 if it has just gone."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            if path.suffix != ".gz" or size < 4:  # noqa: PLR2004  # the length stands in gzip's last four bytes
                return size
            file.seek(-4, os.SEEK_END)
            length: int = struct.unpack("<I", file.read(4))[0]
            return length
    except FileNotFoundError:
        return 0
