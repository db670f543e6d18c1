"""What people see when something does not work: one clear line, and an exit code."""

import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from loguru import logger
from psycopg import sql

from orderflow_recorder.app.recorder import run
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.postgres import schema
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.embedded import EmbeddedPostgres
from tests.support.processes import Program, RecorderProgram, SimulatorProgram, free_port, wait_until
from tests.support.small_disk import small_disk

pytestmark = pytest.mark.timeout(120)

ROOT = Path(__file__).parents[2]
WITHIN_S = 40


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProgram]:
    """Give a venue that works."""
    with SimulatorProgram(tmp_path_factory.mktemp("simulator") / "log") as running:
        yield running


def nobody_there() -> dict[str, str]:
    """Return the settings of a venue that nobody runs."""
    address = f"127.0.0.1:{free_port()}"
    names = ("SPOT", "FUTURES")
    urls = {f"BINANCE_WS_{name}_BASE_URL": f"ws://{address}" for name in names}
    return urls | {f"BINANCE_REST_{name}_BASE_URL": f"http://{address}" for name in names}


def assert_refused(folder: Path, environment: dict[str, str], *said: str, code: int = 1) -> None:
    """Start a recorder and check that it ends by itself with ``code``, saying each of ``said`` in its last line."""
    with RecorderProgram(folder, environment) as recorder:
        assert recorder.process.wait(WITHIN_S) == code, recorder.output()
        last_line = recorder.output().splitlines()[-1]
        assert "Traceback" not in recorder.output()
        assert "hunter2" not in recorder.output()
    for words in said:
        assert words in last_line


def pretend_it_has_recorded(folder: Path) -> None:
    journal = folder / "data" / "journal" / "main"
    journal.mkdir(parents=True)
    (journal / "00000001.jsonl").touch()


def test_an_unknown_stream(tmp_path: Path) -> None:
    assert_refused(
        tmp_path,
        {"SPOT_STREAMS_TRADES": "trades"},
        "error: SPOT_STREAMS_TRADES: unknown spot stream 'trades': expected trade, aggTrade, depth",
        code=2,
    )
    assert not (tmp_path / "data").exists()


def test_contradictory_settings(tmp_path: Path) -> None:
    assert_refused(
        tmp_path,
        {"SPOT_STREAMS_DEPTH": "depth,depth@100ms"},
        "error: SPOT_STREAMS_DEPTH: expected one speed of the depth stream, got depth, depth@100ms",
        code=2,
    )


def test_a_venue_out_of_reach_on_the_first_start(tmp_path: Path, database_url: str) -> None:
    venue = nobody_there()
    url = venue["BINANCE_REST_SPOT_BASE_URL"]
    assert_refused(
        tmp_path, {**venue, "DB_URL": database_url}, f"venue unreachable: spot at {url}/api/v3/time", "usdm at"
    )


def test_a_venue_out_of_reach_later_is_tried_for_ever(tmp_path: Path, database_url: str) -> None:
    pretend_it_has_recorded(tmp_path)
    with RecorderProgram(tmp_path, {**nobody_there(), "DB_URL": database_url}) as recorder:
        wait_until(
            lambda: recorder.health("loader-postgres").get("figures", {}).get("connected"),
            within_s=WITHIN_S,
            what="the recorder runs all the same",
        )
        assert "venue unreachable" in recorder.output()
        assert recorder.stop(within_s=10) == 0


def test_a_database_out_of_reach_on_the_first_start(tmp_path: Path, simulator: SimulatorProgram) -> None:
    port = free_port()
    url = f"postgresql://me:hunter2@127.0.0.1:{port}/orderflow"
    environment = {**simulator.environment(), "DB_URL": url}
    assert_refused(tmp_path, environment, "database unreachable", f"port {port}", "refused", "check host and port")


def test_a_database_out_of_reach_later_is_tried_for_ever(tmp_path: Path, simulator: SimulatorProgram) -> None:
    pretend_it_has_recorded(tmp_path)
    url = f"postgresql://me:hunter2@127.0.0.1:{free_port()}/orderflow"
    with RecorderProgram(tmp_path, {**simulator.environment(), "DB_URL": url}) as recorder:
        wait_until(lambda: recorder.health("collector").get("frames"), within_s=WITHIN_S, what="frames are journaled")
        assert "database unreachable" in recorder.output()
        assert recorder.stop(within_s=10) == 0
        assert "hunter2" not in recorder.output()


def test_a_wrong_password(tmp_path: Path, simulator: SimulatorProgram, data_dir: Path) -> None:
    with EmbeddedPostgres(data_dir, log=lambda _line: None) as admin_url:
        rules = data_dir / "pg_hba.conf"
        rules.write_text("local all recorder scram-sha-256\n" + rules.read_text())
        with connect(admin_url) as connection:
            connection.execute("CREATE ROLE recorder LOGIN PASSWORD 'right'")
            connection.execute("SELECT pg_reload_conf()")
        parts = urlsplit(admin_url)
        url = urlunsplit(parts._replace(netloc="recorder:hunter2@"))
        wait_until(lambda: _refuses(url), within_s=10, what="the server asks for passwords")
        environment = {**simulator.environment(), "DB_URL": url}
        assert_refused(tmp_path, environment, "password authentication failed", "check user and password in DB_URL")
        pretend_it_has_recorded(tmp_path / "later")
        assert_refused(tmp_path / "later", environment, "password authentication failed")


