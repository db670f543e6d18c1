"""The locks and the log beside the cluster."""

import os
from pathlib import Path

import pytest

from orderflow_recorder.postgres import embedded_files
from orderflow_recorder.postgres.embedded_files import ServerLocks, ServerLog


def _ignore(_waited: float) -> None:
    """Wait quietly."""


def test_only_one_holds_the_start_lock(tmp_path: Path) -> None:
    one, other = ServerLocks(tmp_path / "pg", None), ServerLocks(tmp_path / "pg", None)
    assert one.hold_start(0, _ignore)
    assert one.hold_start(0, _ignore), "its holder has it already"
    assert not other.hold_start(0, _ignore)
    one.release_start()
    assert other.hold_start(0, _ignore)
    one.close()
    other.close()


def test_only_the_last_user_is_the_last(tmp_path: Path) -> None:
    one, other = ServerLocks(tmp_path / "pg", None), ServerLocks(tmp_path / "pg", None)
    one.join()
    other.join()
    assert not one.is_last_user()
    one.close()
    assert other.is_last_user()
    other.close()


def test_the_log_shows_only_this_launch_and_keeps_one_older(tmp_path: Path) -> None:
    log = ServerLog(tmp_path / "pg")
    assert log.text() == ""
    log.path.write_text("old\n")
    log.rotate()
    for line in (b"first\n", b"second\n"):
        descriptor = log.open(None)
        os.write(descriptor, line)
        os.close(descriptor)
    assert log.text() == "second\n"
    assert (tmp_path / "pg.log.1").read_text() == "old\n"


def test_a_log_that_grew_too_long_is_emptied_under_its_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded_files, "LOG_LIMIT_BYTES", 10)
    log = ServerLog(tmp_path / "pg")
    descriptor = log.open(None)
    os.write(descriptor, b"0123456789")
    log.trim()
    assert log.path.stat().st_size == 10
    os.write(descriptor, b"0")
    log.trim()
    os.write(descriptor, b"on\n")
    os.close(descriptor)
    assert log.path.read_text() == "on\n"
