"""Journals on a real JetStream server: a forwarder in a thread, and what waits for it."""

import asyncio
import random
import threading
import uuid
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.journal.jetstream.forwarder import Forwarder, ForwarderFigures
from orderflow_recorder.journal.jetstream.link import Link, open_link
from orderflow_recorder.journal.jetstream.reader import JetStreamReader
from orderflow_recorder.journal.segments import find_segments
from orderflow_recorder.journal.writer import FileJournalWriter
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.journal import JournalEntry
from tests.support.journal import read_all

ResultT = TypeVar("ResultT")


def quick_backoff() -> Backoff:
    """Return pauses that keep a test short."""
    return Backoff(0.05, 0.2, random.random)


def new_instance() -> str:
    """Return a name whose stream is not there yet."""
    return f"test-{uuid.uuid4().hex[:12]}"


def open_reader(
    url: str, instance: str, position: Position = JOURNAL_START, *, backoff: Backoff | None = None
) -> JetStreamReader:
    """Open a reader."""
    return JetStreamReader(
        url,
        instance=instance,
        sink="postgres",
        position=position,
        clock=SystemClock(),
        backoff=backoff or quick_backoff(),
    )


def read_stream(url: str, instance: str, position: Position = JOURNAL_START) -> list[JournalEntry]:
    """Return every entry that the server has."""
    with closing(open_reader(url, instance, position)) as reader:
        return read_all(reader)


def on_server(url: str, instance: str, work: Callable[[Link], Coroutine[Any, Any, ResultT]]) -> ResultT:
    """Do something with an instance's stream."""

    async def do() -> ResultT:
        async with open_link(url, instance, "test") as link:
            return await work(link)

    return asyncio.run(do())


def make_forwarder(
    directory: Path,
    url: str,
    instance: str,
    observe: Callable[[ForwarderFigures], None],
    *,
    clock: Clock | None = None,
    synced_after_s: float = 0,
) -> Forwarder:
    """Return a forwarder of the spool in ``directory``."""
    return Forwarder(
        directory,
        url=url,
        instance=instance,
        clock=clock or SystemClock(),
        backoff=quick_backoff(),
        retention_hours=24,
        sinks=("postgres",),
        synced_after_s=synced_after_s,
        observe=observe,
    )


class ForwarderThread:
    """A forwarder that runs beside the test, as it does in a process of its own."""

    def __init__(
        self, directory: Path, url: str, instance: str, *, clock: Clock | None = None, synced_after_s: float = 0
    ) -> None:
        """Start it."""
        self._clock = clock
        self._synced_after_s = synced_after_s
        self.figures = ForwarderFigures()
        self._moved = threading.Condition()
        self._directory = directory
        self._url = url
        self._instance = instance
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def settle(self, within_s: float = 30) -> None:
        """Wait until the server has all of the spool."""
        end = end_of(self._directory)
        with self._moved:
            assert self._moved.wait_for(lambda: self.figures.position >= end, within_s), self.figures

    def stop(self) -> None:
        """Let it finish and end. Idempotent."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> Self:
        """Return the running forwarder, which has found the server, made its stream, or failed to."""
        with self._moved:
            assert self._moved.wait_for(lambda: self.figures.connected or self.figures.last_error, 30)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.stop()

    def _run(self) -> None:
        def observe(figures: ForwarderFigures) -> None:
            with self._moved:
                self.figures = figures
                self._moved.notify_all()

        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            forwarder = make_forwarder(
                self._directory,
                self._url,
                self._instance,
                observe,
                clock=self._clock,
                synced_after_s=self._synced_after_s,
            )
            runner.run(forwarder.run(self._stop))


def end_of(directory: Path) -> Position:
    """Return the place behind the spool's last entry."""
    for number, path in reversed(find_segments(directory).items()):
        text = path.read_bytes()
        if text.count(b"\n") > 1:  # more than the header
            return Position(number, text.rfind(b"\n") + 1)
    return JOURNAL_START


class SpoolWriter:
    """A writer whose `flush` and `close` also wait until the server has everything."""

    def __init__(self, writer: FileJournalWriter, forwarder: ForwarderThread) -> None:
        """Write with ``writer`` what ``forwarder`` publishes."""
        self.append_frame = writer.append_frame
        self.append_frames = writer.append_frames
        self.append_bad = writer.append_bad
        self.append_rest = writer.append_rest
        self.append_event = writer.append_event
        self.append_last_words = writer.append_last_words
        self.sync = writer.sync
        self.resume = writer.resume
        self._writer = writer
        self._forwarder = forwarder

    def flush(self) -> None:
        """Flush, and wait for the server's acknowledgement."""
        self._writer.flush()
        self._forwarder.settle()

    def close(self) -> None:
        """Close, and wait for the server's acknowledgement."""
        self._writer.close()
        self._forwarder.settle()
