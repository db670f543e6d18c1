"""Healing with the real programs: what a recorder missed comes from the venue's REST, by itself or on demand."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.processes import COMMAND, RecorderProgram, SimulatorProgram, free_port, wait_until
from tests.support.proxy import Proxy

SYNTHETIC = ("--symbols-spot", "2", "--symbols-usdm", "1", "--rate", "40")
SETTINGS = {
    "SYMBOLS_SPOT": "BTCUSDT,ETHUSDT",
    "SYMBOLS_FUTURES": "BTCUSDT",
    "SPOT_STREAMS_TRADES": "trade,aggTrade",
    "FUTURES_STREAMS_TRADES": "aggTrade",
}
STREAMS = {("spot", "BTCUSDT", "trade"), ("spot", "BTCUSDT", "aggTrade"), ("usdm", "BTCUSDT", "aggTrade")} | {
    ("spot", "ETHUSDT", "trade"),
    ("spot", "ETHUSDT", "aggTrade"),
}
LAST_IDS = """
select market, symbol, 'trade', max(trade_id), count(*) = max(trade_id) - min(trade_id) + 1
from trades group by market, symbol
union all
select market, symbol, 'aggTrade', max(agg_trade_id), count(*) = max(agg_trade_id) - min(agg_trade_id) + 1
from agg_trades group by market, symbol
"""
GAPS = """
select market, symbol, stream, status, healed_by from gaps where stream in ('trade', 'aggTrade')
"""

pytestmark = pytest.mark.timeout(120)


def last_ids(url: str) -> dict[Any, int]:
    """Return the highest id of each stream recorded."""
    with psycopg.connect(url) as connection:
        return {row[:3]: row[3] for row in connection.execute(LAST_IDS)}


def assert_whole(url: str) -> None:
    with psycopg.connect(url) as connection:
        whole = {row[:3]: row[4] for row in connection.execute(LAST_IDS)}
    assert whole == dict.fromkeys(STREAMS, True)


def gaps(url: str) -> list[tuple[Any, ...]]:
    """Return market, symbol, stream, status and healer of each gap of trades."""
    with psycopg.connect(url) as connection:
        return connection.execute(GAPS).fetchall()


def wait_for_rows(url: str, beyond: Mapping[Any, int], *, more: int = 100) -> None:
    """Wait until every stream has moved on by ``more`` ids."""
    wait_until(
        lambda: (found := last_ids(url)).keys() == STREAMS and all(found[s] > beyond.get(s, 0) + more for s in found),
        within_s=40,
        what="rows of every stream arrive",
    )


def wait_for_trades(simulator: SimulatorProgram, number: int) -> None:
    """Wait until the venue has ``number`` more trades."""
    before = simulator.control("truth?market=spot&symbol=BTCUSDT")["lastTradeId"]
    wait_until(
        lambda: simulator.control("truth?market=spot&symbol=BTCUSDT")["lastTradeId"] > before + number,
        within_s=30,
        what="the venue trades on",
    )


def heal(folder: Path, settings: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command beside, or after, the recorder on ``folder``."""
    environment = {"DATA_DIR": str(folder / "data"), "PYTHONPATH": ":".join(sys.path), "COLUMNS": "200", **settings}
    return subprocess.run(
        [*COMMAND, "heal", *arguments], capture_output=True, text=True, check=False, env=environment, timeout=60
    )


def test_the_hole_since_the_last_run_and_lost_frames_are_healed_by_themselves(
    tmp_path: Path, database_url: str
) -> None:
    with SimulatorProgram(tmp_path / "simulator.log", *SYNTHETIC) as simulator:
        settings = {"DB_URL": database_url, **simulator.environment(), **SETTINGS}
        with RecorderProgram(tmp_path, settings) as recorder:
            wait_for_rows(database_url, {})
            assert recorder.stop() == 0
        wait_for_trades(simulator, 200)
        before = last_ids(database_url)
        with RecorderProgram(tmp_path, settings) as recorder:
            simulator.control("lose?pattern=*rade&probability=0.05&seconds=2")
            wait_for_rows(database_url, before, more=300)
            wait_until(
                lambda: (
                    {gap[:3] for gap in gaps(database_url)} == STREAMS
                    and all(gap[3:] == ("healed", "rest") for gap in gaps(database_url))
                ),
                within_s=40,
                what="every gap is healed",
            )
            assert recorder.stop() == 0
        assert_whole(database_url)


def test_heal_on_demand_while_the_recorder_runs_and_after(tmp_path: Path, database_url: str) -> None:
    with (
        SimulatorProgram(tmp_path / "simulator.log", *SYNTHETIC) as simulator,
        Proxy(simulator.port) as rest_line,
    ):
        right = {"DB_URL": database_url, **simulator.environment(), **SETTINGS}
        without = {name: url for name, url in rest_line.environment().items() if "_REST_" in name}
        with RecorderProgram(tmp_path, {**right, **without}) as recorder:
            wait_for_rows(database_url, {}, more=0)
            rest_line.cut()
            simulator.control("lose?pattern=*rade&probability=0.05&seconds=60")
            wait_for_rows(database_url, {}, more=200)
            some = heal(tmp_path, right, "--market", "spot", "--symbol", "btcusdt", "--stream", "trade")
            assert (some.returncode, "BTCUSDT" in some.stdout) == (0, True), some.stdout + some.stderr
            healed = {gap[:3] for gap in gaps(database_url) if gap[3] == "healed"}
            assert healed == {("spot", "BTCUSDT", "trade")}
            assert recorder.stop() == 0
        rest = heal(tmp_path, right)
        assert rest.returncode == 0, rest.stdout + rest.stderr
        assert "still open" in rest.stdout
        assert all(gap[3:] == ("healed", "rest") for gap in gaps(database_url))
        assert_whole(database_url)
        nothing = heal(tmp_path, right)
        assert (nothing.returncode, nothing.stdout) == (0, "nothing to heal\n")
        # The journal of what healing brought is there beside the recorder's.
        assert list((tmp_path / "data" / "journal" / "main-heal").glob("*.jsonl"))


def test_without_a_database_it_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    done = heal(tmp_path, {"DB_URL": f"postgresql://me:hunter2@127.0.0.1:{free_port()}/db"})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: postgresql://me:***@127.0.0.1")
    assert done.stderr.count("\n") == 1
    nothing = heal(tmp_path, {"DB_URL": ""})
    assert (nothing.returncode, nothing.stderr.count("\n")) == (1, 1)
    assert "nothing has been recorded here" in nothing.stderr


def test_wrong_usage_is_exit_code_2(tmp_path: Path) -> None:
    assert heal(tmp_path, {}, "--from", "yesterday").returncode == 2
    assert heal(tmp_path, {}, "--market", "coinm").returncode == 2


def test_an_archive_that_is_not_there_is_one_line_and_exit_code_1(tmp_path: Path, database_url: str) -> None:
    done = heal(tmp_path, {"DB_URL": database_url}, "--archive", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "expected a folder or a URL of archive files" in done.stderr
