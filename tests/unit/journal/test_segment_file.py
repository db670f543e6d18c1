"""A segment file ends with a complete line, whatever the operating system does with a write."""

import errno
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderflow_recorder.journal.segment_file import SegmentFile

HEADER = b"header\n"


class Disk:
    """`os.write` that takes a few bytes at a time and has room for a number of them."""

    def __init__(self, room: int, at_a_time: int) -> None:
        """Have ``room`` bytes, take ``at_a_time`` of them in one call."""
        self.room = room
        self.at_a_time = at_a_time

    def write(self, descriptor: int, data: memoryview) -> int:
        """Write what fits; fail as a full disk does once nothing fits."""
        size = min(self.room, self.at_a_time, len(data))
        if size == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= size
        return os.write(descriptor, data[:size])


def test_header_comes_first_and_is_no_entry(tmp_path: Path) -> None:
    segment = SegmentFile(1, tmp_path / "segment", HEADER)
    before = segment.has_entries
    segment.append(b"one\n")
    assert (before, segment.has_entries) == (False, True)
    segment.close()
    assert (tmp_path / "segment").read_bytes() == HEADER + b"one\n"


def test_short_writes_are_continued(tmp_path: Path) -> None:
    segment = SegmentFile(1, tmp_path / "segment", HEADER, write=Disk(1000, 3).write)
    segment.append(b"a long line\nand another\n")
    segment.close()
    assert (tmp_path / "segment").read_bytes() == HEADER + b"a long line\nand another\n"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.integers(0, 9).map(lambda length: b"x" * length + b"\n"), min_size=1, max_size=8),
    room=st.integers(0, 60),
    at_a_time=st.integers(1, 7),
)
def test_full_disk_keeps_every_line_that_fitted(tmp_path: Path, lines: list[bytes], room: int, at_a_time: int) -> None:
    path = tmp_path / "segment"
    path.unlink(missing_ok=True)
    disk = Disk(10**6, at_a_time)
    segment = SegmentFile(1, path, HEADER, write=disk.write)
    disk.room = room
    text = b"".join(lines)
    if room < len(text):
        with pytest.raises(OSError, match="No space left"):
            segment.append(text)
    else:
        segment.append(text)
    fitted = text[: text.rfind(b"\n", 0, room) + 1]
    assert path.read_bytes() == HEADER + fitted
    assert segment.size == len(HEADER + fitted)
    disk.room = 10**6
    segment.append(b"more\n")
    assert path.read_bytes() == HEADER + fitted + b"more\n"
    segment.close()


def test_segment_without_room_for_its_header_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        SegmentFile(1, tmp_path / "segment", HEADER, write=Disk(3, 10).write)
    assert list(tmp_path.iterdir()) == []


def test_existing_segment_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "segment").write_bytes(b"precious\n")
    with pytest.raises(FileExistsError):
        SegmentFile(1, tmp_path / "segment", HEADER)
    assert (tmp_path / "segment").read_bytes() == b"precious\n"


def test_sync_of_a_closed_file_does_nothing(tmp_path: Path) -> None:
    segment = SegmentFile(1, tmp_path / "segment", HEADER)
    segment.sync()
    segment.close()
    segment.close()
    segment.sync()
