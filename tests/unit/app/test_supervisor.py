"""Child processes: real ones, small Python programs that say what happens to them in files."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest

from orderflow_recorder.app.supervisor import ChildFailedError, ChildRefusedError, ChildSpec, Supervisor
from orderflow_recorder.app.threads import in_thread
from tests.support.processes import wait_until

PROLOGUE = """
import os, pathlib, signal, sys, threading, time
def say(text):
    with open(os.environ["DIARY"], "a") as diary:
        diary.write(text + "\\n")
pipe = int(sys.argv[sys.argv.index("--parent-fd") + 1])
"""
DRAINS = """
signal.signal(signal.SIGTERM, lambda *_: (say(NAME + " drained"), sys.exit(0)))
say(NAME + " started")
while True: signal.pause()
"""
STOPS_WITH_ANOTHER = """
def stop(*_):
    say(NAME + " stops")
    while pathlib.Path(os.environ["DIARY"]).read_text().count("stops") < 2: time.sleep(0.01)
    say(NAME + " drained")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
say(NAME + " started")
while True: signal.pause()
"""
STUBBORN = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
say(NAME + " started")
while True: signal.pause()
"""
FAILS = """
say(NAME + " started")
sys.stderr.write("last words\\n")
sys.exit(CODE)
"""
WATCHES_PARENT = """
say(NAME + " started")
while os.read(pipe, 1): pass
say(NAME + " is alone")
"""


class Diary:
    """What the children have written."""

    def __init__(self, path: Path) -> None:
        """Keep the path of the file, which need not exist yet."""
        self.path = path

    def lines(self) -> list[str]:
        """Return what is there."""
        return self.path.read_text().splitlines() if self.path.exists() else []

    async def wait_for(self, enough: Callable[[list[str]], bool]) -> None:
        """Wait until the lines are ``enough``."""
        await in_thread(lambda: wait_until(lambda: enough(self.lines()), within_s=20, what="the children wrote it"))


@pytest.fixture
def diary(tmp_path: Path) -> Diary:
    return Diary(tmp_path / "diary")


def child(
    diary: Diary, name: str, body: str, *, drain_s: float = 10, code: int = 1, stage: str = "", finite: bool = False
) -> ChildSpec:
    program = f"NAME, CODE = {name!r}, {code}\n{PROLOGUE}{body}"
    environment = {**os.environ, "DIARY": str(diary.path)}
    return ChildSpec(name, (sys.executable, "-c", program), environment, drain_s, stage=stage, finite=finite)


@asynccontextmanager
async def running(supervisor: Supervisor) -> AsyncIterator[asyncio.Event]:
    """Run a supervisor beside the test's body, which must end it."""
    stop = asyncio.Event()
    task = asyncio.create_task(supervisor.run(stop))
    try:
        yield stop
        async with asyncio.timeout(20):
            await task
    finally:
        stop.set()
        supervisor.hurry()
        await asyncio.wait([task])


async def test_children_are_stopped_one_after_the_other_in_their_order(diary: Diary) -> None:
    supervisor = Supervisor([child(diary, "first", DRAINS), child(diary, "second", DRAINS)])
    async with running(supervisor) as stop:
        await diary.wait_for(lambda lines: len(lines) == 2)
        stop.set()
    assert diary.lines()[2:] == ["first drained", "second drained"]
    assert supervisor.pids() == {}


async def test_children_of_one_stage_are_stopped_at_once(diary: Diary) -> None:
    both = [child(diary, name, STOPS_WITH_ANOTHER, stage="collectors") for name in ("first", "second")]
    supervisor = Supervisor([*both, child(diary, "third", DRAINS)])
    async with running(supervisor) as stop:
        await diary.wait_for(lambda lines: len(lines) == 3)
        stop.set()
    assert sorted(diary.lines()[3:7]) == ["first drained", "first stops", "second drained", "second stops"]
    assert diary.lines()[7:] == ["third drained"]


async def test_a_child_whose_work_is_done_is_not_started_again_and_ends_nothing(diary: Diary) -> None:
    done = child(diary, "done", FAILS, code=0, finite=True)
    supervisor = Supervisor([child(diary, "other", DRAINS), done], backoff_s=0.01)
    async with running(supervisor) as stop:
        await diary.wait_for(lambda lines: len(lines) == 2)
        await in_thread(lambda: wait_until(lambda: "done" not in supervisor.pids(), within_s=20, what="it has ended"))
        stop.set()
    assert diary.lines().count("done started") == 1
    assert diary.lines()[-1] == "other drained"


