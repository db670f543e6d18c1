"""What it takes to load a journal that lies there."""

import time
from pathlib import Path
from subprocess import Popen
from typing import Protocol

import msgspec

from benchmarks.lab.loaded import Covered, Sent
from benchmarks.lab.server import postmaster
from benchmarks.lab.usage import Usage, children_of, one


class Loading(Protocol):
    """A process that loads, and what it logs to."""

    log: Path
    process: Popen[bytes]


class Loaded(msgspec.Struct, frozen=True):
    """What loading took from the first batch on: rows, seconds, CPU seconds of loader and server, memory."""

    rows: float
    seconds: float
    client_s: float
    server_s: float
    rss_mb: float


def follow(url: str, loader: Loading, sent: Sent, *, patience: float) -> Loaded:
    """Watch a process load a journal into an empty database.

    What a process needs to start is not counted: the figures are those from the first batch on.

    Args:
        url: The database.
        loader: The process, which has just been started.
        sent: What the journal holds.
        patience: Seconds after which it counts as failed.

    Raises:
        RuntimeError: It ended, or took too long; the text is its log.
    """
    covered = Covered(url)
    try:
        with Usage({"loader": one(loader.process.pid), "postgres": children_of(postmaster(url))}) as usage:
            while not (first := covered.advance()):
                if loader.process.poll() is not None:
                    raise RuntimeError(loader.log.read_text(encoding="utf-8"))
                time.sleep(0.002)
            usage.mark()
            began = time.time()
            ended = covered.wait(sent.advance, within_s=patience)
            cpu = usage.read()
    finally:
        covered.close()
    if ended is None:
        raise RuntimeError(f"not loaded within {patience} s: {loader.log.read_text(encoding='utf-8')}")
    rows = sent.frames * (1 - first / sent.advance)
    return Loaded(rows, ended - began, cpu["loader"], cpu["postgres"], usage.peak_mb("loader"))
