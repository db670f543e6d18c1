"""Outside of its recording window the recorder sleeps: real programs, real sockets, real ledger."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from orderflow_recorder.app import collect
from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.sim.run import SimulatorOptions, make_simulator, recorder_environment
from tests.support.processes import Program, RecorderProgram, SimulatorProgram, wait_until
from tests.support.reports import Reports


def test_started_outside_of_its_window_the_recorder_sleeps_and_ends_at_once(tmp_path: Path, database_url: str) -> None:
    opens = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(hours=2)
    closes = opens + timedelta(hours=1)
    with SimulatorProgram(tmp_path / "simulator.log") as simulator:
        environment = {
            "DB_URL": database_url,
            **simulator.environment(),
            "WINDOW_START_HHMM": f"{opens:%H%M}",
            "WINDOW_END_HHMM": f"{closes:%H:%M}",
            "WINDOW_END_DAY_OFFSET": str(int(closes.time() < opens.time())),
        }
        with RecorderProgram(tmp_path, environment) as recorder:
            wait_until(
                lambda: recorder.health("collector").get("ingestion") == "asleep",
                within_s=20,
                what="the recorder sleeps",
            )
            wait_until(
                lambda: recorder.health("loader-postgres").get("figures", {}).get("connected"),
                within_s=20,
                what="the loader has the database",
            )
            assert simulator.control("status")["sockets"] == []
            status = Program(["status"], tmp_path / "status.log", {"DATA_DIR": str(recorder.data), **environment})
            assert status.process.wait(20) == 0, status.output()
            assert f"asleep until {opens:%Y-%m-%d %H:%M} UTC" in status.output()
            began = time.monotonic()
            assert recorder.stop(within_s=10) == 0
            assert time.monotonic() - began < 5
        assert simulator.control("status")["frames_sent"] == 0
    with psycopg.connect(database_url) as connection:
        found = connection.execute(
            "select (detail->>'until')::numeric from sync_events where event = 'window_closed'"
        ).fetchall()
    assert [datetime.fromtimestamp(int(until) / 1e9, UTC) for (until,) in found] == [opens]


class ShiftedClock(SystemClock):
    """The machine's clock, with another time of day."""

    shift_ns = 0

    def now_ns(self) -> int:
        return super().now_ns() + self.shift_ns


async def test_the_hole_of_a_window_is_registered_with_its_cause_and_both_sides_of_it_are_whole(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_midnight = datetime.now(UTC).replace(hour=23, minute=59, second=56)
    monkeypatch.setattr(ShiftedClock, "shift_ns", round(before_midnight.timestamp() * 1e9) - time.time_ns())
    monkeypatch.setattr(collect, "SystemClock", ShiftedClock)
    async with make_simulator(SimulatorOptions(symbols_spot=1, symbols_usdm=1, rate=50, port=0)) as simulator:
        settings = load_settings(
            env_file=None,
            data_dir=tmp_path,
            symbols_spot="btcusdt",
            symbols_futures="btcusdt",
            window_start_hhmm="0001",
            window_end_hhmm="0000",
            window_end_day_offset=1,
            **{name.lower(): url for name, url in recorder_environment(simulator).items()},
        )
        stop = asyncio.Event()
        reports = Reports()
        running = asyncio.create_task(collect.run_collector(settings, stop, reports.publish))
        await reports.until(lambda: reports.last.books_synced == 2)
        await reports.until(lambda: reports.last.ingestion == "asleep")
        await reports.until(lambda: simulator.control.status()["sockets"] == [])
        sent = simulator.control.status()["frames_sent"]
        monkeypatch.setattr(ShiftedClock, "shift_ns", ShiftedClock.shift_ns + 54 * 1_000_000_000)
        await reports.until(lambda: reports.last.ingestion == "recording" and reports.last.connections_open == 3)
        await reports.until(lambda: simulator.control.status()["frames_sent"] > sent + 100)
        stop.set()
        assert await running is True
    await asyncio.to_thread(replay, settings, database_url, [settings.journal_directory], lambda *_: None)
    with psycopg.connect(database_url) as connection:
        gaps = connection.execute("select market, stream, cause from gaps order by market, stream").fetchall()
        events = connection.execute(
            "select event from sync_events where event in ('window_closed', 'window_opened') order by time"
        ).fetchall()
    assert gaps == [
        ("spot", "depth@100ms", "window"),
        ("spot", "trade", "window"),
        ("usdm", "aggTrade", "window"),
        ("usdm", "depth@100ms", "window"),
    ]
    assert events == [("window_closed",), ("window_opened",)]
