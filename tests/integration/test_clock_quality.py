"""A wrong clock of the host is measured and loses nothing."""

import asyncio
import json
from pathlib import Path

import psycopg
import pytest

from orderflow_recorder.app import collect
from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.sim.run import SimulatorOptions, make_simulator, recorder_environment
from tests.support.captures import Expected, capture
from tests.support.recording import assert_exact
from tests.support.reports import Reports

BEHIND_NS = 1_270_000_000


class SlowClock(SystemClock):
    """A clock that is behind by as much as that of the host that recorded the capture."""

    def now_ns(self) -> int:
        return super().now_ns() - BEHIND_NS


def test_frames_received_before_they_were_sent_are_recorded_like_all_others(tmp_path: Path, database_url: str) -> None:
    path = capture("spot_btcusdt_2024-08-08")
    settings = load_settings(env_file=None, data_dir=tmp_path)
    replay(settings, database_url, [path], lambda *_: None)
    assert_exact(database_url, Expected.of(path))
    with psycopg.connect(database_url) as connection:
        row = connection.execute("select count(*) from trades where receive_time >= event_time").fetchone()
    assert row == (0,), "the clock of that host was 1.27 s behind the venue's"


async def test_the_offset_is_on_record_in_the_report_and_no_reason_to_drop_a_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "SystemClock", SlowClock)
    async with make_simulator(SimulatorOptions(symbols_spot=1, symbols_usdm=1, rate=20, port=0)) as simulator:
        settings = load_settings(
            env_file=None,
            data_dir=tmp_path,
            symbols_spot="btcusdt",
            symbols_futures="btcusdt",
            **{name.lower(): url for name, url in recorder_environment(simulator).items()},
        )
        stop, reports = asyncio.Event(), Reports()
        running = asyncio.create_task(collect.run_collector(settings, stop, reports.publish))
        await reports.until(
            lambda: (
                len(reports.last.markets) == 2
                and all(market.clock_offset_ms is not None for market in reports.last.markets.values())
            )
        )
        await reports.until(lambda: reports.last.frames > 100 and reports.last.books_synced == 2)
        simulator.control.pause()
        await reports.until(lambda: reports.last.frames >= simulator.control.status()["frames_sent"])
        stop.set()
        assert await running is True
        assert reports.last.bad_frames == 0
    offsets = [market.clock_offset_ms for market in reports.last.markets.values()]
    # The simulator's clock is that of the last frame it played.
    assert all(offset is not None and -1300 < offset < -900 for offset in offsets)
    (segment,) = settings.journal_directory.glob("*.jsonl")
    lines = [json.loads(line) for line in segment.read_text(encoding="utf-8").splitlines()]
    assert [line["d"]["offset_ms"] for line in lines if line.get("event") == "clock_offset"] == offsets
