"""A symbol that is quiet for long is no gap, no reconnect and no alarm: the real collector and the simulator.

Everything runs ten times as fast: 35 s between two frames are 3.5 s, against deadlines of one and two seconds.
"""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orderflow_recorder.app import collect
from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.sim.run import SimulatorOptions, make_simulator, recorder_environment
from tests.support.reports import Reports

START_MS = 1_723_105_800_000
SPEED = 10.0
QUIET_S = [0, 35, 80]
"""When the quiet symbol speaks, in recorded seconds."""
BUSY_S = [step / 2 for step in range(165)]
ALARMS = {"disconnected", "stalled", "stream_silent", "book_gap", "connect_failed"}


def frames(symbol: str, seconds: Sequence[float]) -> list[dict[str, Any]]:
    """Return what a symbol sends: each time a trade and a diff."""
    lines = []
    for number, second in enumerate(seconds, 1):
        now = START_MS + round(second * 1000)
        trade = {
            "e": "trade",
            "E": now,
            "s": symbol,
            "t": number,
            "p": "1.50",
            "q": "2",
            "T": now,
            "m": True,
            "M": True,
        }
        diff = {
            "e": "depthUpdate",
            "E": now,
            "s": symbol,
            "U": number,
            "u": number,
            "b": [["1.50", str(number)]],
            "a": [],
        }
        lines += [
            {"t": now * 1_000_000, "k": "ws", "market": "spot", "d": {"stream": symbol.lower() + name, "data": data}}
            for name, data in (("@trade", trade), ("@depth@100ms", diff))
        ]
    return lines


def recording(path: Path, *lines: Sequence[dict[str, Any]]) -> Path:
    """Write a recording of several symbols."""
    merged = sorted((line for some in lines for line in some), key=lambda line: int(line["t"]))
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in merged))
    return path


@pytest.mark.parametrize(
    "symbols",
    [
        pytest.param({"QUIETUSDT": QUIET_S}, id="alone"),
        pytest.param({"QUIETUSDT": QUIET_S, "BUSYUSDT": BUSY_S, "ALSOUSDT": BUSY_S}, id="beside busy ones"),
    ],
)
async def test_a_quiet_symbol_is_neither_gap_nor_reconnect(
    tmp_path: Path, database_url: str, symbols: dict[str, list[float]]
) -> None:
    path = recording(tmp_path / "quiet.jsonl", *(frames(symbol, seconds) for symbol, seconds in symbols.items()))
    async with make_simulator(SimulatorOptions([path], speed=SPEED, port=0)) as simulator:
        settings = load_settings(
            env_file=None,
            data_dir=tmp_path,
            symbols_spot=",".join(symbols),
            symbols_futures="",
            ws_first_frame_s=2,
            ws_stall_s=1,
            **{name.lower(): url for name, url in recorder_environment(simulator).items()},
        )
        stop, reports = asyncio.Event(), Reports()
        running = asyncio.create_task(collect.run_collector(settings, stop, reports.publish))
        expected = 2 * sum(map(len, symbols.values()))
        await reports.until(lambda: reports.last.frames >= expected, within_s=40)
        assert (reports.last.reconnects, reports.last.streams_silent, reports.last.last_error) == (0, 0, "")
        stop.set()
        assert await running is True
    await asyncio.to_thread(replay, settings, database_url, [settings.journal_directory], lambda *_: None)
    with psycopg.connect(database_url) as connection:
        events = {event for (event,) in connection.execute("select distinct event from sync_events").fetchall()}
        gaps = connection.execute("select * from gaps").fetchall()
        covered = connection.execute("select symbol, stream, first_id, last_id from coverage order by 1, 2").fetchall()
    assert not events & ALARMS
    assert gaps == []
    assert {row for row in covered if row[1] == "trade"} == {
        (symbol, "trade", 1, len(seconds)) for symbol, seconds in symbols.items()
    }
