"""Recorded captures, and whole journals, read as one journal for replay."""

from collections.abc import Sequence
from pathlib import Path

from orderflow_recorder.domain.errors import JournalError
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.journal.reader import FileJournalReader, SegmentReader
from orderflow_recorder.journal.segments import find_segments

_PATTERNS = ("*.jsonl", "*.jsonl.gz")


def open_capture(path: Path | Sequence[Path], position: Position = JOURNAL_START) -> SegmentReader:
    """Open a capture file, several of them, a directory of them, or a journal's directory.

    Args:
        path: A directory that holds journal segments is read with their numbers; everything else is
            numbered from 1, in the order given, a directory's files by name.
        position: Where to begin.

    Raises:
        JournalError: There is no such file, or the directory holds none.
    """
    if isinstance(path, Path) and path.is_dir() and find_segments(path):
        return FileJournalReader(path, position)
    files = dict(enumerate(_files(path), start=1))
    return SegmentReader(lambda: files, position, complete=True)


def _files(path: Path | Sequence[Path]) -> Sequence[Path]:
    if not isinstance(path, Path):
        files = list(path)
    elif path.is_dir():
        files = sorted(file for pattern in _PATTERNS for file in path.glob(pattern))
    else:
        files = [path]
    missing = [file for file in files if not file.is_file()]
    if missing or not files:
        message = f"expected a .jsonl or .jsonl.gz file, or a directory of them: nothing at {missing[:1] or path}"
        raise JournalError(message)
    return files
