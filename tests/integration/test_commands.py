"""The commands on the real thing: a demo, a recorder's life with its embedded Postgres, status, replay."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from orderflow_recorder.app.replay import position_key
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.reads import StreamSummary, stream_summary
from tests.support.embedded import end_server
from tests.support.long import LONG
from tests.support.processes import COMMAND, Program, RecorderProgram, SimulatorProgram, wait_until

pytestmark = pytest.mark.timeout(180)

WITHIN_S = 60


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProgram]:
    """Give a venue."""
    with SimulatorProgram(tmp_path_factory.mktemp("simulator") / "log") as running:
        yield running


def command(*arguments: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )


def has_rows(recorder: RecorderProgram) -> bool:
    return bool(recorder.health("loader-postgres").get("figures", {}).get("rows", 0) > 20)


def test_a_demo_records_every_stream_without_holes_and_shows_the_books(tmp_path: Path) -> None:
    environment = {"COLUMNS": "150", "DB_URL": "postgresql://me@production/db"}
    done = command("demo", "--seconds", "4", "--data-dir", "new", folder=tmp_path, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"│ (spot|usdm) +│ (\w+) +│ (\w+) +│ +(\d+) │.*│ +(\d*) │\n", done.stdout)
    counted = {(market, symbol, table): (int(number), holes) for market, symbol, table, number, holes in rows}
    for market in ("spot", "usdm"):
        for symbol in ("BTCUSDT", "ETHUSDT"):
            for table in ("agg_trades", "depth_diffs"):
                number, holes = counted[market, symbol, table]
                assert number > 0
                assert holes == "0"
            assert f"{market} {symbol}: best 5 levels" in done.stdout
    assert "orderflow-recorder db url" in done.stdout
    url = command("db", "url", folder=tmp_path, environment={"DB_URL": "", "DATA_DIR": "new"})
    try:
        assert url.returncode == 0, url.stderr
        with connect(url.stdout.strip()) as connection:
            assert {(str(one.market), one.symbol, one.table) for one in stream_summary(connection)} == set(counted)
    finally:
        end_server(tmp_path / "new" / "postgres")


def test_a_recorders_life_with_the_embedded_postgres(tmp_path: Path, simulator: SimulatorProgram) -> None:
    environment = {**simulator.environment(), "DB_URL": ""}
    data = {"DATA_DIR": str(tmp_path / "data")}
    try:
        with RecorderProgram(tmp_path, environment) as recorder:
            wait_until(lambda: has_rows(recorder), within_s=WITHIN_S, what="rows are in the database")
            status = command("status", "--json", folder=tmp_path, environment={**environment, **data})
            found = json.loads(status.stdout)
            assert (status.returncode, found["problems"]) == (0, [])
            assert {(one["market"], one["table"]) for one in found["streams"]} >= {
                ("spot", "trades"),
                ("spot", "depth_diffs"),
                ("usdm", "agg_trades"),
                ("usdm", "depth_diffs"),
            }
            assert "connect" not in status.stderr
            server = next(
                process for process in psutil.Process(recorder.process.pid).children() if "postgres" in process.name()
            )
            server.kill()
            wait_until(
                lambda: "the embedded Postgres is gone: starting it again" in recorder.output(),
                within_s=WITHIN_S,
                what="the loss is noticed",
            )
            # Its log, not its health, which may tell of what was before the loss.
            wait_until(
                lambda: recorder.output().count("loading from segment") == 2,
                within_s=WITHIN_S,
                what="the loader goes on",
            )
            wait_until(
                lambda: recorder.health("loader-postgres")["figures"]["lag_seconds"] < 1,
                within_s=WITHIN_S,
                what="the loader has caught up",
            )
            assert recorder.stop(within_s=10) == 0
            assert recorder.output().splitlines()[-1].endswith("stopped")
        journal = tmp_path / "data" / "journal" / "main"
        replayed = command("replay", str(journal), folder=tmp_path, environment={**environment, **data})
        assert replayed.returncode == 0, replayed.stderr
        assert re.search(r"│ +0 │ +[\d,]+ │ +0 │ +0 │", replayed.stdout), replayed.stdout
    finally:
        end_server(tmp_path / "data" / "postgres")


@LONG  # test_replay_equality compares every row; this is the command
def test_a_journal_loaded_into_an_empty_database_makes_the_same_tables(
    tmp_path: Path, simulator: SimulatorProgram, database_url: str, empty_database_url: str
) -> None:
    with RecorderProgram(tmp_path, {**simulator.environment(), "DB_URL": database_url}) as recorder:
        wait_until(lambda: has_rows(recorder), within_s=WITHIN_S, what="rows are in the database")
        assert recorder.stop(within_s=10) == 0
    journal = tmp_path / "data" / "journal" / "main"
    for _ in range(2):
        done = command("replay", str(journal), "--db-url", empty_database_url, folder=tmp_path, environment={})
        assert done.returncode == 0, done.stderr
        assert summary(empty_database_url) == summary(database_url)
    with connect(empty_database_url) as connection:
        positions = connection.execute("SELECT instance, sink FROM loader_positions").fetchall()
    assert positions == [("main", position_key(journal))]


def summary(url: str) -> list[StreamSummary]:
    with connect(url) as connection:
        return stream_summary(connection)


def test_the_second_signal_does_not_wait(tmp_path: Path, simulator: SimulatorProgram, database_url: str) -> None:
    environment = {**simulator.environment(), "DB_URL": database_url, "DATA_DIR": str(tmp_path / "data")}
    with Program([], tmp_path / "log", environment) as recorder:
        wait_until(lambda: "loading from" in recorder.output(), within_s=WITHIN_S, what="the recorder runs")
        family = psutil.Process(recorder.process.pid).children()
        for process in family:
            process.suspend()  # nobody drains any more
        recorder.process.send_signal(signal.SIGINT)
        wait_until(lambda: "SIGINT: stopping" in recorder.output(), within_s=10, what="the first signal is seen")
        recorder.process.send_signal(signal.SIGINT)
        assert recorder.process.wait(5) == 0
        assert not any(process.is_running() for process in family)


def test_stopping_takes_no_more_than_ten_seconds_whatever_hangs(tmp_path: Path, simulator: SimulatorProgram) -> None:
    place = tmp_path / "data" / "postgres"
    try:
        with RecorderProgram(tmp_path, {**simulator.environment(), "DB_URL": ""}) as recorder:
            wait_until(lambda: has_rows(recorder), within_s=WITHIN_S, what="rows are in the database")
            family = psutil.Process(recorder.process.pid).children()
            assert len(family) == 3
            for process in family:
                process.suspend()
            assert recorder.stop(within_s=10) == 0
            server = next(process for process in family if process.is_running())
            assert "postgres" in server.name()
            server.resume()
    finally:
        end_server(place)
