"""The programs that are measured, as processes of their own."""

import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import psutil

from benchmarks.flood.words import symbol_names
from tests.support.processes import COMMAND, Program, free_port, wait_until

_START_S: Final = 60.0

STREAMS: Final = ("trades", "depth", "extra")


class FloodProgram(Program):
    """``python -m benchmarks.flood`` on a port of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        """Start it and wait until it listens."""
        self.port = free_port()
        command = [sys.executable, "-m", "benchmarks.flood", "--port", str(self.port)]
        super().__init__(arguments, folder / f"flood-{self.port}.log", command=command)
        wait_until(self._listens, within_s=_START_S, what="the flood listens")

    def environment(self) -> dict[str, str]:
        """Return the settings that point a recorder at it."""
        return {
            "BINANCE_WS_SPOT_BASE_URL": f"ws://127.0.0.1:{self.port}",
            "BINANCE_WS_FUTURES_BASE_URL": f"ws://127.0.0.1:{self.port}",
            "BINANCE_REST_SPOT_BASE_URL": f"http://127.0.0.1:{self.port}",
            "BINANCE_REST_FUTURES_BASE_URL": f"http://127.0.0.1:{self.port}",
        }

    def status(self) -> dict[str, Any]:
        """Return what it has done so far."""
        return self._ask("status")

    def start(self, streams: int, *, within_s: float = _START_S) -> None:
        """Let it send, once so many streams are subscribed to."""
        wait_until(
            lambda: self.status()["subscribed"] >= streams,
            within_s=within_s,
            what=f"{streams} streams are subscribed to",
        )
        self._ask("start")

    def wait_finished(self, *, within_s: float) -> dict[str, Any]:
        """Wait until it has sent everything; return what that was."""
        wait_until(lambda: self.status()["finished"], within_s=within_s, what="the flood has sent everything")
        return self.status()

    def _ask(self, command: str) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/control/{command}", timeout=60) as answer:
            return dict(json.load(answer))

    def _listens(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(self.output())
        try:
            self.status()
        except OSError:
            return False
        return True


class Part:
    """The collector or the loader alone, started as the supervisor starts it: with a pipe that ends with us."""

    def __init__(self, what: str, folder: Path, environment: Mapping[str, str]) -> None:
        """Start it.

        Args:
            what: ``collect`` or ``load``.
            folder: For its data and its log.
            environment: Its settings.
        """
        self.data = folder / "data"
        self.log = folder / f"{what}.log"
        (self.data / "run" / "main").mkdir(parents=True, exist_ok=True)
        end, self._pipe = os.pipe()
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*COMMAND, f"_{what}", "--parent-fd", str(end)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "DATA_DIR": str(self.data), **environment},
                pass_fds=(end,),
            )
        os.close(end)

    def __enter__(self) -> Self:
        """Return the running process."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it, by force if it must be."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        os.close(self._pipe)

    def health(self, process: str) -> dict[str, Any]:
        """Return what the process last said of itself; empty if nothing."""
        return read_health(self.data, process)

    def usage(self) -> psutil.Process:
        """Return where to read what it uses."""
        return psutil.Process(self.process.pid)


def read_health(data: Path, process: str) -> dict[str, Any]:
    """Return what a recorder's process last said of itself; empty if nothing."""
    try:
        return dict(json.loads((data / "run" / "main" / f"{process}.json").read_bytes()))
    except (OSError, ValueError):
        return {}


def cpu_s(process: psutil.Process) -> float:
    """Return what the process has run so far with all its threads, in seconds; 0 if it is gone."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def streams_of(market: str, kind: str, symbols: int) -> dict[str, str]:
    """Return the settings that record one kind of stream of so many symbols of one market, and nothing else."""
    names = ",".join(symbol_names(symbols))
    spot, futures = (names, "") if market == "spot" else ("", names)
    trades = "" if kind == "depth" else kind
    depth = "depth@100ms" if kind == "depth" else ""
    return {
        "SYMBOLS_SPOT": spot,
        "SYMBOLS_FUTURES": futures,
        "SPOT_STREAMS_TRADES": trades,
        "FUTURES_STREAMS_TRADES": trades,
        "SPOT_STREAMS_DEPTH": depth,
        "FUTURES_STREAMS_DEPTH": depth,
        "SPOT_STREAMS_EXTRA": "",
        "FUTURES_STREAMS_EXTRA": "",
        "LOG_LEVEL": "WARNING",
    }


def options_of(names: Sequence[str]) -> dict[str, str]:
    """Return ``NAME=value`` arguments as settings."""
    return dict(name.split("=", 1) for name in names)


def scratch() -> "tempfile.TemporaryDirectory[str]":
    """Return a folder for a benchmark's data; ``TMPDIR`` says on which disk."""
    return tempfile.TemporaryDirectory(prefix="orderflow-bench-", ignore_cleanup_errors=True)
