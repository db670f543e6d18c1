"""The status that `serve` tells: how often it looks, and times as words."""

import threading
from pathlib import Path

import pytest

from orderflow_recorder.app import serve_status
from orderflow_recorder.app.serve_status import STATUS_S, STORED_S, Remembered, StatusReader, with_times
from orderflow_recorder.app.settings import Settings, load_settings
from orderflow_recorder.app.status import Stored
from orderflow_recorder.app.storage_status import DiskOutlook
from orderflow_recorder.domain.errors import SinkUnavailableError
from tests.support.manual_clock import ManualClock


def test_the_status_is_looked_at_once_for_all_who_ask_at_about_the_same_time() -> None:
    clock = ManualClock()
    looks: list[float] = []

    def look() -> dict[str, float]:
        looks.append(clock.elapsed_s)
        return {"at": clock.elapsed_s}

    reader = Remembered(look, clock, 2)
    for second in (0, 0.5, 1.9, 2.0, 3.9, 10):
        clock.elapsed_s = second
        assert reader.get()["at"] == looks[-1]
    assert looks == [0, 2.0, 10]


def test_a_slow_look_at_the_status_keeps_nobody_waiting() -> None:
    clock = ManualClock()
    looking, go_on = threading.Event(), threading.Event()

    def look() -> dict[str, float]:
        if clock.elapsed_s:
            looking.set()
            assert go_on.wait(20)
        return {"at": clock.elapsed_s}

    reader = Remembered(look, clock, 2)
    assert reader.get() == {"at": 0}
    clock.elapsed_s = 5
    slow = threading.Thread(target=reader.get)
    slow.start()
    assert looking.wait(20)
    assert reader.get() == {"at": 0}
    go_on.set()
    slow.join(20)
    assert reader.get() == {"at": 5}


def test_times_of_a_status_are_words() -> None:
    status = {
        "time": 1_800_000_000_123_456_789,
        "supervisor": {"pid": 7, "started_at": 0, "parts": ["collector"]},
        "collector": {"asleep_until": None, "frames": 5},
        "tables": [{"table": "trades", "time": 1}],
        "problems": [],
    }
    assert with_times(status) == {
        "time": "2027-01-15T08:00:00.123456Z",
        "supervisor": {"pid": 7, "started_at": "1970-01-01T00:00:00.000000Z", "parts": ["collector"]},
        "collector": {"asleep_until": None, "frames": 5},
        "tables": [{"table": "trades", "time": "1970-01-01T00:00:00.000000Z"}],
        "problems": [],
    }


def test_the_database_is_asked_less_often_than_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = ManualClock()
    asked: list[float] = []

    def read(_settings: Settings, _now_ns: int) -> Stored:
        asked.append(clock.elapsed_s)
        if len(asked) == 2:
            msg = "away"
            raise SinkUnavailableError(msg)
        return [], [], DiskOutlook("/", "a disk", 1, None, None)

    monkeypatch.setattr(serve_status, "read_stored", read)
    reader = StatusReader(load_settings(env_file=None, data_dir=tmp_path, db_url="postgresql://me@host/db"), clock)
    for step in range(12):
        clock.elapsed_s = step * STATUS_S
        problems = reader.read()["problems"]
        assert ("away" in problems) is (asked[-1] == clock.elapsed_s and len(asked) == 2)
    # A failure is not remembered: it may be over.
    assert asked == [0, 16, 18]
    assert STORED_S == 15
