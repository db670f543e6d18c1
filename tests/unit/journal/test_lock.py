"""One writer per journal."""

import os
from pathlib import Path

import pytest

from orderflow_recorder.domain.errors import JournalLockedError
from orderflow_recorder.journal.lock import DirectoryLock


def test_second_holder_is_told_who_the_first_is(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    with pytest.raises(JournalLockedError, match=f"is written by process {os.getpid()}: stop that process"):
        DirectoryLock(tmp_path)
    lock.release()


def test_released_lock_can_be_taken_again(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    lock.release()
    lock.release()
    DirectoryLock(tmp_path).release()


def test_file_of_a_holder_that_died_locks_nobody_out(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("99999999")
    DirectoryLock(tmp_path).release()
