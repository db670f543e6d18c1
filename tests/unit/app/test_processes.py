"""What every child process does around its work."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from orderflow_recorder.app.health import ProcessHealth, read_health
from orderflow_recorder.app.processes import publisher, watch_parent
from orderflow_recorder.app.settings import Settings, load_settings
from orderflow_recorder.app.shards import COLLECTOR, FORWARDER, LOADER, health_path
from tests.support.processes import COMMAND, free_port, wait_until


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(env_file=None, data_dir=tmp_path)


def test_the_end_of_the_pipe_is_the_end_of_the_parent() -> None:
    reading, writing = os.pipe()
    gone = threading.Event()
    thread = watch_parent(reading, gone.set)
    assert not gone.is_set()
    os.close(writing)
    assert gone.wait(10)
    thread.join(10)


def test_health_goes_to_the_instances_folder(settings: Settings, tmp_path: Path) -> None:
    publisher(settings, LOADER)(ProcessHealth(pid=1, started_at=2, updated_at=3))
    assert health_path(settings, LOADER) == tmp_path / "run" / "main" / "loader-postgres.json"
    assert read_health(health_path(settings, LOADER), ProcessHealth) is not None


def test_health_that_cannot_be_written_stops_nobody(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    publisher(settings, LOADER)(ProcessHealth(pid=1, started_at=2, updated_at=3))


def test_health_says_since_when_its_error_is_there(settings: Settings) -> None:
    publish = publisher(settings, LOADER)
    said = (("", 0), ("no disk", 20), ("no disk", 20), ("no database", 40), ("", 40), ("no database", 60))
    for time, (error, since) in enumerate(said, 1):
        publish(ProcessHealth(pid=1, started_at=2, updated_at=10 * time, last_error=error))
        told = read_health(health_path(settings, LOADER), ProcessHealth)
        assert told is not None
        assert (told.last_error, told.last_error_at) == (error, since)


@contextmanager
def child(command: str, environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Give a hidden command that runs, and the parent's end of its pipe."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [*COMMAND, command, "--parent-fd", str(reading)],
        env={**os.environ, **environment},
        pass_fds=[reading],
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(reading)
    try:
        yield process, writing
    finally:
        process.kill()
        process.communicate()


def unreachable(settings: Settings) -> dict[str, str]:
    """Return settings that point at a venue and a database that nobody runs."""
    address = f"127.0.0.1:{free_port()}"
    names = ("SPOT", "FUTURES")
    urls = {f"BINANCE_WS_{name}_BASE_URL": f"ws://{address}" for name in names}
    urls |= {f"BINANCE_REST_{name}_BASE_URL": f"http://{address}" for name in names}
    return {**settings.environment(), **urls, "DB_URL": f"postgresql://me:hunter2@{address}/db"}


def without_server(settings: Settings) -> dict[str, str]:
    """Return the same, with the journal on a server that nobody runs."""
    return {**unreachable(settings), "JOURNAL_URL": f"nats://me:hunter2@127.0.0.1:{free_port()}"}


@pytest.mark.parametrize(
    ("command", "process", "surroundings"),
    [
        ("_collect", COLLECTOR, unreachable),
        ("_forward", FORWARDER, without_server),
        ("_load", LOADER, unreachable),
        ("_load", LOADER, without_server),
    ],
)
@pytest.mark.parametrize("how", ["SIGTERM", "parent gone"])
def test_a_child_ends_cleanly_when_it_is_told_to_or_its_parent_is_gone(
    settings: Settings, command: str, process: str, surroundings: Callable[[Settings], dict[str, str]], how: str
) -> None:
    with child(command, surroundings(settings)) as (running, parent_end):
        wait_until(health_path(settings, process).exists, within_s=20, what="the child says how it is")
        if how == "SIGTERM":
            running.send_signal(signal.SIGTERM)
        else:
            os.close(parent_end)
        _, said = running.communicate(timeout=20)
        assert running.returncode == 0, said
        assert "hunter2" not in said
    if how == "SIGTERM":
        os.close(parent_end)


def test_ctrl_c_at_the_terminal_is_for_the_parent_alone(settings: Settings) -> None:
    with child("_load", unreachable(settings)) as (running, parent_end):
        wait_until(health_path(settings, LOADER).exists, within_s=20, what="the child says how it is")
        running.send_signal(signal.SIGINT)
        running.send_signal(signal.SIGTERM)
        running.communicate(timeout=20)
        assert running.returncode == 0
        os.close(parent_end)


def test_an_unexpected_error_is_one_line_and_exit_code_1(settings: Settings) -> None:
    settings.journal_directory.mkdir(parents=True)
    (settings.journal_directory / "sinks").write_text("in the way")
    with child("_load", unreachable(settings)) as (running, parent_end):
        _, said = running.communicate(timeout=20)
        os.close(parent_end)
    assert running.returncode == 1
    assert "unexpected error (FileExistsError" in said
    assert "Traceback" not in said


def test_a_child_stops_dead_where_a_test_asks_it_to_and_only_once(settings: Settings, tmp_path: Path) -> None:
    request = tmp_path / "crash"
    request.write_text("journal.fsync.before:1")
    environment = {**unreachable(settings), "ORDERFLOW_CRASH_FILE": str(request)}
    with child("_collect", environment) as (running, parent_end):
        _, said = running.communicate(timeout=20)
        os.close(parent_end)
    assert running.returncode == -signal.SIGKILL, said
    assert not request.exists()