async def test_a_finite_child_that_fails_is_started_again(diary: Diary) -> None:
    supervisor = Supervisor([child(diary, "loader", FAILS, code=1, finite=True)], backoff_s=0.001, backoff_max_s=0.01)
    with suppress(ChildFailedError):  # where it is failing once more just when it is asked to end
        async with running(supervisor) as stop:
            await diary.wait_for(lambda lines: len(lines) >= 3)
            stop.set()


async def test_a_child_that_was_killed_is_started_again(diary: Diary) -> None:
    supervisor = Supervisor([child(diary, "loader", DRAINS)], backoff_s=0.01)
    async with running(supervisor) as stop:
        await diary.wait_for(lambda lines: len(lines) == 1)
        os.kill(supervisor.pids()["loader"], signal.SIGKILL)
        await diary.wait_for(lambda lines: len(lines) == 2)
        stop.set()
    assert diary.lines() == ["loader started", "loader started", "loader drained"]


async def test_a_child_that_fails_again_and_again_is_started_again_each_time(diary: Diary) -> None:
    supervisor = Supervisor([child(diary, "loader", FAILS)], backoff_s=0.001, backoff_max_s=0.01)
    async with running(supervisor) as stop:
        await diary.wait_for(lambda lines: len(lines) >= 3)
        stop.set()


@pytest.mark.parametrize("code", [2, 3])
async def test_a_child_that_needs_a_person_ends_all(diary: Diary, code: int) -> None:
    supervisor = Supervisor([child(diary, "collector", DRAINS), child(diary, "loader", FAILS, code=code)])
    with pytest.raises(ChildRefusedError, match=f"loader gave up with exit code {code}"):
        async with asyncio.timeout(20):
            await supervisor.run(asyncio.Event())
    assert supervisor.pids() == {}


async def test_a_refusal_long_after_the_start_ends_nothing(diary: Diary) -> None:
    supervisor = Supervisor(
        [child(diary, "collector", DRAINS), child(diary, "loader", FAILS, code=3)], backoff_s=0.01, attended_s=0
    )
    async with running(supervisor) as stop:
        await diary.wait_for(lambda lines: lines.count("loader started") >= 3)
        stop.set()
    assert diary.lines().count("collector started") == 1, "recording went on"


async def test_a_child_that_does_not_end_in_time_is_killed(diary: Diary) -> None:
    supervisor = Supervisor([child(diary, "collector", STUBBORN, drain_s=0.05)])
    async with running(supervisor) as stop:
        await diary.wait_for(lambda lines: len(lines) == 1)
        pid = supervisor.pids()["collector"]
        stop.set()
    assert not psutil.pid_exists(pid)


async def test_hurry_does_not_wait_for_anybody(diary: Diary) -> None:
    supervisor = Supervisor([child(diary, name, STUBBORN, drain_s=1000) for name in ("collector", "loader")])
    async with running(supervisor) as stop:
        await diary.wait_for(lambda lines: len(lines) == 2)
        stop.set()
        supervisor.hurry()


async def test_the_lines_of_children_are_passed_on(diary: Diary) -> None:
    lines: list[str] = []
    supervisor = Supervisor([child(diary, "loader", FAILS, code=2)], take_line=lines.append)
    with pytest.raises(ChildRefusedError):
        await supervisor.run(asyncio.Event())
    assert lines == ["last words"]


async def test_children_learn_that_their_parent_was_killed(diary: Diary, tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "import asyncio, sys\n"
        "from orderflow_recorder.app.supervisor import ChildSpec, Supervisor\n"
        f"specs = [ChildSpec(name, (sys.executable, '-c', body), {{'DIARY': {str(diary.path)!r}}}, 10)\n"
        f"         for name, body in {[(n, child(diary, n, WATCHES_PARENT).command[2]) for n in ('a', 'b')]!r}]\n"
        "asyncio.run(Supervisor(specs).run(asyncio.Event()))\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, str(program), stderr=asyncio.subprocess.DEVNULL)
    await diary.wait_for(lambda lines: len(lines) == 2)
    parent.kill()
    await parent.wait()
    await diary.wait_for(lambda lines: len(lines) == 4)
    assert sorted(diary.lines()[2:]) == ["a is alone", "b is alone"]
