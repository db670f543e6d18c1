"""Each alert, provoked: a real recorder and its venue's faults, seen and judged by a real Prometheus."""

import json
import os
import signal
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.support.health_port import Port
from tests.support.long import LONG
from tests.support.nats_server import NatsServer
from tests.support.processes import RecorderProgram, SimulatorProgram, wait_until
from tests.support.prometheus import OBSERVABILITY, Prometheus, alert_names, promtool
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.timeout(300)

WITHIN_S = 40
KEY = "a-key-of-some-length"
OLD_GAP = """
INSERT INTO gaps (market, symbol, stream, first_missing_id, last_missing_id, from_time, to_time, cause, status,
                  opened_at, instance)
VALUES ('usdm', 'BTCUSDT', 'aggTrade', 1, 5, %(at)s, %(at)s, 'restart', 'open', %(at)s, 'main')
"""
VENUE = ("StreamSilent", "SocketsMissing", "BooksOutOfStep", "ManyReconnects", "BadFrames")
LEDGER = ("OpenGapsAge", "OpenGapsNearlyLost", "RecordsRefused", "LedgerUnreadable")
DATABASE = ("LoaderWithoutDatabase", "LoaderLagGrows")
GONE = ("ProcessDown", "RecorderDown")
DISK = ("NotRecording", "DiskLow", "DiskFullInADay")
VENUE_TIME_AND_WEIGHT = ("ClockOff", "RequestWeightHigh")
JOURNAL = ("JournalServerAway",)


def test_each_alert_is_provoked_here() -> None:
    provoked = (*VENUE, *LEDGER, *DATABASE, *GONE, *DISK, *VENUE_TIME_AND_WEIGHT, *JOURNAL)
    assert sorted(provoked) == sorted(alert_names())


@contextmanager
def watched(folder: Path, environment: dict[str, str]) -> Iterator[tuple[RecorderProgram, Port, Prometheus]]:
    """Give a recorder with a port, and the Prometheus that watches it."""
    port = Port()
    environment = {"PORT": str(port.number), "API_KEY": KEY, **environment}
    with (
        Prometheus(folder / "prometheus", port.number, KEY) as prometheus,
        RecorderProgram(folder, environment) as recorder,
    ):
        wait_until(lambda: prometheus.query("up == 1"), within_s=WITHIN_S, what="Prometheus sees the recorder")
        yield recorder, port, prometheus


@contextmanager
def database_away(url: str) -> Iterator[None]:
    """Let nobody into a database for a while."""
    name = urlsplit(url).path.lstrip("/")
    admin_url = urlsplit(url)._replace(path="/postgres").geturl()
    change = sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}")
    with psycopg.connect(admin_url, autocommit=True) as connection:
        connection.execute(change.format(sql.Identifier(name), sql.SQL("false")))
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        try:
            yield
        finally:
            connection.execute(change.format(sql.Identifier(name), sql.SQL("true")))


@LONG  # beside other tests a recorder is not always well
def test_a_recorder_that_is_well_raises_no_alert_and_every_panel_has_its_answer(
    tmp_path: Path, database_url: str
) -> None:
    with (
        SimulatorProgram(tmp_path / "simulator.log") as simulator,
        watched(tmp_path, {**simulator.environment(), "DB_URL": database_url}) as (_, port, prometheus),
    ):
        wait_until(port.is_ready, within_s=WITHIN_S, what="the recorder is ready")
        seen = "count_over_time(orderflow_ready[1m]) > 10 and orderflow_ready == 1"
        wait_until(lambda: prometheus.query(seen), within_s=WITHIN_S, what="it was watched for some time")
        promtool("check", "metrics", text=port.ask("/metrics", X_API_Key=KEY)[1])
        # What fires at once here waits for minutes in earnest, as a recorder that starts is not well yet.
        wait_until(lambda: not prometheus.firing(), within_s=120, what="no alert fires")
        for path in sorted((OBSERVABILITY / "grafana" / "dashboards").glob("*.json")):
            for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
                for target in panel.get("targets", []):
                    expression = target["expr"].replace("$__rate_interval", "10s").replace("$instance", ".+")
                    assert_answered(prometheus, expression)


def assert_answered(prometheus: Prometheus, expression: str) -> None:
    """Check that an expression is one, and that it has an answer where there should be one."""
    prometheus.query(expression)
    # A recorder that is well has neither gaps nor alerts, and here no journal's server.
    if not any(word in expression for word in ("gap", "ALERTS", "forwarder")):
        wait_until(lambda: prometheus.query(expression), within_s=20, what=f"{expression} has an answer")


@LONG
def test_what_venue_database_and_processes_do(tmp_path: Path, database_url: str) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute(OLD_GAP, {"at": datetime.now(UTC) - timedelta(hours=43)})
    with SimulatorProgram(tmp_path / "simulator.log") as simulator:
        simulator.control("lose?pattern=spot:*@trade&probability=1&seconds=45")
        environment = {
            **simulator.environment(),
            "DB_URL": database_url,
            "SYMBOLS_FUTURES": "",
            "WS_FIRST_FRAME_S": "3",
            "WS_RECONNECT_BACKOFF_S": "0.1",
            "WS_RECONNECT_BACKOFF_MAX_S": "0.5",
            "LOADER_BACKOFF_MAX_S": "2",
        }
        with watched(tmp_path, environment) as (recorder, _, prometheus):
            prometheus.wait_firing("StreamSilent", "OpenGapsAge", "OpenGapsNearlyLost")
            simulator.control("malform?pattern=spot:btcusdt@depth*&count=3")
            simulator.control("malform?pattern=spot:ethusdt@depth*&count=1&kind=types")
            prometheus.wait_firing("BadFrames", "RecordsRefused")
            with database_away(database_url):
                provoke_without_database(simulator, recorder, prometheus)
            wait_until(lambda: "LoaderLagGrows" not in prometheus.firing(), within_s=WITHIN_S, what="it catches up")
            assert recorder.stop(within_s=10) == 0
            prometheus.wait_firing("RecorderDown")


