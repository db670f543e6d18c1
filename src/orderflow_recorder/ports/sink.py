"""Where a loader puts typed records."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import MarketRecord, Record
from orderflow_recorder.ports.journal import JournalEntry


class Batch(msgspec.Struct, frozen=True):
    """Records in journal order, and where the journal continues after them.

    Attributes:
        instance: Whose journal this is; positions are kept per instance.
        start: Position the batch was read from: a sink that stands elsewhere must refuse.
        end: Position after the last entry.
        records: May be empty (the position still moves).
        ready: What the sink has made of them in advance, if it has.
    """

    instance: str
    start: Position
    end: Position
    records: Sequence[Record]
    ready: object = None


class Rejected(msgspec.Struct, frozen=True):
    """A record the sink cannot hold, with the reason; the others were written."""

    record: Record
    reason: str


class WriteResult(msgspec.Struct, frozen=True):
    """What became of a batch: rows written, rows already there, records refused."""

    inserted: int
    duplicates: int
    rejected: Sequence[Rejected] = ()


class Sink(Protocol):
    """Writes batches; rows and position are durable together or not at all.

    Lifecycle: ``open`` → ``write``* → ``close``. After any error ``open`` may be called again and
    tells where to go on; a batch whose ``write`` raised was written completely or not at all.
    """

    name: str

    def open(self, instance: str) -> Position:
        """Connect and return where the journal of ``instance`` must be read from.

        Raises:
            SinkUnavailableError: Try again later.
            SinkRefusedError: A person must act.
        """
        ...

    def prepare(self, batch: Batch) -> Batch:
        """Return ``batch`` with all done that needs no connection; for who writes in another thread than it reads."""
        ...

    def write(self, batch: Batch) -> WriteResult:
        """Write records and position in one transaction. Idempotent by natural key.

        Raises:
            SinkUnavailableError: Connection lost; open again.
            SinkRefusedError: A person must act.
        """
        ...

    def close(self) -> None:
        """Release the connection. Idempotent."""
        ...


class ParsedLines(msgspec.Struct, frozen=True, gc=False):
    """What lines of a journal say.

    Attributes:
        records: In order.
        receive_time: Of the last line, ns.
    """

    records: Sequence[MarketRecord]
    receive_time: int


class Parser(Protocol):
    """Turns journal entries into typed records."""

    def parse(self, entry: JournalEntry) -> Sequence[Record]:
        """Return what ``entry`` says; empty if it says nothing to a sink (acks, unasked streams).

        Raises:
            FrameError: It is not what the venue documents.
        """
        ...

    def parse_block(self, text: bytes) -> ParsedLines | None:
        """Return what whole lines of a journal say: the same as entry by entry, much faster.

        Returns:
            None where it takes a closer look, entry by entry.
        """
        ...
