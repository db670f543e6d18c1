"""A flood, a recorder and a database together, all of them real and all on this machine."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from benchmarks.lab.loaded import Covered, Sent, missing
from benchmarks.lab.processes import FloodProgram
from benchmarks.lab.server import postmaster
from benchmarks.lab.usage import Members, Usage, children_of, one
from tests.support.database import new_database
from tests.support.processes import RecorderProgram, wait_until

RECORDER: Final = ("supervisor", "collector", "loader")
"""Groups of processes that are the recorder; a shard counts to its kind."""
_UP_S: Final = 60.0
_REPORT_S: Final = 1.5
"""Processes say how they are once a second."""


class Ended(msgspec.Struct, frozen=True):
    """How a flood was recorded.

    Attributes:
        sent: What was sent.
        sending_s: From the first frame to the last.
        took_s: From the first frame to the last row's commit.
        cpu_s: CPU seconds of each group of processes meanwhile.
        flood: The flood's own report.
        faults: What is not as it should be; nothing if each frame is a row, once, without a gap.
    """

    sent: Sent
    sending_s: float
    took_s: float
    cpu_s: Mapping[str, float]
    flood: Mapping[str, Any]
    faults: Sequence[str]

    @property
    def rows_per_s(self) -> float:
        """Return rows by the time until the last one was committed."""
        return self.sent.frames / self.took_s

    @property
    def lag_s(self) -> float:
        """Return how long after the last frame the last row was committed."""
        return self.took_s - self.sending_s

    def us(self, group: str) -> float:
        """Return the CPU of a group a frame, in µs."""
        return self.cpu_s[group] / max(self.sent.frames, 1) * 1e6

    def cores(self, *groups: str) -> float:
        """Return how many cores the groups kept busy, on average."""
        return sum(self.cpu_s[group] for group in groups) / self.took_s


class Recording:
    """A running recorder and the flood it is subscribed to, which has not started yet."""

    def __init__(self, url: str, flood: FloodProgram, recorder: RecorderProgram, usage: Usage) -> None:
        """Take the parts."""
        self.url = url
        self.flood = flood
        self.recorder = recorder
        self.usage = usage

    def start(self, streams: int, *, within_s: float = _UP_S) -> None:
        """Let the flood send once so many streams are subscribed to."""
        subscribed = lambda: self.flood.status()["subscribed"] >= streams  # noqa: E731  # a question, asked once
        wait_until(subscribed, within_s=within_s, what=f"{streams} streams are subscribed to")
        self.usage.mark()
        self.flood.start(streams)

    def health(self, what: str) -> list[dict[str, Any]]:
        """Return what each process whose name begins with ``what`` last said of itself."""
        return reports(self.recorder, what)

    def end(self, seconds: float, *, patience: float) -> Ended:
        """Wait until all is sent and loaded, stop the recorder, and look at the rows.

        Args:
            seconds: How long the flood sends.
            patience: How long the last row may take after the last frame, seconds.
        """
        covered = Covered(self.url)
        figures = self.flood.wait_finished(within_s=seconds + 60)
        sent = Sent.of(figures)
        loaded_at = covered.wait(sent.advance, within_s=patience)
        cpu = self.usage.read()
        self.usage.close()
        covered.close()
        time.sleep(_REPORT_S)
        health = self.health("collector")
        self.recorder.stop(within_s=60)
        faults = [f"not all rows were there {patience:.0f} s after the last frame"] if loaded_at is None else []
        faults += missing(self.url, sent)
        faults += [
            f"{name}: {report[name]}"
            for report in health
            for name in ("bad_frames", "reconnects", "resyncs")
            if report.get(name)
        ]
        return Ended(
            sent=sent,
            sending_s=figures["last_at"] - figures["first_at"],
            took_s=(loaded_at or time.time()) - figures["first_at"],
            cpu_s=cpu,
            flood=figures,
            faults=faults,
        )


@contextmanager
def recording(
    where: str, folder: Path, flood_arguments: Sequence[str], settings: Mapping[str, str]
) -> Iterator[Recording]:
    """Start a flood and a recorder that records it into a new database; everything is gone afterwards.

    Args:
        where: The server.
        folder: Gets a folder of its own for logs, journal and health.
        flood_arguments: Of ``python -m benchmarks.flood``.
        settings: Of the recorder.
    """
    place = folder / f"run-{time.monotonic_ns()}"
    place.mkdir()
    with (
        new_database(where) as url,
        FloodProgram(place, *flood_arguments) as flood,
        RecorderProgram(place, {**flood.environment(), "LOG_LEVEL": "WARNING", **settings, "DB_URL": url}) as recorder,
    ):
        wait_until(lambda: _is_up(recorder), within_s=_UP_S, what="the loader is connected")
        with Usage(_groups(flood, recorder, url)) as usage:
            yield Recording(url, flood, recorder, usage)


def _is_up(recorder: RecorderProgram) -> bool:
    if recorder.process.poll() is not None:
        raise AssertionError(recorder.output())
    loaders = reports(recorder, "loader")
    return bool(loaders) and all(report.get("figures", {}).get("connected") for report in loaders)


def reports(recorder: RecorderProgram, what: str) -> list[dict[str, Any]]:
    """Return what each of a recorder's processes whose name begins with ``what`` last said of itself."""
    return [recorder.health(path.stem) for path in (recorder.data / "run" / "main").glob(f"{what}*.json")]


def _groups(flood: FloodProgram, recorder: RecorderProgram, url: str) -> dict[str, Members]:
    own = psutil.Process(recorder.process.pid)
    return {
        "flood": one(flood.process.pid),
        "supervisor": one(own.pid),
        "collector": _child(own, "_collect"),
        "loader": _child(own, "_load"),
        "postgres": children_of(postmaster(url)),
        "benchmark": one(os.getpid()),
    }


def _child(parent: psutil.Process, word: str) -> Callable[[], list[psutil.Process]]:
    def members() -> list[psutil.Process]:
        try:
            return [process for process in parent.children() if word in process.cmdline()]
        except psutil.NoSuchProcess:
            return []

    return members
