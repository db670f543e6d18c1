"""Two recorders on one database: each fills the other's holes, and neither gets in the other's way."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from tests.support.captures import QUERIES, Expected, capture
from tests.support.naive_ledger import problems, read_ledger, spent_ids
from tests.support.processes import PatientSimulatorProgram, RecorderProgram, wait_until
from tests.support.proxy import Proxy
from tests.support.recording import SETTINGS, assert_exact

CAPTURES = ("spot_two_symbols_2021-04-04", "usdm_five_symbols_2021-04-05", "usdm_btcusdt_2023-04-04")
SPEED = 16.0
FAST = {"WS_STALL_S": "2", "WS_FIRST_FRAME_S": "5", "WS_RECONNECT_BACKOFF_MAX_S": "0.5", "LOADER_BACKOFF_MAX_S": "0.5"}
STREAMS = {"trade", "aggTrade", "depth@100ms"}
CHILDREN = ("collector", "loader-postgres")
HEALED = "select distinct stream from gaps where status = 'healed' and healed_by = 'instance:second'"
MISSING = "select stream from gaps where status <> 'healed' and first_missing_id is not null"
IN_TRANSACTION = """
    select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in transaction%'"""
DEADLOCKS = "select deadlocks from pg_stat_database where datname = current_database()"

pytestmark = pytest.mark.timeout(240)


@contextmanager
def recorder(folder: Path, instance: str, url: str, proxy: Proxy) -> Iterator[RecorderProgram]:
    """Run a recorder that has only ``proxy`` between itself and the venue."""
    folder.mkdir(exist_ok=True)
    environment = {"DB_URL": url, "INSTANCE_ID": instance, **proxy.environment(), **SETTINGS, **FAST}
    with RecorderProgram(folder, environment) as program:
        yield program


def records(program: RecorderProgram) -> bool:
    """Say whether all its sockets are open."""
    health = program.health("collector")
    return bool(health.get("connections_wanted")) and health["connections_open"] == health["connections_wanted"]


def kill_all(program: RecorderProgram) -> None:
    """End a recorder and its children at once."""
    pids = [program.health(child)["pid"] for child in CHILDREN]
    program.kill()
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def freeze_loader(program: RecorderProgram, url: str) -> int:
    """Let a loader stand still between two transactions; return its process id."""
    pid = int(program.health("loader-postgres")["pid"])

    def stands_still() -> bool:
        os.kill(pid, signal.SIGSTOP)
        # More than once: what it had said before may still be on its way through a busy server.
        for _ in range(20):
            with psycopg.connect(url) as connection:
                if connection.execute(IN_TRANSACTION).fetchall() != [(0,)]:
                    os.kill(pid, signal.SIGCONT)
                    return False
        return True

    wait_until(stands_still, within_s=20, what="the loader is between two transactions")
    return pid


def missing_streams(url: str) -> set[str]:
    """Return the streams in which something is missing."""
    with psycopg.connect(url) as connection:
        return {stream for (stream,) in connection.execute(MISSING)}


def played(simulator: PatientSimulatorProgram, seconds: float) -> None:
    """Wait until so many seconds of the captures were played."""
    wait_until(
        lambda: simulator.control("status")["played_seconds"] >= seconds, within_s=120, what=f"{seconds} s are played"
    )


def test_two_recorders_one_deaf_and_one_killed_have_everything_together(tmp_path: Path, database_url: str) -> None:
    paths = [capture(name) for name in CAPTURES]
    expected = Expected.of(*paths)
    with (
        PatientSimulatorProgram(tmp_path / "simulator.log", paths, speed=SPEED) as simulator,
        Proxy(simulator.port) as first_line,
        Proxy(simulator.port) as second_line,
    ):
        simulator.control("pause")
        with recorder(tmp_path / "first", "first", database_url, first_line) as first:
            with recorder(tmp_path / "second", "second", database_url, second_line) as second:
                wait_until(lambda: records(first) and records(second), within_s=60, what="both record")
                simulator.control("resume")
                played(simulator, 20)
                # Without REST nobody but the other recorder can bring what one of them misses.
                simulator.control("error_rest?count=100000")
                first_line.deafen()
                loader = freeze_loader(second, database_url)
                played(simulator, 50)
                first_line.mend()
                wait_until(lambda: missing_streams(database_url) == STREAMS, within_s=30, what="its holes are known")
                os.kill(loader, signal.SIGCONT)
                played(simulator, 95)
                kill_all(second)
                simulator.control("pause")
                died_at = simulator.control("status")["played_seconds"]
                simulator.control("resume")
                played(simulator, died_at + 30)
            with recorder(tmp_path / "second", "second", database_url, second_line) as second:
                simulator.wait_finished(within_s=120)
                assert second.stop() == 0
                logs = second.output()
            assert first.stop() == 0
            logs += first.output()
    assert "deadlock" not in logs
    assert_exact(database_url, expected)
    assert problems(read_ledger(database_url), spent_ids(paths)) == []
    with psycopg.connect(database_url) as connection:
        assert connection.execute(MISSING).fetchall() == []
        assert connection.execute(DEADLOCKS).fetchall() == [(0,)]
        assert {stream for (stream,) in connection.execute(HEALED)} == STREAMS
    for program in (first, second):
        own = Expected.of(*program.journal())
        for table in QUERIES:
            assert getattr(own, table).keys() < getattr(expected, table).keys(), "it had no holes to be filled"
