"""The embedded Postgres for real: every way to be killed, every user at once, every path."""

import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from orderflow_recorder.postgres.embedded import EmbeddedPostgres, EmbeddedPostgresError, psql_hint
from orderflow_recorder.postgres.embedded_cluster import SUPERUSER
from orderflow_recorder.postgres.embedded_process import PID_FILE
from orderflow_recorder.postgres.embedded_socket import SOCKET_NAME
from tests.support.embedded import (
    IS_ROOT,
    NOBODY,
    OWNER,
    add_row,
    copy_cluster,
    end_server,
    is_dead,
    postmaster,
)
from tests.support.processes import wait_until


def test_first_start_second_start_and_psql(empty_place: Path) -> None:
    lines: list[str] = []
    server = EmbeddedPostgres(empty_place, log=lines.append)
    with server as url:
        assert server.is_running()
        assert add_row(url) == 1
        answer = subprocess.run(
            [*_shell(psql_hint(url)), "-Atc", "SHOW data_checksums"], capture_output=True, check=True
        )
        assert answer.stdout == b"on\n"
        assert url.startswith(f"postgresql://{SUPERUSER}@/orderflow?")
    assert not server.is_running()
    assert not (empty_place / PID_FILE).exists()
    with server as url:
        assert add_row(url) == 2
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
        assert add_row(url) == 1
        pid = postmaster(data_dir)
        owner.kill()
    lines: list[str] = []
    server = EmbeddedPostgres(data_dir, log=lines.append)
    assert server.start() == url
    assert postmaster(data_dir) == pid
    assert any("taking over" in line for line in lines)
    assert add_row(url) == 2
    server.stop()
    assert not server.is_running()
    assert is_dead(pid)
    server.stop()


def test_the_last_user_stops_the_server(data_dir: Path) -> None:
    first, second = EmbeddedPostgres(data_dir), EmbeddedPostgres(data_dir)
    url = first.start()
    assert second.start() == url
    first.stop()
    assert second.is_running()
    assert add_row(url) == 1
    second.stop()
    assert not second.is_running()


def test_many_starting_at_once_share_one_server(data_dir: Path) -> None:
    servers = [EmbeddedPostgres(data_dir) for _ in range(4)]
    threads = [threading.Thread(target=server.start) for server in servers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pid = postmaster(data_dir)
    assert all(server.is_running() for server in servers)
    for server in servers:
        server.stop()
    assert is_dead(pid)


def test_a_killed_server_is_started_again_with_its_data(data_dir: Path) -> None:
    server = EmbeddedPostgres(data_dir)
    url = server.start()
    assert add_row(url) == 1
    with psycopg.connect(url) as straggler:
        backend = straggler.info.backend_pid
        # A backend that does not notice the death at once still holds the shared memory.
        os.kill(backend, signal.SIGSTOP)
        os.kill(postmaster(data_dir), signal.SIGKILL)
        log = data_dir.with_name("postgres.log")
        refused = threading.Thread(target=_resume_after, args=(backend, log))
        refused.start()
        assert server.start() == url
        refused.join()
    assert add_row(url) == 2
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
            assert add_row(url) == 1
            assert postmaster(data_dir) != bystander.pid
        assert bystander.poll() is None
        bystander.kill()


def test_a_stale_pid_file_that_names_another_clusters_server_leaves_it_alone(
    tmp_path: Path, data_dir: Path, cluster: Path
) -> None:
    other_dir = copy_cluster(cluster, tmp_path / "other" / "postgres")
    other, server = EmbeddedPostgres(other_dir), EmbeddedPostgres(data_dir)
    with other as other_url:
        shutil.copy(other_dir / PID_FILE, data_dir / PID_FILE)
        if IS_ROOT:
            os.chown(data_dir / PID_FILE, NOBODY, NOBODY)
        with server as url:
            assert add_row(url) == 1
        assert add_row(other_url) == 1


def test_an_initdb_that_was_killed_leaves_nothing_in_the_way(empty_place: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", OWNER, str(empty_place)], stdin=subprocess.PIPE) as owner:
        half = wait_until(
            lambda: list(empty_place.parent.glob("postgres.new-*/global")), within_s=10, what="initdb has begun"
        )
        owner.kill()
    assert half
    assert not empty_place.exists()
    with EmbeddedPostgres(empty_place) as url:
        assert add_row(url) == 1


@pytest.mark.parametrize("folder", ["x" * 150, "a,b", "it's 100% é"])
def test_every_path_works(tmp_path: Path, cluster: Path, folder: str) -> None:
    place = copy_cluster(cluster, tmp_path / folder / "postgres")
    server = EmbeddedPostgres(place)
    try:
        with server as url:
            assert add_row(url) == 1
    finally:
        end_server(place)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_server_holds_no_lock_of_ours(data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir):
        descriptors = Path(f"/proc/{postmaster(data_dir)}/fd").iterdir()
        assert not [fd for fd in descriptors if str(fd.readlink()).endswith(".lock")]
