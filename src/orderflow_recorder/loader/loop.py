"""The loader's loop: read, parse, batch, write, and again; open the sink anew when it is lost.

While one batch is written, the next one is read and parsed; no more than these two are in memory.
"""

from collections.abc import Callable
from concurrent.futures import wait as wait_for
from functools import partial
from math import inf
from typing import Final

import msgspec
from loguru import logger

from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.core.batching import BatchPolicy
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.loader.blocks import entry_of, first_lines, parse_block
from orderflow_recorder.loader.books import LocalBooks
from orderflow_recorder.loader.flight import Flight, Start, Times, unwritten
from orderflow_recorder.loader.health import LoaderHealth
from orderflow_recorder.loader.parsing import TolerantParser
from orderflow_recorder.loader.pending import PendingBatch
from orderflow_recorder.ports.crashpoint import CrashPoint, reach
from orderflow_recorder.ports.journal import JournalBlock, JournalReader
from orderflow_recorder.ports.sink import Batch, Parser, Sink, WriteResult

POLL_S: Final = 0.05
"""How often the end of the journal is looked at, at least; five times in the age of a batch, if that is more."""

_LARGEST_READ_BYTES: Final = 1 << 18
_OBSERVE_EVERY_S: Final = 1.0
_NS_PER_S: Final = 1e9


