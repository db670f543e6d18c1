"""The folder of an export: whole files only, and one export at a time."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from orderflow_recorder.export.errors import ExportError, writing
from orderflow_recorder.export.sidecar import STATE, PartitionReport, sidecar_path, write_json

_WORK: Final = "work.partial"


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """Give a place for unfinished files on the same disk; it is emptied at the end, whatever the end is.

    Args:
        folder: Of the export; made if it is not there.

    Raises:
        ExportError: It cannot be written, or another export is writing there.
    """
    with writing(folder):
        (folder / STATE).mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / STATE / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    work = folder / STATE / _WORK
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ExportError(
                f"another export is writing to {folder}: wait for it, or choose another folder with --to"
            ) from None
        shutil.rmtree(work, ignore_errors=True)
        with writing(work):
            work.mkdir()
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)
    finally:
        os.close(descriptor)


def is_there(folder: Path, files: Mapping[str, int]) -> bool:
    """Say whether files are there, of the bytes they had when they were finished."""
    return all(_size(folder / name) == size for name, size in files.items())


def publish(folder: Path, report: PartitionReport, finished: Mapping[Path, str], older: PartitionReport | None) -> None:
    """Put finished files into their places, and say what they hold.

    A crash in between leaves a report without its files, and the partition is made again.

    Args:
        folder: Of the export.
        report: Of these files.
        finished: Where each file is now, and its place below the folder.
        older: Report of what these files replace.

    Raises:
        ExportError: The files cannot be written, or one is there that no export made.
    """
    known = older.files if older else {}
    for name in finished.values():
        if name not in known and (folder / name).exists():
            raise ExportError(f"{folder / name} was not made by this export: move it away, or choose another folder")
    with writing(folder):
        for path in finished:
            _sync(path)
        for name in known:
            (folder / name).unlink(missing_ok=True)
        write_json(sidecar_path(folder, report.partition), report)
        for path, name in finished.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            path.replace(folder / name)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
