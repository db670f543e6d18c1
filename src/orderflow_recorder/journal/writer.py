"""The journal's writer: appends to a buffer, hands it over on flush, switches segments, minds the disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from orderflow_recorder.domain.errors import DiskFullError, JournalError
from orderflow_recorder.domain.events import RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.journal.lines import bad_line, event_line, frame_lines, header_line, rest_line
from orderflow_recorder.journal.lock import DirectoryLock
from orderflow_recorder.journal.retention import read_sink_positions
from orderflow_recorder.journal.segment_file import SegmentFile
from orderflow_recorder.journal.segments import TornTail, cut_torn_tail, find_segments, segment_path
from orderflow_recorder.journal.space import DiskSpace
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.crashpoint import CrashPoint, reach
from orderflow_recorder.ports.venue import RestAnswer

_BUFFER_BYTES: Final = 256 * 1024
# Looked up once: these two are passed with every frame.
_BEFORE_APPEND: Final = CrashPoint.BEFORE_APPEND
_AFTER_APPEND: Final = CrashPoint.AFTER_APPEND


class FileJournalWriter:
    """Writes one instance's journal; satisfies `orderflow_recorder.ports.journal.JournalWriter`.

    One thread appends and flushes; `sync` may be called from another.

    Attributes:
        torn: What a crash of the run before left behind, and was cut; none after a clean stop.
    """

    def __init__(
        self,
        directory: Path,
        *,
        instance: str,
        run_id: str,
        clock: Clock,
        segment_bytes: int,
        segment_seconds: float,
        min_free_bytes: int,
    ) -> None:
        """Use `open`, which documents the arguments."""
        self._directory = directory
        self._instance = instance
        self._run_id = run_id
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._segment_seconds = segment_seconds
        self._space = DiskSpace(directory, min_free_bytes=min_free_bytes)
        self._buffer = bytearray()
        self._full: DiskFullError | None = None
        self._closed = False
        self._bytes_before = 0
        self._lock = DirectoryLock(directory)
        try:
            last, self.torn = self._repair()
            self._space.require()
            self._file = self._create(last + 1)
        except OSError as error:
            self._lock.release()
            raise self._space.error_for(error) from error
        except JournalError:
            self._lock.release()
            raise

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        instance: str,
        run_id: str,
        clock: Clock,
        segment_bytes: int,
        segment_seconds: float,
        min_free_bytes: int,
    ) -> "FileJournalWriter":
        """Take the journal over: lock it, cut a torn tail, begin a new segment.

        Args:
            directory: ``journal/<instance>``; created where missing.
            instance: ``INSTANCE_ID`` of the recorder.
            run_id: UUID text of the run.
            clock: Stamps headers and measures a segment's age.
            segment_bytes: Size at which the next flush begins a new segment.
            segment_seconds: Age at which the next flush begins a new segment.
            min_free_bytes: Free bytes below which the disk counts as full (5 % of a small filesystem).

        Raises:
            JournalLockedError: Another process writes this journal.
            DiskFullError: There is no room to begin.
            JournalError: The directory cannot be written.
        """
        try:
            directory.mkdir(parents=True, exist_ok=True)
            return cls(
                directory,
                instance=instance,
                run_id=run_id,
                clock=clock,
                segment_bytes=segment_bytes,
                segment_seconds=segment_seconds,
                min_free_bytes=min_free_bytes,
            )
        except OSError as error:
            message = f"journal {directory} cannot be opened for writing: {error}"
            raise JournalError(message) from error

    @property
    def segment(self) -> int:
        """Return the number of the segment being written."""
        return self._file.number

    @property
    def bytes_written(self) -> int:
        """Return the bytes handed to the operating system since `open`, headers included."""
        return self._bytes_before + self._file.size

    def append_frame(self, receive_time: int, market: Market, connection: int, frame: bytes) -> None:
        """Append a frame that is valid JSON, byte for byte (line breaks between tokens become spaces).

        Args:
            receive_time: ns since the epoch.
            market: Which market sent it.
            connection: Number of the socket within the run.
            frame: As received.

        Raises:
            DiskFullError: See `JournalWriter`.
        """
        self._append(frame_lines(receive_time, market, connection, (frame,)))

    def append_frames(self, receive_time: int, market: Market, connection: int, frames: Sequence[bytes]) -> None:
        """Append frames of one read, as `append_frame` would one after the other."""
        if frames:
            self._append(frame_lines(receive_time, market, connection, frames))

    def append_bad(self, receive_time: int, market: Market, connection: int, frame: bytes, reason: str) -> None:
        """Append a frame that is not JSON, as text or base64."""
        self._append(bad_line(receive_time, market, connection, frame, reason))

    def append_rest(self, answer: RestAnswer) -> None:
        """Append a REST answer; its body stays as it is but for line breaks between tokens."""
        self._append(rest_line(answer))

    def append_event(self, event: RecorderEvent) -> None:
        """Append an event."""
        self._append(event_line(event))

    def append_last_words(self, event: RecorderEvent) -> None:
        """Write one event after `DiskFullError`, into the room kept in reserve for it.

        Best effort: where even that room is gone, nothing is written and nothing is raised.
        """
        if self._closed:
            return
        self._space.release_reserve()
        try:
            self._file.append(event_line(event))
            self._file.sync()
        except OSError as error:
            if not isinstance(self._space.error_for(error), DiskFullError):
                raise self._space.error_for(error) from error

    def flush(self) -> None:
        """Hand everything appended to the operating system; switch segment where it is time.

        Raises:
            DiskFullError: See `JournalWriter`. With too little room left, what was appended is written first.
        """
        self._refuse_if_full()
        if self._closed:
            return
        self._write_out()
        now = self._clock.monotonic()
        try:
            self._space.check(now)
        except DiskFullError as error:
            self._full = error
            raise
        if self._is_old_or_large(now):
            self._switch()

    def sync(self) -> None:
        """Make everything flushed durable; may be called from another thread.

        Raises:
            DiskFullError: The filesystem found no room for what it had accepted.
        """
        try:
            self._file.sync()
        except OSError as error:
            raise self._failed(error) from error

    def resume(self) -> bool:
        """Say whether there is room again after `DiskFullError`; if so, begin a new segment."""
        if self._full is None:
            return True
        try:
            self._space.require()
            self._switch()
        except DiskFullError:
            return False
        self._full = None
        return True

    def close(self) -> None:
        """Flush, sync, release the lock. Idempotent.

        Raises:
            DiskFullError: The last lines did not fit; all is released nevertheless.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._full is None:
                self._write_out()
            self.sync()
        finally:
            self._file.close()
            self._lock.release()

    def _append(self, line: bytes) -> None:
        self._refuse_if_full()
        if self._closed:
            message = f"expected the journal {self._directory} to be open, but it was closed before this entry"
            raise JournalError(message)
        reach(_BEFORE_APPEND)
        self._buffer += line
        reach(_AFTER_APPEND)
        if len(self._buffer) >= _BUFFER_BYTES:
            self._write_out()

    def _refuse_if_full(self) -> None:
        if self._full is not None:
            raise DiskFullError(self._full.path, self._full.free_bytes, self._full.needed_bytes)

    def _write_out(self) -> None:
        if not self._buffer:
            return
        lines, self._buffer = self._buffer, bytearray()
        try:
            self._file.append(lines)
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> JournalError:
        problem = self._space.error_for(error)
        if isinstance(problem, DiskFullError):
            self._full = problem
        return problem

    def _is_old_or_large(self, now: float) -> bool:
        if not self._file.has_entries:
            return False
        return self._file.size >= self._segment_bytes or now - self._began >= self._segment_seconds

    def _switch(self) -> None:
        """Finish this segment and begin the next; where that does not work, this one stays open."""
        finished = self._file
        reach(CrashPoint.BEFORE_SWITCH)
        try:
            finished.sync()
            self._file = self._create(finished.number + 1)
            self._bytes_before += finished.size
        except OSError as error:
            raise self._failed(error) from error
        reach(CrashPoint.AFTER_SWITCH)
        finished.close()

    def _create(self, number: int) -> SegmentFile:
        self._space.reserve()
        header = header_line(time=self._clock.now_ns(), instance=self._instance, run_id=self._run_id, segment=number)
        segment = SegmentFile(number, segment_path(self._directory, number), header)
        self._began = self._clock.monotonic()
        return segment

    def _repair(self) -> tuple[int, TornTail | None]:
        """Cut the newest segment's torn tail and return the highest number that is or was in use.

        A sink may stand in a segment that somebody deleted to make room; its number must not come again.
        """
        segments = find_segments(self._directory)
        sinks = read_sink_positions(self._directory).values()
        last = max([0, *segments, *(position.segment for position in sinks)])
        newest = max(segments, default=0)
        if newest and segments[newest].suffix == ".jsonl":
            return last, cut_torn_tail(newest, segments[newest])
        return last, None