def _refuses(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return True
    return False


def test_a_missing_database(tmp_path: Path, simulator: SimulatorProgram, postgres_url: str) -> None:
    url = urlunsplit(urlsplit(postgres_url)._replace(path="/nosuch"))
    environment = {**simulator.environment(), "DB_URL": url}
    assert_refused(tmp_path, environment, 'database "nosuch" does not exist', "create the database")


def set_revision(url: str, revision: str) -> None:
    with connect(url) as connection:
        connection.execute(sql.SQL("UPDATE alembic_version SET version_num = {}").format(sql.Literal(revision)))


def test_a_newer_schema(tmp_path: Path, simulator: SimulatorProgram, database_url: str) -> None:
    set_revision(database_url, "9999_future")
    environment = {**simulator.environment(), "DB_URL": database_url}
    assert_refused(tmp_path, environment, "the schema is at 9999_future", "update orderflow-recorder")


def test_an_old_schema(
    tmp_path: Path,
    simulator: SimulatorProgram,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    head = schema.check(database_url).head
    monkeypatch.setattr(schema, "REVISIONS", (*schema.REVISIONS, "9999_next"))
    urls = {name.lower(): url for name, url in simulator.environment().items()}
    settings = load_settings(env_file=None, data_dir=tmp_path / "data", db_url=database_url, **urls)
    assert run(settings) == 1
    last_line = capfd.readouterr().err.splitlines()[-1]
    assert f"the schema is at {head}, expected 9999_next: run `orderflow-recorder db upgrade`" in last_line
    logger.remove()


def test_a_table_that_somebody_has_changed(tmp_path: Path, simulator: SimulatorProgram, database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("ALTER TABLE depth_diffs DROP COLUMN bid_prices")
    with RecorderProgram(tmp_path, {**simulator.environment(), "DB_URL": database_url}) as recorder:
        assert recorder.process.wait(WITHIN_S) == 1
        assert "the schema is not this version's; run `orderflow-recorder db upgrade`" in recorder.output()
        assert "loader-postgres gave up" in recorder.output().splitlines()[-1]


def test_an_empty_database_gets_the_schema(
    tmp_path: Path, simulator: SimulatorProgram, empty_database_url: str
) -> None:
    with RecorderProgram(tmp_path, {**simulator.environment(), "DB_URL": empty_database_url}) as recorder:
        wait_until(
            lambda: recorder.health("loader-postgres").get("figures", {}).get("rows"),
            within_s=WITHIN_S,
            what="rows are in the database",
        )
        assert recorder.stop(within_s=10) == 0


def test_a_full_disk(tmp_path: Path, simulator: SimulatorProgram, database_url: str) -> None:
    with small_disk(tmp_path / "data") as disk:
        (disk / "filler").write_bytes(bytes(1_030_000))
        environment = {**simulator.environment(), "DB_URL": database_url}
        assert_refused(tmp_path, environment, "disk full", "bytes free, the journal needs", "free some space")


def test_a_recorder_that_is_stopped_while_the_disk_is_full(
    tmp_path: Path, simulator: SimulatorProgram, database_url: str
) -> None:
    with small_disk(tmp_path / "data") as disk:
        environment = {**simulator.environment(), "DB_URL": database_url}
        with RecorderProgram(tmp_path, environment) as recorder:
            wait_until(lambda: recorder.health("collector").get("frames"), within_s=WITHIN_S, what="frames arrive")
            with suppress(OSError), (disk / "filler").open("wb", buffering=0) as filler:
                while filler.write(bytes(4096)):
                    pass
            wait_until(lambda: "disk full" in recorder.output(), within_s=WITHIN_S, what="recording stops")
            assert recorder.stop(within_s=10) == 1
            lines = recorder.output().splitlines()
        assert "Traceback" not in recorder.output()
    assert any("stopped while the disk was full: what came since then is not recorded" in line for line in lines)
    assert "collector ended with exit code 1: see its last line above" in lines[-1]


def test_a_second_recorder_on_the_same_folder(tmp_path: Path, simulator: SimulatorProgram, database_url: str) -> None:
    environment = {**simulator.environment(), "DB_URL": database_url}
    with RecorderProgram(tmp_path, environment) as first:
        wait_until(lambda: first.health("supervisor"), within_s=WITHIN_S, what="the first recorder runs")
        pid = str(first.process.pid)
        with Program([], tmp_path / "second.log", {**environment, "DATA_DIR": str(first.data)}) as second:
            assert second.process.wait(WITHIN_S) == 1
            assert f"another recorder with INSTANCE_ID 'main' runs on this DATA_DIR (pid {pid}," in second.output()
        assert first.stop(within_s=10) == 0


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with Program(["simulate", "--port", str(port)], tmp_path / "log") as simulator:
            assert simulator.process.wait(WITHIN_S) == 1
            assert f"error: cannot listen on 127.0.0.1:{port}" in simulator.output()


def test_malformed_frames_are_kept_counted_and_stop_nothing(tmp_path: Path, database_url: str) -> None:
    with (
        SimulatorProgram(tmp_path / "simulator.log") as simulator,
        RecorderProgram(tmp_path, {**simulator.environment(), "DB_URL": database_url}) as recorder,
    ):
        wait_until(lambda: recorder.health("collector").get("frames"), within_s=WITHIN_S, what="frames arrive")
        simulator.control("malform?pattern=spot:*@trade&count=3")
        wait_until(
            lambda: recorder.health("collector").get("bad_frames") == 3, within_s=WITHIN_S, what="they are counted"
        )
        assert recorder.stop(within_s=10) == 0
    with connect(database_url) as connection:
        found = connection.execute("SELECT detail FROM sync_events WHERE event = 'unparsable_frame'").fetchall()
    assert len(found) == 3
    assert all(detail["reason"] and detail["segment"] == 1 for (detail,) in found)
    assert sum('"k":"bad"' in line for line in recorder.journal()[0].read_text().splitlines()) == 3
