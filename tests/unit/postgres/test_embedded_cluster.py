"""Texts of failed programs, and stale pid files."""

import os
from pathlib import Path

from orderflow_recorder.postgres.embedded_cluster import clear_stale_pid_files, failure
from orderflow_recorder.postgres.embedded_process import PID_FILE
from orderflow_recorder.postgres.embedded_socket import SOCKET_NAME


def test_a_failure_shows_the_last_lines() -> None:
    text = str(failure("initdb failed", "\n".join(f"line {number}" for number in range(20))))
    assert "initdb failed" in text
    assert "line 19" in text
    assert "line 2\n" not in text


def test_a_full_disk_gets_its_own_advice() -> None:
    text = str(failure("initdb failed", "could not write: No space left on device\nremoving contents"))
    assert "free some space or move DATA_DIR" in text


def test_a_pid_file_that_names_another_live_process_or_none_is_removed(tmp_path: Path) -> None:
    for content in (f"{os.getpid()}\n", ""):
        (tmp_path / PID_FILE).write_text(content)
        (tmp_path / f"{SOCKET_NAME}.lock").write_text(content)
        clear_stale_pid_files(tmp_path)
        assert not list(tmp_path.iterdir())
