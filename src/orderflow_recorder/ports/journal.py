"""The journal as its writer (collector) and its readers (loaders) see it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final, Protocol

import msgspec

from orderflow_recorder.domain.events import RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.ports.venue import RestAnswer

HEADER_MARK: Final = b'"header"'
"""In the first line of each segment, and hardly in another."""


class EntryKind(StrEnum):
    """Value of ``k`` in a journal line."""

    FRAME = "ws"
    BAD = "bad"
    REST = "rest"
    EVENT = "event"
    CORRUPT = "corrupt"
    """Never written: a complete line that is not a journal entry."""


class JournalEntry(msgspec.Struct, frozen=True, gc=False):
    """One line, with the segment header's context.

    Attributes:
        kind: What ``payload`` is.
        start: Where the line begins.
        end: Where the next one begins.
        receive_time: ns since the epoch (0 if the line is corrupt).
        payload: JSON of the frame, REST body or event; for ``bad`` the original bytes; for
            ``corrupt`` the line.
        instance: From the segment's header ('' in a capture).
        run_id: From the segment's header ('' in a capture).
        market: None for events without one.
        symbol: REST entries only.
        path: REST entries only.
        connection: Number of the socket within the run; none in captures.
        reason: Why a frame is bad, or a line corrupt.
    """

    kind: EntryKind
    start: Position
    end: Position
    receive_time: int
    payload: bytes
    instance: str = ""
    run_id: str = ""
    market: Market | None = None
    symbol: str | None = None
    path: str | None = None
    connection: int | None = None
    reason: str | None = None


class JournalBlock(msgspec.Struct, frozen=True, gc=False):
    """Whole lines of one segment, not looked at yet; a segment's header is none of them.

    Attributes:
        start: Where the first line begins.
        end: Where the line after the last one begins.
        text: The lines, each with its line break (but for the last line of a file that ends without one).
        instance: From the segment's header ('' in a capture).
        run_id: From the segment's header ('' in a capture).
        dropped_bytes: Left out of the first line, which is too long to be an entry.
    """

    start: Position
    end: Position
    text: bytes
    instance: str = ""
    run_id: str = ""
    dropped_bytes: int = 0

    @property
    def whole(self) -> bool:
        """Say whether it must be decoded as it is: a line that was cut or a header between lines concerns the rest."""
        return self.dropped_bytes > 0 or HEADER_MARK in self.text

    def cut(self, size: int) -> "tuple[JournalBlock, JournalBlock]":
        """Return the lines in the first ``size`` bytes, and the others; not for a block that is `whole`."""
        place = Position(self.start.segment, self.start.offset + size)
        return (
            msgspec.structs.replace(self, end=place, text=self.text[:size]),
            msgspec.structs.replace(self, start=place, text=self.text[size:]),
        )


class JournalWriter(Protocol):
    """Appends entries. Appending only fills a bounded buffer; `flush` writes it.

    Every method raises `DiskFullError` when the disk is full: the file then still ends with a
    complete line, what did not fit is dropped, and nothing may be appended before `resume`.
    """

    def append_frame(self, receive_time: int, market: Market, connection: int, frame: bytes) -> None:
        """Append a frame that is valid JSON on one line, byte for byte."""
        ...

    def append_frames(self, receive_time: int, market: Market, connection: int, frames: Sequence[bytes]) -> None:
        """Append frames of one read, as `append_frame` would one after the other."""
        ...

    def append_bad(self, receive_time: int, market: Market, connection: int, frame: bytes, reason: str) -> None:
        """Append a frame that is not; it is kept as text, or base64 if it is not UTF-8."""
        ...

    def append_rest(self, answer: RestAnswer) -> None:
        """Append a REST answer."""
        ...

    def append_event(self, event: RecorderEvent) -> None:
        """Append an event; ``instance`` and ``run_id`` are in the segment's header."""
        ...

    def append_last_words(self, event: RecorderEvent) -> None:
        """Write ``event`` after `DiskFullError`, from a reserve kept for it; best effort, never raises."""
        ...

    def flush(self) -> None:
        """Hand everything appended to the operating system; switch segment where it is time."""
        ...

    def sync(self) -> None:
        """Make everything flushed durable (fsync); may be called from another thread."""
        ...

    def resume(self) -> bool:
        """Say whether there is room again after `DiskFullError`; true re-opens for appending."""
        ...

    def close(self) -> None:
        """Flush, sync, release the lock. Idempotent."""
        ...


class JournalReader(Protocol):
    """Reads on from a position; tails a file that grows."""

    def read(self, max_bytes: int) -> Sequence[JournalEntry]:
        """Return the next complete entries, about ``max_bytes`` of them; empty at the end.

        Never blocks, never returns a torn line, moves over to the next segment by itself.
        """
        ...

    def read_block(self, max_bytes: int) -> JournalBlock | None:
        """Return the next complete lines, about ``max_bytes`` of them; none at the end. See `read`."""
        ...

    def entries(self, block: JournalBlock) -> Sequence[JournalEntry]:
        """Return the entries of a block that was read, or of a part of one."""
        ...

    def take_skipped(self) -> Sequence[int]:
        """Return the numbers of segments that were gone before they were read, each of them once."""
        ...

    def lag_bytes(self) -> int:
        """Return how many bytes lie between here and the end of the journal."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...
