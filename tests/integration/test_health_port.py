"""The port of a real recorder: health, metrics, keys, and clients that mean no good."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.health_port import Port
from tests.support.processes import RecorderProgram, SimulatorProgram, wait_until

pytestmark = pytest.mark.timeout(150)

WITHIN_S = 40
KEY, OTHER = "a-key-of-some-length", "another-key-of-some-length"


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProgram]:
    """Give a venue that works."""
    with SimulatorProgram(tmp_path_factory.mktemp("simulator") / "log") as running:
        yield running


def test_a_recorder_from_start_to_stop(tmp_path: Path, simulator: SimulatorProgram, database_url: str) -> None:
    port = Port()
    environment = {**simulator.environment(), "DB_URL": database_url, "PORT": str(port.number)}
    with RecorderProgram(tmp_path, environment) as recorder:
        wait_until(lambda: port.ask("/health/live")[0] == 200, within_s=WITHIN_S, what="the port answers")
        if not port.is_ready():
            assert port.health("ready")["reasons"]
        wait_until(port.is_ready, within_s=WITHIN_S, what="the recorder is ready")
        assert port.health("ready") == {"ready": True, "reasons": []}
        wait_until(lambda: port.value("orderflow_loader_rows_total"), within_s=WITHIN_S, what="rows are counted")
        wait_until(lambda: port.value("orderflow_ledger_readable"), within_s=WITHIN_S, what="the ledger was read")
        assert port.value("orderflow_frames_total", market="spot")
        assert port.value("orderflow_rest_weight_limit", market="usdm")
        assert port.value("orderflow_table_size_bytes", table="trades")
        assert port.value("orderflow_loader_read_bytes_total")
        memory = port.value("orderflow_process_resident_memory_bytes")
        assert memory is not None
        assert memory < 300e6
        assert port.ask("/metrics", "HEAD") == (200, "")
        assert port.ask("/metrics", "POST")[0] == 405
        assert port.ask("/nothing")[0] == 404

        recorder.kill_child("collector")
        wait_until(lambda: not port.is_ready(), within_s=WITHIN_S, what="the loss is seen")
        assert port.ask("/health/live")[0] == 200
        wait_until(port.is_ready, within_s=WITHIN_S, what="the recorder is well again")
        assert port.value("orderflow_process_up", process="collector") == 1
        assert recorder.stop(within_s=10) == 0
        assert port.ask("/health/live")[0] == 0
        assert "Traceback" not in recorder.output()


def test_keys_open_the_metrics_and_are_in_no_log(
    tmp_path: Path, simulator: SimulatorProgram, database_url: str
) -> None:
    port = Port()
    environment = {**simulator.environment(), "DB_URL": database_url, "PORT": str(port.number)}
    environment |= {"API_KEY": f"{KEY},{OTHER}", "LOG_LEVEL": "DEBUG", "LOG_DIR": str(tmp_path / "logs")}
    with RecorderProgram(tmp_path, environment) as recorder:
        wait_until(port.is_ready, within_s=WITHIN_S, what="the recorder is ready")
        assert port.ask("/metrics")[0] == 401
        assert port.ask(f"/metrics?key={KEY}", X_API_Key="wrong")[0] == 401
        assert port.ask("/metrics", X_API_Key=KEY)[0] == 200
        assert port.ask("/metrics", Authorization=f"Bearer {OTHER}")[0] == 200
        assert recorder.stop(within_s=10) == 0
        written = recorder.output()
    written += "".join(path.read_text() for path in (tmp_path / "logs").rglob("*") if path.is_file())
    written += "".join(path.read_text() for path in recorder.journal())
    assert "supervisor" in written
    assert KEY not in written
    assert OTHER not in written


def other_address() -> str:
    """Return an address of this machine that is not loopback, or skip."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but its loopback")
        return str(probe.getsockname()[0])


def test_without_a_key_another_machine_sees_health_alone(
    tmp_path: Path, simulator: SimulatorProgram, database_url: str
) -> None:
    port = Port(other_address())
    environment = {**simulator.environment(), "DB_URL": database_url, "PORT": str(port.number), "PORT_HOST": "0.0.0.0"}  # noqa: S104  # that is what is tested
    with RecorderProgram(tmp_path, environment):
        wait_until(port.is_ready, within_s=WITHIN_S, what="the recorder is ready")
        status, said = port.ask("/metrics")
        assert status == 403
        assert "set API_KEY" in said


def test_a_port_in_use_ends_the_start(tmp_path: Path, simulator: SimulatorProgram, database_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = str(taken.getsockname()[1])
        environment = {**simulator.environment(), "DB_URL": database_url, "PORT": number}
        with RecorderProgram(tmp_path, environment) as recorder:
            assert recorder.process.wait(WITHIN_S) == 1
            last_line = recorder.output().splitlines()[-1]
            assert f"PORT: cannot listen on 127.0.0.1:{number}: Address already in use; " in last_line
            assert "choose another PORT" in last_line
            assert "started (pid" not in recorder.output()


def test_asleep_outside_of_the_window_is_ready(tmp_path: Path, simulator: SimulatorProgram, database_url: str) -> None:
    port = Port()
    opens = datetime.now(UTC) + timedelta(hours=6)
    window = {"WINDOW_START_HHMM": f"{opens:%H%M}", "WINDOW_END_HHMM": f"{opens + timedelta(hours=1):%H%M}"}
    window["WINDOW_END_DAY_OFFSET"] = str(int((opens + timedelta(hours=1)).date() != opens.date()))
    environment = {**simulator.environment(), "DB_URL": database_url, "PORT": str(port.number), **window}
    with RecorderProgram(tmp_path, environment):
        wait_until(
            lambda: port.value("orderflow_collector_state", state="asleep"),
            within_s=WITHIN_S,
            what="the recorder sleeps",
        )
        wait_until(port.is_ready, within_s=WITHIN_S, what="asleep is ready")


def test_clients_that_mean_no_good_cost_the_recording_nothing(
    tmp_path: Path, simulator: SimulatorProgram, database_url: str
) -> None:
    port = Port()
    environment = {**simulator.environment(), "DB_URL": database_url, "PORT": str(port.number)}
    with RecorderProgram(tmp_path, environment) as recorder, ExitStack() as lines:
        wait_until(port.is_ready, within_s=WITHIN_S, what="the recorder is ready")
        for number in range(100):
            line = lines.enter_context(socket.create_connection(("127.0.0.1", port.number), timeout=10))
            line.sendall((b"GET /metr", b"\x00" * 3000, b"GET / HTTP/1.1\r\nX: ", b"")[number % 4])
        before = recorder.health("collector")["frames"]
        assert port.is_ready()
        threads = len(list(Path(f"/proc/{recorder.process.pid}/task").iterdir()))
        assert threads < 30
        wait_until(
            lambda: recorder.health("collector")["frames"] > before + 100, within_s=WITHIN_S, what="frames go on coming"
        )
        assert recorder.health("collector")["reconnects"] == 0
        assert recorder.stop(within_s=10) == 0


def test_no_port_is_the_default(tmp_path: Path, simulator: SimulatorProgram, database_url: str) -> None:
    with RecorderProgram(tmp_path, {**simulator.environment(), "DB_URL": database_url}) as recorder:
        wait_until(lambda: recorder.health("collector").get("frames"), within_s=WITHIN_S, what="frames arrive")
        assert "health and metrics" not in recorder.output()
