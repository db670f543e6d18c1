"""The loader's loop: read, parse, batch, write, and again; open the sink anew when it is lost."""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from loguru import logger

from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.core.batching import BatchPolicy
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.loader.books import LocalBooks
from orderflow_recorder.loader.health import LoaderHealth
from orderflow_recorder.loader.parsing import TolerantParser
from orderflow_recorder.loader.pending import PendingBatch
from orderflow_recorder.ports.crashpoint import CrashPoint, reach
from orderflow_recorder.ports.journal import JournalReader
from orderflow_recorder.ports.sink import Batch, Parser, Sink, WriteResult

POLL_S: Final = 0.05
"""How often the end of the journal is looked at."""

_LARGEST_READ_BYTES: Final = 1 << 20
_OBSERVE_EVERY_S: Final = 1.0
_NS_PER_S: Final = 1e9


class Times(Protocol):
    """What the loop needs of a clock."""

    def now_ns(self) -> int:
        """Return wall time, ns since the Unix epoch."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        ...


class Loader:
    """Feeds one sink from one journal, in one thread.

    Lifecycle: ``run`` once. It ends when it was asked to stop and the journal is read to its end, or
    ``drain_s`` is over; what was not written then is read again by the next run.
    """

    def __init__(  # noqa: PLR0913  # the composition root wires them by name
        self,
        reader_factory: Callable[[Position], JournalReader],
        parser: Parser,
        sink: Sink,
        policy: BatchPolicy,
        *,
        books: LocalBooks,
        instance: str,
        clock: Times,
        wait: Callable[[float], bool],
        backoff: Backoff,
        publish: Callable[[Position], None],
        observe: Callable[[LoaderHealth], None],
        drain_s: float,
    ) -> None:
        """Take everything the loop uses.

        Args:
            reader_factory: Opens the journal at a position.
            parser: Turns entries into records.
            sink: Where the records go.
            policy: When a batch is written; ``max_bytes`` also bounds what is in memory.
            books: What follows from the records goes into their batch.
            instance: Whose journal it is.
            clock: Wall and monotonic time.
            wait: Waits up to so many seconds; returns True, then and ever after, once asked to stop.
            backoff: How long to wait before the sink is opened again.
            publish: Told the sink's position after each commit, for the journal's retention.
            observe: Told the figures, at most once a second and when something changes.
            drain_s: How long to go on after being asked to stop, seconds.
        """
        self._reader_factory = reader_factory
        self._parser = TolerantParser(parser, instance=instance, now_ns=clock.now_ns)
        self._sink = sink
        self._policy = policy
        self._books = books
        self._instance = instance
        self._clock = clock
        self._wait = wait
        self._backoff = backoff
        self._publish = publish
        self._observe = observe
        self._drain_s = drain_s
        self._deadline: float | None = None
        self._refused: list[RecorderEvent] = []
        self._health = LoaderHealth()
        self._observed_at: float | None = None
        self._last_written_ns = 0
        self._log = logger.bind(component="loader", sink=sink.name, instance=instance)

    def run(self) -> None:
        """Load until asked to stop.

        Raises:
            SinkRefusedError: A person must act.
            JournalError: The journal does not hold the sink's position.
        """
        try:
            while not self._stop_requested():
                try:
                    position = self._sink.open(self._instance)
                    self._note(connected=True, position=position)
                    self._log.info("loading from segment {}, byte {}", position.segment, position.offset)
                    self._load(position)
                except SinkUnavailableError as error:
                    self._sink.close()
                    pause_s = self._backoff.next()
                    self._log.warning("sink unavailable, next attempt in {:.1f} s: {}", pause_s, error)
                    self._note(connected=False, last_error=str(error), reconnects=self._health.reconnects + 1)
                    self._wait(pause_s)
        finally:
            self._sink.close()
            self._books.forget()
            self._note(connected=False)

    def _load(self, position: Position) -> None:
        """Read and write from ``position`` until the end after a stop request."""
        self._books.forget()
        reader = self._reader_factory(position)
        try:
            pending = PendingBatch(position, self._policy)
            self._add_refused(pending)
            while self._read_some(reader, pending):
                pass
        finally:
            reader.close()

    def _read_some(self, reader: JournalReader, pending: PendingBatch) -> bool:
        """Deal with one block of the journal, or wait for one; return False where it is time to end."""
        stopping = self._stop_requested()
        now = self._clock.monotonic()
        if self._deadline is not None and now >= self._deadline:
            self._log.warning("stopped before the end of the journal: the next run goes on where this one ends")
            return False
        entries = reader.read(min(self._policy.max_bytes, _LARGEST_READ_BYTES))
        self._register_skipped(reader, pending, now)
        for entry in entries:
            records, parsed = self._parser.parse(entry)
            pending.add_entry(entry, records, parsed=parsed, now=now)
            for record in records:
                for own in self._books.take(record, pending.records):
                    pending.add_own(own, now)
            if pending.is_due(now):
                self._write(pending)
        if not entries and stopping:
            while pending.seconds_left(now) is not None:  # twice where the sink refused something
                self._write(pending)
            return False
        if not entries:
            left = pending.seconds_left(now)
            self._wait(POLL_S if left is None else min(POLL_S, left))
        now = self._clock.monotonic()
        if pending.is_due(now):
            self._write(pending)
        self._report(reader, pending, now)
        return True

    def _write(self, pending: PendingBatch) -> None:
        batch = Batch(self._instance, pending.start, pending.end, pending.records)
        result = self._sink.write(batch)
        self._books.rest()
        self._backoff.reset()
        self._last_written_ns = pending.last_time
        self._refused = self._events_for(result, pending)
        health = self._health
        self._health = msgspec.structs.replace(
            health,
            position=pending.end,
            rows=health.rows + result.inserted,
            duplicates=health.duplicates + result.duplicates,
            rejected=health.rejected + len(result.rejected),
            unparsable=health.unparsable + pending.unparsable,
            batches=health.batches + 1,
        )
        pending.begin(pending.end)
        self._add_refused(pending)
        try:
            reach(CrashPoint.BEFORE_PUBLISH)
            self._publish(pending.start)
            reach(CrashPoint.AFTER_PUBLISH)
        except OSError as error:
            # The sink has the rows; a full disk only keeps segments from being deleted.
            self._log.warning("cannot publish the position: {}", error)
            self._note(last_error=f"cannot publish the position: {error}")

    def _events_for(self, result: WriteResult, pending: PendingBatch) -> list[RecorderEvent]:
        """Return an event for each record the sink refused; they go first in the next batch."""
        if not result.rejected:
            return []
        events = []
        origins = pending.origins()
        for rejected in result.rejected:
            entry = origins.get(id(rejected.record))
            if entry is None or isinstance(rejected.record, RecorderEvent):
                # An event about a refused event could be refused again, without end.
                self._log.error("the sink refused {}: {}", rejected.record, rejected.reason)
            else:
                events.append(self._parser.refused(rejected, entry))
        return events

    def _add_refused(self, pending: PendingBatch) -> None:
        now = self._clock.monotonic()
        for event in self._refused:
            pending.add_own(event, now)

    def _register_skipped(self, reader: JournalReader, pending: PendingBatch, now: float) -> None:
        skipped = reader.take_skipped()
        if not skipped:
            return
        text = f"segments {skipped[0]} to {skipped[-1]} were gone before they were loaded"
        self._log.error(text)
        self._note(last_error=text)
        detail = {"first_segment": skipped[0], "last_segment": skipped[-1]}
        pending.add_own(
            RecorderEvent(self._clock.now_ns(), EventKind.SEGMENTS_SKIPPED, self._instance, detail=detail), now
        )

    def _stop_requested(self) -> bool:
        if self._deadline is None and self._wait(0):
            self._deadline = self._clock.monotonic() + self._drain_s
        return self._deadline is not None

    def _report(self, reader: JournalReader, pending: PendingBatch, now: float) -> None:
        if self._observed_at is not None and now - self._observed_at < _OBSERVE_EVERY_S:
            return
        self._observed_at = now
        lag_bytes = reader.lag_bytes() + pending.bytes
        age_s = (self._clock.now_ns() - self._last_written_ns) / _NS_PER_S
        behind = lag_bytes > 0 and self._last_written_ns > 0
        self._note(lag_bytes=lag_bytes, lag_seconds=max(0.0, age_s) if behind else 0.0)

    def _note(self, **changes: object) -> None:
        self._health = msgspec.structs.replace(self._health, **changes)
        self._observe(self._health)
