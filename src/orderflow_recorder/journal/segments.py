"""Names of segment files, and how the end of one is repaired after a crash."""

import os
import re
from pathlib import Path
from typing import Final

import msgspec

_NAME: Final = re.compile(r"(\d{8})\.jsonl(\.gz)?")
_BLOCK_BYTES: Final = 1 << 16


class TornTail(msgspec.Struct, frozen=True):
    """An incomplete last line that was cut off.

    Attributes:
        segment: Number of the segment.
        offset: Where the incomplete line began, bytes.
        bytes: How many bytes were cut.
    """

    segment: int
    offset: int
    bytes: int


def segment_path(directory: Path, number: int) -> Path:
    """Return where segment ``number`` is written."""
    return directory / f"{number:08d}.jsonl"


def find_segments(directory: Path) -> dict[int, Path]:
    """Return the segments in ``directory`` by number, ascending.

    Where a segment is there both plain and compressed, it is being compressed now: the plain one counts.
    """
    found: dict[int, Path] = {}
    try:
        names = os.listdir(directory)  # noqa: PTH208  # half the time of iterdir, and it is polled
    except FileNotFoundError:
        return found
    for name in sorted(names):
        match = _NAME.fullmatch(name)
        if match:
            found.setdefault(int(match[1]), directory / name)
    return found


def cut_torn_tail(number: int, path: Path) -> TornTail | None:
    """Cut what follows the last line break of a segment, and make that durable.

    Args:
        number: The segment's number, for the report.
        path: An uncompressed segment that nobody writes.

    Returns:
        What was cut; none if the segment ended with a complete line.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        size = os.fstat(descriptor).st_size
        keep = _after_last_line_break(descriptor, size)
        if keep == size:
            return None
        os.ftruncate(descriptor, keep)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return TornTail(segment=number, offset=keep, bytes=size - keep)


def _after_last_line_break(descriptor: int, size: int) -> int:
    end = size
    while end > 0:
        begin = max(0, end - _BLOCK_BYTES)
        found = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0


def sync_directory(directory: Path) -> None:
    """Make created and deleted names of ``directory`` durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
