"""Crash points: nothing where they are not armed, the end where they are."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderflow_recorder.ports import crashpoint
from orderflow_recorder.ports.crashpoint import CrashPoint

PROGRAM = """
import sys
from pathlib import Path
from orderflow_recorder.ports.crashpoint import CrashPoint, arm, reach

arm(CrashPoint.BEFORE_COMMIT, 2, Path(sys.argv[1]).touch)
for _ in range(3):
    reach(CrashPoint.AFTER_COMMIT)
    print("after", flush=True)
    reach(CrashPoint.BEFORE_COMMIT)
    print("before", flush=True)
"""


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    crashpoint.disarm()


def test_points_that_are_not_armed_do_nothing() -> None:
    for point in CrashPoint:
        crashpoint.reach(point)


def test_another_point_than_the_armed_one_does_nothing() -> None:
    crashpoint.arm(CrashPoint.BEFORE_COMMIT, 1)
    for point in set(CrashPoint) - {CrashPoint.BEFORE_COMMIT}:
        crashpoint.reach(point)


def test_the_armed_point_is_passed_until_its_time_has_come_and_then_ends_the_process(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(mark)], capture_output=True, text=True, check=False, timeout=30
    )
    assert ended.returncode == -signal.SIGKILL
    assert ended.stdout.split() == ["after", "before", "after"]
    assert mark.exists()