def lose_a_socket(simulator: SimulatorProgram, recorder: RecorderProgram, prometheus: Prometheus) -> None:
    """Cut the socket once it is open, and wait until that is counted."""
    opened = "orderflow_sockets_open == orderflow_sockets_wanted"
    wait_until(lambda: prometheus.query(opened), within_s=WITHIN_S, what="the socket is open again")
    before = recorder.health("collector")["reconnects"]
    simulator.control("drop")
    wait_until(
        lambda: recorder.health("collector").get("reconnects", 0) > before,
        within_s=WITHIN_S,
        what="the loss is counted",
    )


def provoke_without_database(simulator: SimulatorProgram, recorder: RecorderProgram, prometheus: Prometheus) -> None:
    """Provoke what needs the venue and processes alone while the journal grows."""
    prometheus.wait_firing("LoaderWithoutDatabase", "LedgerUnreadable")
    simulator.control("refuse?seconds=6")
    simulator.control("drop")
    prometheus.wait_firing("SocketsMissing", "BooksOutOfStep")
    for times in range(1, 16):
        lose_a_socket(simulator, recorder, prometheus)
        assert recorder.health("collector")["reconnects"] >= times
    prometheus.wait_firing("ManyReconnects")
    collector = recorder.health("collector")["pid"]
    os.kill(collector, signal.SIGSTOP)
    try:
        prometheus.wait_firing("ProcessDown")
    finally:
        os.kill(collector, signal.SIGCONT)
    prometheus.wait_firing("LoaderLagGrows", within_s=90)


def test_what_the_disk_does(tmp_path: Path, database_url: str) -> None:
    with (
        small_disk(tmp_path / "data") as disk,
        SimulatorProgram(tmp_path / "simulator.log") as simulator,
        watched(tmp_path, {**simulator.environment(), "DB_URL": database_url}) as (recorder, _, prometheus),
    ):
        wait_until(lambda: recorder.health("collector").get("frames"), within_s=WITHIN_S, what="frames arrive")
        wait_until(lambda: prometheus.query("orderflow_frames_total > 0"), within_s=WITHIN_S, what="they are seen")
        with (disk / "filler").open("wb", buffering=0) as filler:
            with suppress(OSError):
                while filler.write(bytes(4096)):
                    pass
            filler.truncate(filler.tell() - 2**15)  # as others fill disks: what a process says of itself still fits
        prometheus.wait_firing("NotRecording", "DiskLow", "DiskFullInADay", within_s=90)
        (disk / "filler").unlink()
        wait_until(lambda: "NotRecording" not in prometheus.firing(), within_s=WITHIN_S, what="recording goes on")


class OtherRest(ThreadingHTTPServer):
    """The simulator's REST, two seconds ahead, and for an address that somebody else spends from, too."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        """Listen, in front of the simulator's ``port``."""
        self.upstream = port
        super().__init__(("127.0.0.1", 0), _OtherRestHandler)

    def __enter__(self) -> Self:
        """Answer."""
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        """Return where it is."""
        return f"http://127.0.0.1:{self.server_port}"


class _OtherRestHandler(BaseHTTPRequestHandler):
    server: OtherRest

    def do_GET(self) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.server.upstream}{self.path}", timeout=10) as answer:
            body = answer.read()
        if self.path.startswith("/api/v3/time"):
            body = json.dumps({"serverTime": json.loads(body)["serverTime"] + 2000}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-MBX-USED-WEIGHT-1M", "4700")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_what_the_venues_time_and_its_count_of_requests_do(tmp_path: Path, database_url: str) -> None:
    with SimulatorProgram(tmp_path / "simulator.log") as simulator, OtherRest(simulator.port) as rest:
        environment = {
            **simulator.environment(),
            "BINANCE_REST_SPOT_BASE_URL": rest.url,
            "DB_URL": database_url,
            "SYMBOLS_FUTURES": "",
        }
        with watched(tmp_path, environment) as (_, _, prometheus):
            prometheus.wait_firing("ClockOff", "RequestWeightHigh", within_s=60)


def test_what_the_journals_server_does(tmp_path: Path, database_url: str) -> None:
    with (
        NatsServer(tmp_path / "nats") as server,
        SimulatorProgram(tmp_path / "simulator.log") as simulator,
        watched(tmp_path, {**simulator.environment(), "DB_URL": database_url, "JOURNAL_URL": server.url}) as (
            _,
            port,
            prometheus,
        ),
    ):
        wait_until(port.is_ready, within_s=WITHIN_S, what="the recorder is ready")
        wait_until(lambda: "JournalServerAway" not in prometheus.firing(), within_s=WITHIN_S, what="it is well")
        server.kill()
        prometheus.wait_firing("JournalServerAway")
        server.start()
        wait_until(lambda: "JournalServerAway" not in prometheus.firing(), within_s=60, what="it is well again")
