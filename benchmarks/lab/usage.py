"""What processes use while something is measured: CPU and memory, sampled from the side."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Final, Self

import msgspec
import psutil

from benchmarks.lab.processes import cpu_s

_EVERY_S: Final = 0.5

Members = Callable[[], Iterable[psutil.Process]]
"""Returns the processes of a group, as they are now."""


class Sample(msgspec.Struct, frozen=True):
    """Memory at one time, in bytes by group; ``at`` in seconds since the start."""

    at: float
    rss: Mapping[str, int]


class Usage:
    """Watches groups of processes from a thread; use it as a context manager."""

    def __init__(self, groups: Mapping[str, Members]) -> None:
        """Begin with ``groups``."""
        self.samples: list[Sample] = []
        self._groups = groups
        self._before: dict[str, dict[int, float]] = {}
        self._latest: dict[str, dict[int, float]] = {name: {} for name in groups}
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="usage", daemon=True)

    def __enter__(self) -> Self:
        """Begin to sample."""
        self.mark()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop sampling."""
        self.close()

    def close(self) -> None:
        """Stop sampling, with one more sample; harmless when it was stopped before."""
        if not self._ended.is_set():
            self._ended.set()
            self._thread.join()
            self._sample()

    def mark(self) -> None:
        """Count CPU from now on."""
        self._sample()
        self._before = {name: dict(found) for name, found in self._latest.items()}

    def cpu_s(self, name: str) -> float:
        """Return the CPU seconds of a group since `mark`; of a process that has ended, what was last seen."""
        before = self._before.get(name, {})
        return sum(used - before.get(pid, 0.0) for pid, used in tuple(self._latest[name].items()))

    def read(self) -> dict[str, float]:
        """Sample now and return the CPU seconds of every group since `mark`."""
        self._sample()
        return {name: self.cpu_s(name) for name in self._groups}

    def peak_mb(self, *names: str) -> float:
        """Return the most memory that groups had together, in MB."""
        return max((sum(sample.rss.get(name, 0) for name in names) for sample in self.samples), default=0) / 1e6

    def growth_mb(self, *names: str) -> float:
        """Return by how much the memory of the last quarter is above that of the second, in MB: medians."""
        totals = [sum(sample.rss.get(name, 0) for name in names) for sample in self.samples]
        quarter = len(totals) // 4
        if quarter == 0:
            return 0.0
        second, last = sorted(totals[quarter : 2 * quarter]), sorted(totals[-quarter:])
        return (last[quarter // 2] - second[quarter // 2]) / 1e6

    def memory(self, *names: str) -> list[list[float]]:
        """Return memory over time: seconds, and MB of each group; about a hundred lines."""
        step = max(len(self.samples) // 100, 1)
        return [
            [round(sample.at, 1), *(round(sample.rss.get(name, 0) / 1e6, 1) for name in names)]
            for sample in self.samples[::step]
        ]

    def _run(self) -> None:
        while not self._ended.wait(_EVERY_S):
            self._sample()

    def _sample(self) -> None:
        rss: dict[str, int] = {}
        for name, members in self._groups.items():
            rss[name] = 0
            for process in members():
                try:
                    rss[name] += process.memory_info().rss
                except psutil.NoSuchProcess:
                    continue
                used = cpu_s(process)
                known = self._latest[name]
                known[process.pid] = max(used, known.get(process.pid, 0.0))
        self.samples.append(Sample(time.monotonic() - self._started, rss))


def one(pid: int) -> Members:
    """Return the group that is one process; empty once it has ended."""
    return lambda: [psutil.Process(pid)] if psutil.pid_exists(pid) else []


def children_of(parent: psutil.Process | None) -> Members:
    """Return the group of a process and all below it; empty where there is none."""

    def members() -> list[psutil.Process]:
        if parent is None:
            return []
        try:
            return [parent, *parent.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    return members
