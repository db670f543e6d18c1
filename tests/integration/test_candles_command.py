"""``candles`` as people call it."""

import csv
import io
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
from tests.support.ledger import write
from tests.support.ledger_writer import SECOND
from tests.support.records import NOON


class Done(NamedTuple):
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str


Run: TypeAlias = Callable[..., Done]


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], database_url: str
) -> Iterator[Run]:
    """Give what runs the command on a database with 100 minutes of trades, of which the last has a hole."""
    batch = [records.trade(n, trade_time=NOON + n * 20 * SECOND, price=f"{100 + n}.50") for n in range(300)]
    del batch[298]
    write(database_url, batch)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("DB_URL", database_url)

    def run_command(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["orderflow-recorder", "candles", *arguments])
        code = 0
        try:
            main()
        except SystemExit as ending:
            code = int(ending.code or 0)
        output = capsys.readouterr()
        return Done(code, output.out, output.err)

    yield run_command
    logger.remove()


def test_the_last_sixty_are_a_table_with_the_incomplete_marked(run: Run) -> None:
    done = run("spot", "btcusdt")
    assert (done.code, done.stderr) == (0, "")
    rows = [line for line in done.stdout.splitlines() if "2024-08-08" in line]
    assert len(rows) == 60
    assert "12:40:00" in rows[0]
    assert "13:39:00" in rows[-1]
    assert "399.50" in rows[-1]
    assert "incomplete" in rows[-1]
    assert "incomplete" not in rows[-2]
    assert done.stdout.splitlines()[-1] == "60 candles, 1 incomplete: see `gaps`"


def test_json_has_exact_digits_and_whole_intervals(run: Run) -> None:
    done = run("spot", "BTCUSDT", "--interval", "40m", "--json")
    found = json.loads(done.stdout)
    assert [(one["bucket"], one["trade_count"], one["complete"]) for one in found] == [
        ("2024-08-08T12:00:00Z", 120, True),
        ("2024-08-08T12:40:00Z", 120, True),
        ("2024-08-08T13:20:00Z", 59, False),
    ]
    assert (found[0]["open"], found[0]["high"], found[0]["close"]) == ("100.50", "219.50", "219.50")
    assert found[0]["delta"] == "-0.12000000"


def test_csv_between_two_moments(run: Run) -> None:
    done = run(
        "spot", "BTCUSDT", "--interval", "20s", "--start", "2024-08-08T12:01", "--end", "2024-08-08T12:02", "--csv"
    )
    found = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [one["bucket"] for one in found] == [f"2024-08-08T12:01:{second:02}Z" for second in (0, 20, 40)]
    assert {(one["trade_count"], one["complete"], one["sell_volume"]) for one in found} == {("1", "true", "0.00100000")}


def test_a_symbol_without_trades_has_none(run: Run) -> None:
    assert run("usdm", "BTCUSDT").stdout == "no candles: no trades of usdm BTCUSDT in that time\n"
    assert run("usdm", "BTCUSDT", "--json").stdout == "[]\n"
    assert len(run("usdm", "BTCUSDT", "--csv").stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [["spot"], ["none", "BTCUSDT"], ["spot", "BTCUSDT", "--interval", "5"], ["spot", "BTCUSDT", "--csv", "--json"]],
)
def test_wrong_usage_is_exit_code_2(run: Run, arguments: list[str]) -> None:
    assert run(*arguments).code == 2


def test_help_gives_examples(run: Run) -> None:
    assert "orderflow-recorder candles spot BTCUSDT" in run("--help").stdout
