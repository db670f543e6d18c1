"""The one way into the journal, shared by everything the collector does."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.journal import JournalWriter
from orderflow_recorder.ports.venue import RestAnswer


class Counters(msgspec.Struct):
    """What went into the journal since the start."""

    frames: int = 0
    frame_bytes: int = 0
    bad_frames: int = 0
    rest_answers: int = 0
    events: int = 0


class Intake:
    """Appends to the journal, counts, and numbers the sockets.

    Every method lets `DiskFullError` pass: it ends ingestion until there is room again.
    """

    def __init__(self, writer: JournalWriter, clock: Clock, *, instance: str, run_id: str) -> None:
        """Write to ``writer`` as ``instance`` in run ``run_id``."""
        self.counters = Counters()
        self._writer = writer
        self._clock = clock
        self._instance = instance
        self._run_id = run_id
        self._connections = 0

    def next_connection(self) -> int:
        """Return a number for a new socket, unique within the run."""
        self._connections += 1
        return self._connections

    def frames(self, receive_time: int, market: Market, connection: int, frames: Sequence[bytes]) -> None:
        """Append valid frames as received at ``receive_time`` (ns)."""
        self._writer.append_frames(receive_time, market, connection, frames)
        counters = self.counters
        counters.frames += len(frames)
        counters.frame_bytes += sum(map(len, frames))

    def bad(self, receive_time: int, market: Market, connection: int, frame: bytes, reason: str) -> None:
        """Append a frame that cannot be read, raw, with the reason."""
        self._writer.append_bad(receive_time, market, connection, frame, reason)
        self.counters.bad_frames += 1
        self.counters.frame_bytes += len(frame)

    def rest(self, answer: RestAnswer) -> None:
        """Append a REST answer."""
        self._writer.append_rest(answer)
        self.counters.rest_answers += 1

    def last_words(self, kind: EventKind, detail: Mapping[str, Any]) -> None:
        """Put an event on record although the disk is full, from the journal's reserve; never raises."""
        self._writer.append_last_words(
            RecorderEvent(
                time=self._clock.now_ns(), event=kind, instance=self._instance, run_id=self._run_id, detail=dict(detail)
            )
        )

    def event(
        self,
        kind: EventKind,
        *,
        market: Market | None = None,
        symbol: str | None = None,
        connection: int | None = None,
        epoch: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Append an event of this run, happening now."""
        self._writer.append_event(
            RecorderEvent(
                time=self._clock.now_ns(),
                event=kind,
                instance=self._instance,
                run_id=self._run_id,
                market=market,
                symbol=symbol,
                connection=connection,
                epoch=epoch,
                detail=dict(detail or {}),
            )
        )
        self.counters.events += 1
