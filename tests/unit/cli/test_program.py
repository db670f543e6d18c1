"""The program as people meet it: words and exit codes."""

import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest
from loguru import logger

from orderflow_recorder import __version__
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.cli import main
from tests.support.processes import free_port


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


Run: TypeAlias = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Give what runs a command in an empty folder without settings but those given by name."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")

    def run_command(*arguments: str, **settings: str) -> Done:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["orderflow-recorder", *arguments])
        with pytest.raises(SystemExit) as ending:
            main()
        output = capsys.readouterr()
        return Done(int(ending.value.code or 0), output.out, output.err)

    yield run_command
    logger.remove()


def test_the_version(run: Run) -> None:
    done = run("--version")
    assert (done.code, done.stdout) == (0, f"orderflow-recorder {__version__}\n")


def test_help_names_every_public_command_and_gives_examples(run: Run) -> None:
    done = run("--help")
    assert done.code == 0
    for word in ("run", "demo", "simulate", "db", "status", "replay", "serve", "Examples", "Exit codes"):
        assert word in done.stdout
    assert "_collect" not in done.stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["run", "--nonsense"], ["replay"], ["simulate", "--port", "x"]])
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.code == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [[], ["run"], ["status"], ["db", "check"]])
def test_a_wrong_setting_is_one_line_and_exit_code_2(run: Run, arguments: list[str]) -> None:
    done = run(*arguments, JOURNAL_FLUSH_MS="500")
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr == "error: JOURNAL_FLUSH_MS: expected at most 100, got '500'\n"
    assert list(Path.cwd().iterdir()) == []


def test_a_traceback_is_for_those_who_asked_for_details(run: Run) -> None:
    done = run("run", JOURNAL_FLUSH_MS="500", LOG_LEVEL="DEBUG")
    assert done.code == 2
    assert "Traceback" in done.stderr


def test_status_without_a_recorder_is_exit_code_1_and_starts_nothing(run: Run) -> None:
    done = run("status")
    assert done.code == 1
    assert "no recorder with INSTANCE_ID 'main' runs on this DATA_DIR" in done.stdout
    assert list(Path.cwd().iterdir()) == []


def test_a_port_in_use_is_one_line_and_exit_code_1(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("simulate", "--port", str(port))
    assert done.code == 1
    assert done.stderr.startswith(f"error: cannot listen on 127.0.0.1:{port}: ")
    assert done.stderr.count("\n") == 1


def test_serve_explains_itself_and_refuses_to_be_open_to_the_world(run: Run) -> None:
    done = run("serve", "--help")
    assert done.code == 0
    for word in ("--host", "--port", "API_PORT", "X-API-Key", "docs/api.md"):
        assert word in done.stdout
    done = run("serve", "--host", "0.0.0.0")  # noqa: S104  # that is what must be refused
    assert done.code == 2
    assert done.stderr.startswith("error: API_KEY: expected a key, because 0.0.0.0 can be reached from other machines")
    assert done.stderr.count("\n") == 1
    done = run("serve", "--port", "70000")
    assert done.code == 2


def test_serve_on_a_port_that_is_taken_is_one_line_and_exit_code_1(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port))
    assert done.code == 1
    assert done.stderr.startswith(f"error: cannot listen on 127.0.0.1:{port}: ")
    assert done.stderr.count("\n") == 1


def test_replay_of_nothing_is_one_line_and_exit_code_1(run: Run) -> None:
    done = run("replay", "absent.jsonl")
    assert done.code == 1
    assert "absent.jsonl" in done.stderr
    assert "Traceback" not in done.stderr


def test_db_commands_on_a_database_out_of_reach_are_exit_code_1_without_the_password(run: Run) -> None:
    url = f"postgresql://me:hunter2@127.0.0.1:{free_port()}/db"
    for command in ("check", "upgrade"):
        done = run("db", command, DB_URL=url)
        assert done.code == 1
        assert done.stderr.startswith("error: postgresql://me:***@127.0.0.1:")
        assert "hunter2" not in done.stderr
    done = run("db", "url", DB_URL=url)
    assert (done.code, done.stdout) == (0, f"{url}\n")


def test_a_collector_alone_needs_a_journal_that_another_machine_can_read(run: Run) -> None:
    done = run("run", "--only", "collector")
    assert done.code == 2
    assert "JOURNAL_URL: expected a server such as nats://host:4222, because with --only collector" in done.stderr


def test_a_journal_server_that_is_not_there_is_refused_at_the_first_start(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderflow_recorder.app.recorder.JOURNAL_PATIENCE_S", 0.1)
    done = run("run", "--only", "collector", JOURNAL_URL=f"nats://me:secret@127.0.0.1:{free_port()}")
    assert done.code == 1
    assert "cannot be reached" in done.stderr
    assert "check host and port in JOURNAL_URL" in done.stderr
    assert "secret" not in done.stderr
