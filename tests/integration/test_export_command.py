"""``export`` as people call it."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest
from loguru import logger

from orderflow_recorder.app.settings import Settings
from orderflow_recorder.cli import main
from tests.support import records
from tests.support.exported import data_files
from tests.support.ledger import good_state, write

YEAR = 365 * 86_400 * 10**9


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


Run: TypeAlias = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Give what runs `export` in an empty folder, on a database."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")

    def run_command(url: str, *arguments: str) -> Done:
        if url:
            monkeypatch.setenv("DB_URL", url)
        monkeypatch.setattr(sys, "argv", ["orderflow-recorder", "export", *arguments])
        code = 0
        try:
            main()
        except SystemExit as ending:
            code = int(ending.code or 0)
        output = capsys.readouterr()
        return Done(code, output.out, output.err)

    yield run_command
    logger.remove()


BTC = ("--market", "spot", "--symbol", "btcusdt", "--to", "out")


def test_it_says_what_was_written_and_what_is_missing(run: Run, database_url: str, tmp_path: Path) -> None:
    good_state(database_url)
    done = run(database_url, *BTC)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == "exported 17 rows in 4 files; 2 holes, 12 ids missing, see out/holes.json\n"
    said = json.loads((tmp_path / "out" / "holes.json").read_text())
    assert [len(one["tables"][0]["holes"]) for one in said["partitions"]] == [0, 0, 1, 1]
    assert run(database_url, *BTC).stdout == (
        "exported 17 rows in 4 files, 4 of them there already; 2 holes, 12 ids missing, see out/holes.json\n"
    )


def test_options_choose_table_time_and_format(run: Run, database_url: str, tmp_path: Path) -> None:
    good_state(database_url)
    times = ("--start", "2024-08-08T12:00:00.002", "--end", "2024-08-08T14:00:00.005+02:00")
    done = run(database_url, *BTC, "--table", "trades", "--format", "csv", "--numbers", "float", *times)
    assert done.stdout == "exported 3 rows in 1 files; no holes, see out/holes.json\n"
    (text,) = data_files(tmp_path / "out").values()
    assert text.splitlines()[1].startswith(b"spot,BTCUSDT,2,61737.63,0.001,true,2024-08-08T12:00:00.002000Z,")


def test_receive_times_years_after_the_venues_are_warned_of(run: Run, database_url: str) -> None:
    write(database_url, [records.trade(n, receive_time=records.NOON + YEAR) for n in (1, 2)])
    done = run(database_url, *BTC, "--format", "hftbacktest")
    assert done.code == 0
    assert done.stdout.startswith("warning: everything was received 8,760 hours or more after it happened")


@pytest.mark.parametrize(
    "arguments",
    [
        (*BTC, "--table", "nothing"),
        (*BTC, "--format", "hftbacktest", "--numbers", "exact"),
        (*BTC, "--start", "2024-08-09", "--end", "2024-08-08"),
        (*BTC, "--start", "soon"),
        (*BTC, "--format", "xml"),
        ("--market", "spot", "--to", "out"),
        ("--market", "moon", "--symbol", "BTCUSDT", "--to", "out"),
    ],
)
def test_wrong_usage_is_exit_code_2(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert run("postgresql://nobody@localhost:1/nothing", *arguments).code == 2
    assert not (tmp_path / "out").exists()


def test_nothing_to_export_is_one_line_and_exit_code_1(run: Run, database_url: str) -> None:
    done = run(database_url, *BTC)
    assert (done.code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("error: nothing to export: no rows of spot BTCUSDT in trades")


def test_without_a_database_nothing_is_made(run: Run, tmp_path: Path) -> None:
    done = run("", *BTC)
    assert (done.code, done.stderr.count("\n")) == (1, 1)
    assert list(tmp_path.iterdir()) == []


def test_help_gives_examples(run: Run) -> None:
    done = run("", "--help")
    assert done.code == 0
    assert "orderflow-recorder export --market" in done.stdout
