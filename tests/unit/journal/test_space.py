"""When a disk counts as full."""

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from orderflow_recorder.domain.errors import DiskFullError, JournalError
from orderflow_recorder.journal.space import RESERVE_BYTES, DiskSpace

GIB = 1 << 30


def set_disk(monkeypatch: pytest.MonkeyPatch, *, size: int, free: int) -> None:
    """Make every filesystem that large and that free."""
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_blocks=size, f_bavail=free, f_frsize=1))


def test_large_disk_is_full_below_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = DiskSpace(tmp_path, min_free_bytes=GIB)
    set_disk(monkeypatch, size=1000 * GIB, free=GIB)
    space.require()
    set_disk(monkeypatch, size=1000 * GIB, free=GIB - 1)
    with pytest.raises(DiskFullError, match="recording resumes by itself") as caught:
        space.require()
    assert (caught.value.path, caught.value.free_bytes, caught.value.needed_bytes) == (str(tmp_path), GIB - 1, GIB)


def test_small_disk_is_full_below_five_percent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = DiskSpace(tmp_path, min_free_bytes=GIB)
    set_disk(monkeypatch, size=1000, free=50)
    space.require()
    set_disk(monkeypatch, size=1000, free=49)
    with pytest.raises(DiskFullError):
        space.require()


def test_check_looks_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = DiskSpace(tmp_path, min_free_bytes=GIB)
    set_disk(monkeypatch, size=1000 * GIB, free=2 * GIB)
    space.check(10.0)
    set_disk(monkeypatch, size=1000 * GIB, free=0)
    space.check(10.9)
    with pytest.raises(DiskFullError):
        space.check(11.0)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_no_room_and_no_quota_are_a_full_disk(tmp_path: Path, number: int) -> None:
    assert isinstance(DiskSpace(tmp_path, min_free_bytes=0).error_for(OSError(number, "x")), DiskFullError)


def test_broken_disk_is_not_a_full_one(tmp_path: Path) -> None:
    error = DiskSpace(tmp_path, min_free_bytes=0).error_for(OSError(errno.EIO, "Input/output error"))
    assert type(error) is JournalError
    assert "Input/output error" in str(error)


def test_reserve_takes_room_and_gives_it_back(tmp_path: Path) -> None:
    space = DiskSpace(tmp_path, min_free_bytes=0)
    space.reserve()
    space.reserve()
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= RESERVE_BYTES
    space.release_reserve()
    space.release_reserve()
    assert list(tmp_path.iterdir()) == []
