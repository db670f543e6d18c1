"""``gaps``, ``coverage`` and ``verify`` as people call them."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest
from loguru import logger

from orderflow_recorder.app.settings import Settings
from orderflow_recorder.cli import main
from orderflow_recorder.postgres.connection import connect
from tests.support import records
from tests.support.ledger import good_state, write


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
    monkeypatch.setenv("COLUMNS", "100")

    def run_command(*arguments: str, **settings: str) -> Done:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["orderflow-recorder", *arguments])
        code = 0
        try:
            main()
        except SystemExit as ending:
            code = int(ending.code or 0)
        output = capsys.readouterr()
        return Done(code, output.out, output.err)

    yield run_command
    logger.remove()


@pytest.fixture
def url(database_url: str) -> str:
    """Give the address of a database with holes, one of them healed."""
    good_state(database_url)
    write(
        database_url,
        [records.trade(n, symbol="ETHUSDT") for n in (1, 4)],
        [records.trade(n, symbol="ETHUSDT", event_time=None) for n in (2, 3)],
    )
    return database_url


def test_gaps_are_listed_newest_first_with_a_line_of_totals(run: Run, url: str) -> None:
    done = run("gaps", DB_URL=url)
    assert done.code == 0
    lines = done.stdout.splitlines()
    assert any("6..7" in line and "open" in line for line in lines)
    assert any("31..40" in line and "unrecoverable" in line and "past book changes" in line for line in lines)
    assert any("2..3" in line and "healed" in line for line in lines)
    assert lines[-1] == "5 gaps: 1 open (2 ids), 1 healed (2 ids), 3 unrecoverable (21 ids)"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--market", "usdm"], 2),
        (["--symbol", "ethusdt"], 1),
        (["--stream", "depth@100ms"], 2),
        (["--status", "open"], 1),
        (["--since", "2024-08-09"], 0),
        (["--until", "2024-08-08T14:00:00+02:00"], 0),
        (["--since", "2024-08-08", "--until", "2024-08-09"], 5),
    ],
)
def test_gaps_as_json_can_be_filtered(run: Run, url: str, arguments: list[str], expected: int) -> None:
    done = run("gaps", "--json", *arguments, DB_URL=url)
    assert done.code == 0
    found = json.loads(done.stdout)
    assert len(found) == expected
    assert [one["from_time"] for one in found] == sorted((one["from_time"] for one in found), reverse=True)


def test_gaps_as_json_have_every_column(run: Run, url: str) -> None:
    (gap,) = json.loads(run("gaps", "--json", "--status", "open", DB_URL=url).stdout)
    assert (gap["market"], gap["symbol"], gap["stream"], gap["first_missing_id"], gap["last_missing_id"]) == (
        "spot", "BTCUSDT", "trade", 6, 7,
    )  # fmt: skip
    with connect(url) as connection:
        columns = connection.execute("SELECT * FROM gaps LIMIT 0").description
    assert columns is not None
    assert gap.keys() == {column.name for column in columns}
    assert gap["from_time"].endswith("Z")


def test_coverage_is_a_table_and_a_chart(run: Run, url: str) -> None:
    done = run("coverage", DB_URL=url)
    assert done.code == 0
    assert "80.0000 %" in done.stdout
    assert "spot BTCUSDT trade" in done.stdout
    assert "missing: open" in done.stdout
    chart = done.stdout.split("UTC, ", 1)[1].splitlines()
    assert all(len(line) <= 100 for line in chart)


def test_coverage_as_json(run: Run, url: str) -> None:
    (found,) = json.loads(run("coverage", "--json", "--market", "usdm", "--stream", "trade", DB_URL=url).stdout)
    assert (found["first_id"], found["last_id"], found["rows"], found["missing_ids"]) == (1, 8, 6, 1)
    assert found["covered_share"] == pytest.approx(7 / 8)
    assert json.loads(run("coverage", "--json", "--symbol", "none", DB_URL=url).stdout) == []


def test_verify_holds(run: Run, url: str) -> None:
    done = run("verify", DB_URL=url)
    assert done.code == 0
    assert "holds: 8 streams, 32 rows, 23 ids missing and registered" in done.stdout
    assert "--journal looks them up" in done.stdout
    assert done.stderr == ""


def test_verify_names_the_first_counter_example_and_fails(run: Run, url: str) -> None:
    with connect(url) as connection:
        connection.execute("DELETE FROM trades WHERE symbol = 'BTCUSDT' AND market = 'spot' AND trade_id = 9")
    done = run("verify", DB_URL=url)
    assert done.code == 1
    assert (
        "counter-example (a hole is registered): table trades, spot BTCUSDT trade, ids 9 to 9\n"
        "  expected each id in a row or in a gap\n"
        "  found    id 9 in neither\n"
    ) in done.stdout
    done = run("verify", "--json", DB_URL=url)
    assert done.code == 1
    result = json.loads(done.stdout)
    assert result["holds"] is False
    assert result["counter_example"]["first_id"] == 9


def test_verify_looks_spent_ids_up_in_a_journal(run: Run, url: str, tmp_path: Path) -> None:
    data = {"e": "trade", "E": 1, "T": 1, "s": "BTCUSDT", "t": 5, "p": "0", "q": "0", "X": "NA", "m": True}
    frame = {"stream": "btcusdt@trade", "data": data}
    path = tmp_path / "journal.jsonl"
    path.write_text(json.dumps({"t": 2, "k": "ws", "market": "usdm", "d": frame}) + "\n")
    done = run("verify", "--journal", str(path), "--market", "usdm", DB_URL=url)
    assert done.code == 0
    assert "1 (1 in the journal)" in done.stdout
    assert "looks them up" not in done.stdout
    path.write_text(path.read_text().replace('"p": "0", "q": "0"', '"p": "3", "q": "1"'))
    done = run("verify", "--journal", str(path), DB_URL=url)
    assert done.code == 1
    assert "ids 5 to 5" in done.stdout


@pytest.mark.parametrize("command", ["gaps", "coverage", "verify"])
def test_a_database_without_schema_is_one_line_and_exit_code_1(run: Run, command: str, empty_database_url: str) -> None:
    done = run(command, DB_URL=empty_database_url)
    assert (done.code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "orderflow-recorder db upgrade" in done.stderr


@pytest.mark.parametrize("command", ["gaps", "coverage", "verify"])
def test_without_a_database_nothing_is_made(run: Run, command: str, tmp_path: Path) -> None:
    done = run(command)
    assert (done.code, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "nothing has been recorded here" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["gaps", "coverage", "verify"])
def test_help_gives_examples(run: Run, command: str) -> None:
    done = run(command, "--help")
    assert done.code == 0
    assert "Examples" in done.stdout
    assert f"orderflow-recorder {command} --" in done.stdout


@pytest.mark.parametrize(
    "arguments", [["gaps", "--since", "soon"], ["gaps", "--status", "x"], ["verify", "--market", "x"]]
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).code == 2
