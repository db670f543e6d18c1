"""The main job through a JetStream server, with the real programs, on one machine and on several."""

import os
import subprocess
from functools import partial
from pathlib import Path

import psycopg
import pytest

from orderflow_recorder.journal.jetstream.progress import passed
from tests.support.captures import Expected, capture
from tests.support.jetstream import on_server
from tests.support.nats_server import NatsServer
from tests.support.processes import COMMAND, Program, RecorderProgram, SimulatorProgram, wait_until
from tests.support.recording import SETTINGS, assert_exact, count, loaded

pytestmark = pytest.mark.timeout(120)


class HalfProgram(RecorderProgram):
    """``orderflow-recorder run --only`` collector or loader, with a data folder of its own."""

    def __init__(self, half: str, folder: Path, environment: dict[str, str]) -> None:
        """Start it."""
        self.data = folder / "data"
        self.instance = "main"
        folder.mkdir()
        environment = {"DATA_DIR": str(self.data), **environment}
        Program.__init__(self, ["run", "--only", half], folder / "recorder.log", environment, command=COMMAND)


def assert_well(program: RecorderProgram, environment: dict[str, str]) -> None:
    """Check what ``status`` says of a half, and that asking starts no database beside it."""
    environment = {**os.environ, **environment, "DATA_DIR": str(program.data)}
    done = subprocess.run([*COMMAND, "status"], env=environment, capture_output=True, text=True, check=False)
    assert "problem" not in done.stdout
    assert "published  up to segment 1" in done.stdout
    assert done.returncode == 0, done.stderr
    assert not (program.data / "postgres").exists()


def has_more(url: str, table: str, floor: int) -> bool:
    return count(url, table) > floor


def test_killing_server_forwarder_and_loader_in_mid_run_loses_nothing(tmp_path: Path, database_url: str) -> None:
    path = capture("usdm_five_symbols_2021-04-05")
    expected = Expected.of(path)
    with (
        NatsServer(tmp_path / "nats") as server,
        SimulatorProgram(tmp_path / "simulator.log", str(path), "--speed", "10") as simulator,
        RecorderProgram(
            tmp_path,
            {
                "DB_URL": database_url,
                "JOURNAL_URL": server.url,
                "LOADER_SHARDS": "2",
                **simulator.environment(),
                **SETTINGS,
            },
        ) as recorder,
    ):
        wait_until(partial(has_more, database_url, "depth_diffs", 500), within_s=60, what="rows arrive")
        server.kill()
        frames = recorder.health("collector")["frames"]
        wait_until(
            lambda: recorder.health("collector")["frames"] > frames + 2000, within_s=30, what="recording goes on"
        )
        wait_until(
            lambda: "cannot be reached" in recorder.health("forwarder")["last_error"],
            within_s=30,
            what="health says so",
        )
        server.start()
        rows = count(database_url, "depth_diffs")
        wait_until(partial(has_more, database_url, "depth_diffs", rows), within_s=30, what="rows arrive again")
        recorder.kill_child("forwarder")
        recorder.kill_child("loader-postgres.1of2")
        server.kill()
        server.start()
        simulator.wait_finished(within_s=60)
        wait_until(loaded(database_url, expected), within_s=30, what="every row is in the database")
        assert recorder.stop(within_s=10) == 0
        assert_exact(database_url, expected)


def test_a_collector_and_two_loaders_on_three_machines_record_exactly(tmp_path: Path, database_url: str) -> None:
    path = capture("usdm_five_symbols_2021-04-05")
    expected = Expected.of(path)
    with NatsServer(tmp_path / "nats") as server:
        shared = {"DB_URL": database_url, "JOURNAL_URL": server.url, **SETTINGS, "WS_FIRST_FRAME_S": "600"}
        with (
            SimulatorProgram(tmp_path / "simulator.log", str(path), "--speed", "20") as simulator,
            HalfProgram("collector", tmp_path / "one", {**shared, **simulator.environment()}) as collector,
            HalfProgram("loader", tmp_path / "two", shared) as first,
            HalfProgram("loader", tmp_path / "three", shared) as second,
        ):
            wait_until(partial(has_more, database_url, "depth_diffs", 500), within_s=60, what="rows arrive")
            assert_well(collector, shared | {"DB_URL": ""})
            first.kill_child("loader-postgres")
            simulator.wait_finished(within_s=60)
            wait_until(loaded(database_url, expected), within_s=30, what="every row is in the database")
            loaders = [loader.health("loader-postgres")["figures"] for loader in (first, second)]
            assert sum(loader["reconnects"] for loader in loaders) > 0, "the database refused neither"
            assert collector.health("loader-postgres") == first.health("collector") == {}
            for program in (collector, first, second):
                assert program.stop(within_s=10) == 0
        assert_exact(database_url, expected)
        ends = on_server(server.url, "main", lambda link: link.state())
        consumer = on_server(server.url, "main", lambda link: link.manager.consumer_info(link.stream, "sink-postgres"))
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select count(*) from loader_positions").fetchone() == (1,)
    assert passed(consumer) == ends.last_seq, "the server knows what is loaded"