class Loader:
    """Feeds one sink from one journal.

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
        start: Start,
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
            drain_s: How long to go on after being asked to stop, seconds; a sink that is lost then is only
                opened again where that is for ever.
            start: Starts a write, in a thread of its own where reading is to go on meanwhile.
        """
        self._reader_factory = reader_factory
        self._parser = TolerantParser(parser, instance=instance, now_ns=clock.now_ns)
        self._sink = sink
        self._policy = policy
        self._poll_s = min(POLL_S, policy.max_age_s / 5)
        self._books = books
        self._instance = instance
        self._clock = clock
        self._wait = wait
        self._backoff = backoff
        self._publish = publish
        self._observe = observe
        self._drain_s = drain_s
        self._start = start
        self._pending = PendingBatch(JOURNAL_START, policy)
        self._flight: Flight | None = None
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
            loaded = False
            while not loaded and (self._drain_s == inf or not self._stop_requested()):
                try:
                    position = self._sink.open(self._instance)
                    self._note(connected=True, position=position)
                    self._log.info("loading from segment {}, byte {}", position.segment, position.offset)
                    self._load(position)
                    loaded = True
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
            self._begin(position)
            while self._read_some(reader):
                pass
        finally:
            self._abandon()
            reader.close()

    def _begin(self, position: Position) -> None:
        """Begin the next batch, first with what must be told of those before it."""
        self._pending = PendingBatch(position, self._policy)
        self._add_refused()

    def _read_some(self, reader: JournalReader) -> bool:
        """Deal with one block of the journal, or wait for one; return False where it is time to end."""
        stopping = self._stop_requested()
        now = self._clock.monotonic()
        if self._deadline is not None and now >= self._deadline:
            self._log.warning("stopped before the end of the journal: the next run goes on where this one ends")
            return False
        block = reader.read_block(min(self._policy.max_bytes, _LARGEST_READ_BYTES))
        self._register_skipped(reader, now)
        if block is None and stopping:
            self._drain(reader)
            return False
        if block is None:
            left = self._pending.seconds_left(now)
            self._wait(self._poll_s if left is None else min(self._poll_s, left))
        while block is not None:
            part, block = first_lines(block, *self._pending.room)
            self._take(part, reader, now)
        now = self._clock.monotonic()
        if self._flight is not None and self._flight.future.done():
            self._settle(reader)
        if self._pending.is_due(now):
            self._write(reader)
        self._report(reader, now)
        return True

    def _take(self, block: JournalBlock, reader: JournalReader, now: float) -> None:
        for parsed in parse_block(block, self._parser, reader):
            own = self._books.take_all(parsed.records, partial(unwritten, self._flight, self._pending))
            self._pending.add(parsed, now)
            for record in own:
                self._pending.add_own(record, now)
            if self._pending.is_due(now):
                self._write(reader)

    def _write(self, reader: JournalReader) -> None:
        """Send the pending batch on its way, once the one before it has arrived."""
        batch = self._batch()
        self._settle(reader)
        pending = self._pending
        if len(batch.records) < len(pending.records):  # it tells of what was just refused
            batch = self._batch()
        self._flight = Flight(pending, self._start(partial(self._sink.write, batch)))
        self._pending = PendingBatch(pending.end, self._policy)
        if self._flight.future.done():
            self._settle(reader)

    def _batch(self) -> Batch:
        pending = self._pending
        return self._sink.prepare(Batch(self._instance, pending.start, pending.end, list(pending.records)))

    def _settle(self, reader: JournalReader) -> None:
        """Wait for the batch that is under way, if one is, and account for it.

        Raises:
            SinkUnavailableError: It may have arrived or not: the sink knows.
            SinkRefusedError: A person must act.
        """
        if self._flight is None:
            return
        flight, self._flight = self._flight, None
        result, written = flight.future.result(), flight.pending
        self._backoff.reset()
        self._last_written_ns = written.last_time or self._last_written_ns
        self._refused = self._events_for(result, written, reader)
        health = self._health
        self._health = msgspec.structs.replace(
            health,
            position=written.end,
            rows=health.rows + result.inserted,
            duplicates=health.duplicates + result.duplicates,
            rejected=health.rejected + len(result.rejected),
            unparsable=health.unparsable + written.unparsable,
            batches=health.batches + 1,
            loaded_bytes=health.loaded_bytes + written.bytes,
            last_written_at=self._last_written_ns,
        )
        self._add_refused()
        try:
            reach(CrashPoint.BEFORE_PUBLISH)
            self._publish(written.end)
            reach(CrashPoint.AFTER_PUBLISH)
        except OSError as error:
            # The sink has the rows; a full disk only keeps segments from being deleted.
            self._log.warning("cannot publish the position: {}", error)
            self._note(last_error=f"cannot publish the position: {error}")

    def _drain(self, reader: JournalReader) -> None:
        self._settle(reader)
        while self._pending.seconds_left(0) is not None:  # twice where the sink refused something
            self._write(reader)
            self._settle(reader)

    def _abandon(self) -> None:
        """Let a batch that is under way arrive, or fail, without a word: whoever goes on asks the sink."""
        flight, self._flight = self._flight, None
        if flight is not None:
            wait_for([flight.future])

    def _events_for(self, result: WriteResult, written: PendingBatch, reader: JournalReader) -> list[RecorderEvent]:
        """Return an event for each record the sink refused; they go into the next batch."""
        if not result.rejected:
            return []
        events = []
        origins = written.origins()
        for rejected in result.rejected:
            origin = origins.get(id(rejected.record))
            entry = None if origin is None else entry_of(rejected.record, origin, self._parser, reader)
            if entry is None or isinstance(rejected.record, RecorderEvent):
                # An event about a refused event could be refused again, without end.
                self._log.error("the sink refused {}: {}", rejected.record, rejected.reason)
            else:
                events.append(self._parser.refused(rejected, entry))
        return events

    def _add_refused(self) -> None:
        now = self._clock.monotonic()
        for event in self._refused:
            self._pending.add_own(event, now)

    def _register_skipped(self, reader: JournalReader, now: float) -> None:
        skipped = reader.take_skipped()
        if not skipped:
            return
        text = f"segments {skipped[0]} to {skipped[-1]} were gone before they were loaded"
        self._log.error(text)
        self._note(last_error=text)
        detail = {"first_segment": skipped[0], "last_segment": skipped[-1]}
        self._pending.add_own(
            RecorderEvent(self._clock.now_ns(), EventKind.SEGMENTS_SKIPPED, self._instance, detail=detail), now
        )

    def _stop_requested(self) -> bool:
        if self._deadline is None and self._wait(0):
            self._deadline = self._clock.monotonic() + self._drain_s
        return self._deadline is not None

    def _report(self, reader: JournalReader, now: float) -> None:
        if self._observed_at is not None and now - self._observed_at < _OBSERVE_EVERY_S:
            return
        self._observed_at = now
        self._books.rest()  # where snapshots keep coming, a connection serves those of a second
        pending = self._pending
        lag_bytes = reader.lag_bytes() + pending.bytes
        age_s = (self._clock.now_ns() - self._last_written_ns) / _NS_PER_S
        behind = lag_bytes > 0 and self._last_written_ns > 0
        waiting = {"pending_rows": len(pending.records), "pending_bytes": pending.bytes}
        self._note(lag_bytes=lag_bytes, lag_seconds=max(0.0, age_s) if behind else 0.0, **waiting)

    def _note(self, **changes: object) -> None:
        self._health = msgspec.structs.replace(self._health, **changes)
        self._observe(self._health)
