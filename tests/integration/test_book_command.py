"""``book`` as people call it."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest
from loguru import logger

from orderflow_recorder.app.settings import Settings
from orderflow_recorder.cli import main
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.connection import connect
from tests.support.book_flow import BookFlow
from tests.support.database import new_database


class Done(NamedTuple):
    """What the command left behind."""

    code: int
    stdout: str
    stderr: str


Run: TypeAlias = Callable[..., Done]


@pytest.fixture(scope="module")
def url(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """Give a database with a book, a hole, and a book again; the last diff is of 12:00:00.800."""
    with new_database(postgres_url, template=postgres_template) as address, connect(address) as connection:
        flow = BookFlow(address, connection, "BTCUSDT", Market.SPOT)
        flow.write(
            flow.diff(1),
            flow.snapshot(10, {"99.90": "1.50", "99.80": "2"}, {"100.10": "0.25"}),
            flow.diff(2, {"99.70": "7"}, {"100.20": "3"}),
            flow.diff(3),
        )
        flow.write(flow.diff(6), flow.snapshot(70, {"98": "1"}, {}), flow.diff(7), flow.diff(8))
        flow.close()
        yield address


@pytest.fixture
def run(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Give what runs the command in an empty folder with that database alone."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DB_URL", url)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")

    def run_command(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["orderflow-recorder", "book", *arguments])
        code = 0
        try:
            main()
        except SystemExit as ending:
            code = int(ending.code or 0)
        output = capsys.readouterr()
        return Done(code, output.out, output.err)

    yield run_command
    logger.remove()


def cells(done: Done) -> list[list[str]]:
    """Return the rows of the ladder."""
    lines = [line for line in done.stdout.splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in lines]


def test_a_ladder_has_asks_above_bids_sums_spread_and_what_is_unknown(run: Run) -> None:
    done = run("spot", "btcusdt", "--at", "2024-08-08T12:00:00.2")
    assert cells(done) == [
        ["ask", "100.20", "3", "3.25", "?"],
        ["ask", "100.10", "0.25", "0.25", ""],
        ["mid", "100.00", "spread", "0.20", ""],
        ["bid", "99.90", "1.50", "1.50", ""],
        ["bid", "99.80", "2", "3.50", ""],
        ["bid", "99.70", "7", "10.50", "?"],
    ]
    assert "spot BTCUSDT at 2024-08-08 12:00:00.200 UTC" in done.stdout
    assert "? beyond the edge of what is known" in done.stdout
    assert done.stdout.endswith("trusted: snapshot 10 and 1 diff after it, to update id 20\n")
    assert (done.code, done.stderr) == (0, "")


def test_levels_and_another_time_zone(run: Run) -> None:
    done = run("spot", "BTCUSDT", "--at", "2024-08-08T14:00:00.150+02:00", "--levels", "1")
    assert [row[1] for row in cells(done)] == ["100.10", "100.00", "99.90"]
    assert "?" not in done.stdout


def test_without_a_time_it_is_the_newest_book(run: Run) -> None:
    done = run("spot", "BTCUSDT")
    assert "at 2024-08-08 12:00:00.800 UTC" in done.stdout
    assert cells(done) == [["", "", "a side is empty", "", ""], ["bid", "98", "1", "1", ""]]
    assert "\ntrusted: snapshot 70" in done.stdout
    assert done.code == 0


def test_after_the_last_diff_it_is_the_book_of_then(run: Run) -> None:
    done = run("spot", "BTCUSDT", "--at", "2026-01-01")
    assert "\nnot trusted: after the last recorded diff (2024-08-08 12:00:00.800000 UTC)" in done.stdout
    assert done.code == 0


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        ("2024-08-08T12:00:00.4", "inside a hole from update id 31 to 50 of depth@100ms, cause venue_skipped"),
        ("2024-08-08T12:00:00.65", "no snapshot since a hole from update id 31 to 50"),
        ("2024-08-08", "nothing recorded before"),
    ],
)
def test_where_there_is_no_trusted_book_the_reason_is_said(run: Run, at: str, reason: str) -> None:
    done = run("spot", "BTCUSDT", "--at", at)
    assert (done.code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: no trusted book at 2024-08-08 ")
    assert reason in done.stderr
    machine = run("spot", "BTCUSDT", "--at", at, "--json")
    found = json.loads(machine.stdout)
    assert (machine.code, machine.stderr, found["trusted"], found["checkpoint"]) == (1, "", False, None)
    assert found["reason"] in done.stderr


def test_json_has_exact_numbers(run: Run) -> None:
    done = run("spot", "BTCUSDT", "--at", "2024-08-08T12:00:00.2", "--levels", "1", "--json")
    assert json.loads(done.stdout) == {
        "market": "spot",
        "symbol": "BTCUSDT",
        "at": "2024-08-08T12:00:00.200000Z",
        "trusted": True,
        "checkpoint": 10,
        "reason": "snapshot 10 and 1 diff after it, to update id 20",
        "spread": "0.20",
        "mid": "100.00",
        "bids": [{"price": "99.90", "quantity": "1.50", "cumulated": "1.50", "known": True}],
        "asks": [{"price": "100.10", "quantity": "0.25", "cumulated": "0.25", "known": True}],
    }


def test_a_symbol_that_is_not_recorded(run: Run) -> None:
    done = run("usdm", "BTCUSDT")
    assert done.code == 1
    assert done.stderr.startswith(
        "error: no book of usdm BTCUSDT: expected diffs of its depth stream, the database has"
    )


def test_wrong_usage(run: Run) -> None:
    for arguments in (["spot"], ["margin", "BTCUSDT"], ["spot", "BTCUSDT", "--levels", "0"]):
        assert run(*arguments).code == 2
    assert "orderflow-recorder book spot BTCUSDT --json" in run("--help").stdout
