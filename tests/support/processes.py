"""The real programs as child processes, and waiting for what they do."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from orderflow_recorder.core.shards import journal_of

COMMAND = (sys.executable, "-m", "orderflow_recorder")


def wait_until(happened: Callable[[], Any], *, within_s: float, what: str) -> Any:  # noqa: ANN401  # whatever it returns
    """Return the first true answer of ``happened``, asked every tenth of a second."""
    pause = threading.Event()
    for _ in range(round(within_s * 10)):
        if answer := happened():
            return answer
        pause.wait(0.1)
    message = f"waited {within_s:.0f} s in vain until {what}"
    raise AssertionError(message)


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program:
    """One of our commands, running; its output goes to a file."""

    def __init__(
        self,
        arguments: Sequence[str],
        log: Path,
        environment: dict[str, str] | None = None,
        *,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """Start it."""
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
            )

    def __enter__(self) -> Self:
        """Return the running program."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, by force if it must be."""
        if self.process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                self.kill()

    def stop(self, *, within_s: float = 15) -> int:
        """Ask it to end and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def output(self) -> str:
        """Return what it has printed."""
        return self.log.read_text(encoding="utf-8", errors="replace")


class SimulatorProgram(Program):
    """``orderflow-recorder simulate`` on a port of its own."""

    def __init__(self, log: Path, *arguments: str) -> None:
        """Start it and wait until it listens."""
        self.port = free_port()
        super().__init__(["simulate", *arguments, "--port", str(self.port)], log)
        wait_until(self._listens, within_s=20, what="the simulator listens")

    def environment(self) -> dict[str, str]:
        """Return the settings that point a recorder at it."""
        return {
            "BINANCE_WS_SPOT_BASE_URL": f"ws://127.0.0.1:{self.port}",
            "BINANCE_WS_FUTURES_BASE_URL": f"ws://127.0.0.1:{self.port}",
            "BINANCE_REST_SPOT_BASE_URL": f"http://127.0.0.1:{self.port}",
            "BINANCE_REST_FUTURES_BASE_URL": f"http://127.0.0.1:{self.port}",
        }

    def control(self, command: str) -> Any:  # noqa: ANN401  # JSON
        """Send a control command and return its answer."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/control/{command}", timeout=30) as answer:
            return json.load(answer)

    def wait_finished(self, *, within_s: float) -> None:
        """Wait until every captured frame was played."""
        wait_until(lambda: self.control("status")["finished"], within_s=within_s, what="the capture was played")

    def _listens(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(self.output())
        try:
            self.control("status")
        except OSError:
            return False
        return True


class PatientSimulatorProgram(SimulatorProgram):
    """A simulator that plays captures and counts nobody's connections, messages and weight."""

    PROGRAM = """
import asyncio, sys
from pathlib import Path
from orderflow_recorder.sim.run import SimulatorOptions, serve

port, speed, *captures = sys.argv[1:]
options = SimulatorOptions([Path(path) for path in captures], port=int(port), speed=float(speed), enforce_limits=False)
asyncio.run(serve(options))
"""

    def __init__(self, log: Path, captures: Sequence[Path], *, speed: float) -> None:
        """Start it and wait until it listens."""
        self.port = free_port()
        arguments = [str(self.port), str(speed), *map(str, captures)]
        Program.__init__(self, arguments, log, command=[sys.executable, "-c", self.PROGRAM])
        wait_until(self._listens, within_s=20, what="the simulator listens")


class RecorderProgram(Program):
    """``orderflow-recorder run`` with a data folder of its own."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        """Start it."""
        self.data = folder / "data"
        self.instance = environment.get("INSTANCE_ID", "main")
        super().__init__([], folder / "recorder.log", {"DATA_DIR": str(self.data), **environment})

    def health(self, process: str, journal: int = 1) -> dict[str, Any]:
        """Return what a process of the recorder last said of itself; empty if nothing."""
        try:
            folder = self.data / "run" / journal_of(self.instance, journal)
            return dict(json.loads((folder / f"{process}.json").read_bytes()))
        except (OSError, ValueError):
            return {}

    def kill_child(self, process: str, journal: int = 1) -> int:
        """Kill a collector or a loader where it stands; return its pid."""
        reports = f"the {process} reports"
        pid = int(wait_until(lambda: self.health(process, journal).get("pid"), within_s=20, what=reports))
        os.kill(pid, signal.SIGKILL)
        return pid

    def journal(self) -> list[Path]:
        """Return the journal's segments."""
        return sorted((self.data / "journal" / self.instance).glob("*.jsonl"))

    def journals(self) -> list[Path]:
        """Return the segments of every journal, where symbols are divided between collectors."""
        return sorted((self.data / "journal").glob(f"{self.instance}*/*.jsonl"))
