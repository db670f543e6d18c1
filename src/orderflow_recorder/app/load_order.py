"""In which order the journals of a recorder are loaded, where its symbols were divided anew.

See `orderflow_recorder.journal.fences`. A part of a journal has passed a fence when its position in the
database is the begin of the segment after it, which need not exist yet.
"""

import random
import threading
from collections.abc import Callable
from typing import Final, Protocol

import psycopg
from loguru import logger

from orderflow_recorder.app.ending import EndingReader
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.shards import sinks
from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.core.shards import place_of
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.journal.fences import Fence, read_history
from orderflow_recorder.journal.reader import FileJournalReader
from orderflow_recorder.journal.segments import find_segments
from orderflow_recorder.ports.journal import JournalReader
from orderflow_recorder.ports.sink import Batch
from orderflow_recorder.postgres.catalogue import find_positions
from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.errors import sink_error
from orderflow_recorder.postgres.sink import PostgresSink

LOOK_EVERY_S: Final = 0.5


class Load(Protocol):
    """Loads a journal until asked to stop; see `orderflow_recorder.loader.loop.Loader`."""

    def __call__(self, open_reader: Callable[[Position], JournalReader], wait: Callable[[float], bool]) -> None:
        """Load what ``open_reader`` gives until ``wait`` returns true."""
        ...


class LoadOrder:
    """The way of one part of one journal past the fences.

    Args:
        settings: Of the journal.
        sink: Of the part.
        load: Loads it.
        stop: Set to end soon, wherever it stands.
        waiting: Told once a while that it waits for others.
    """

    def __init__(
        self,
        settings: Settings,
        sink: PostgresSink,
        load: Load,
        stop: threading.Event,
        waiting: Callable[[Position], None],
    ) -> None:
        """Load nothing yet."""
        self._settings = settings
        self._sink = sink
        self._load = load
        self._stop = stop
        self._waiting = waiting
        self._here = settings.instance_id
        self._journals = settings.journal_directory.parent
        self._backoff = Backoff(settings.loader_backoff_s, settings.loader_backoff_max_s, random.random)

    def pass_fences(self) -> None:
        """Load up to each fence, oldest first, and wait there until all parts of all journals have come as far.

        Raises:
            SinkRefusedError: A person must act.
            JournalError: The journal does not hold the database's position, or the fences cannot be read.
        """
        recorder, _ = place_of(self._here)
        for fence in read_history(self._journals / recorder).fences:
            if self._here in fence.ends:
                self.load_until(fence.ends[self._here])
            self._wait_for_others(fence)

    def load_to_the_end(self) -> None:
        """Load a journal that nobody writes any more; errors as of `pass_fences`."""
        self.load_until(max(find_segments(self._settings.journal_directory), default=0))

    def load_until(self, end: int) -> None:
        """Load up to the end of segment ``end``, which is complete, and stand behind it; or until asked to stop."""
        while not self._stop.is_set():
            try:
                if self._is_behind(end):
                    return
            except SinkUnavailableError as error:
                self._pause(error)
                continue
            finally:
                self._sink.close()
            ended = threading.Event()
            self._load(self._opener(end, ended), self._until(ended))

    def _opener(self, end: int, ended: threading.Event) -> Callable[[Position], JournalReader]:
        directory = self._settings.journal_directory
        return lambda position: EndingReader(FileJournalReader(directory, position, last_segment=end), ended)

    def _until(self, ended: threading.Event) -> Callable[[float], bool]:
        return lambda seconds: ended.is_set() or self._stop.wait(seconds)

    def _is_behind(self, end: int) -> bool:
        """Say whether all of segment ``end`` is loaded; if so, move the position behind it."""
        position = self._sink.open(self._here)
        if position.segment > end:
            return True
        reader = FileJournalReader(self._settings.journal_directory, position, last_segment=end)
        try:
            if reader.read(1):
                return False
        finally:
            reader.close()
        self._sink.write(Batch(self._here, position, Position(end + 1, 0), ()))
        return True

    def _wait_for_others(self, fence: Fence) -> None:
        said = False
        while not self._stop.is_set():
            try:
                missing = self._missing(fence)
            except SinkUnavailableError as error:
                self._pause(error)
                continue
            if not missing:
                return
            if not said:
                said = True
                logger.info("symbols were divided anew: waiting until {} is loaded", ", ".join(missing))
            self._waiting(Position(fence.ends.get(self._here, 0) + 1, 0))
            self._stop.wait(LOOK_EVERY_S)

    def _missing(self, fence: Fence) -> list[str]:
        """Return the journals of which some part has not passed ``fence``, though there is something before it."""
        try:
            with connect(self._settings.db_url) as connection:
                positions = find_positions(connection, list(fence.ends))
        except psycopg.Error as error:
            raise sink_error(error, redact_url(self._settings.db_url)) from error
        missing = []
        for instance, end in fence.ends.items():
            found = [positions.get((instance, sink)) for sink in sinks(self._settings)]
            passed = all(position is not None and position.segment > end for position in found)
            if not passed and min(find_segments(self._journals / instance), default=end + 1) <= end:
                missing.append(instance)
        return missing

    def _pause(self, error: SinkUnavailableError) -> None:
        pause_s = self._backoff.next()
        logger.warning("sink unavailable, next attempt in {:.1f} s: {}", pause_s, error)
        self._stop.wait(pause_s)
