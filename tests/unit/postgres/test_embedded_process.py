"""Whose a process is: nothing is signalled that is not proven to be ours."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderflow_recorder.postgres.embedded_process import (
    PID_FILE,
    Ownership,
    find_programs,
    interrupt,
    judge,
    major_version,
    postmaster_of,
    read_pid,
)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Give an unrelated process of our own user."""
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        yield process
        process.kill()


@pytest.mark.parametrize(
    ("text", "pid"), [("4711\n/data\n", 4711), ("-4711\n", 4711), ("", None), ("\0\0\0", None), ("0\n", None)]
)
def test_read_pid_takes_a_number_or_nothing(tmp_path: Path, text: str, pid: int | None) -> None:
    (tmp_path / PID_FILE).write_text(text)
    assert read_pid(tmp_path) == pid


def test_read_pid_of_no_file_is_none(tmp_path: Path) -> None:
    assert read_pid(tmp_path) is None
    assert read_pid(tmp_path / "missing") is None


def test_an_unrelated_process_is_other_and_is_not_signalled(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    assert judge(sleeper.pid, tmp_path) is Ownership.OTHER
    assert not interrupt(sleeper.pid, tmp_path)
    assert sleeper.poll() is None


@pytest.fixture
def heeds_interrupts() -> Iterator[None]:
    """Let children die of SIGINT, even where the tests run in the background of a script and ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeds_interrupts")
def test_a_process_called_postgres_in_another_folder_is_other(tmp_path: Path) -> None:
    data_dir, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    data_dir.mkdir()
    elsewhere.mkdir()
    # The name that the system shows is that of the file which was executed.
    fake = tmp_path / "postgres"
    fake.symlink_to("/bin/sleep")
    with subprocess.Popen([fake, "60"], cwd=elsewhere) as process:
        assert judge(process.pid, data_dir) is Ownership.OTHER
        assert judge(process.pid, elsewhere) is Ownership.OURS
        (data_dir / PID_FILE).write_text(f"{process.pid}\n")
        assert postmaster_of(data_dir) is None
        assert not interrupt(process.pid, data_dir)
        assert process.poll() is None
        assert interrupt(process.pid, elsewhere)
    assert process.returncode < 0


def test_the_dead_are_other(tmp_path: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "0"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert judge(process.pid, tmp_path) is Ownership.OTHER, "a zombie"
    assert judge(process.pid, tmp_path) is Ownership.OTHER, "gone"
    assert not interrupt(process.pid, tmp_path)


def test_major_version_is_a_number() -> None:
    assert major_version(find_programs()) == "18"
