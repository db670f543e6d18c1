"""Reads the journal back from the server; satisfies `orderflow_recorder.ports.journal.JournalReader`."""

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.journal.entries import EntryDecoder
from orderflow_recorder.journal.jetstream.fetcher import Fetcher, Piece
from orderflow_recorder.journal.jetstream.loop_thread import LoopThread
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.journal import JournalBlock, JournalEntry

_NEWS_S: Final = 4.0
_LAG_S: Final = 1.0


class _Mark(msgspec.Struct, frozen=True, gc=False):
    """Where a message ended, and which one it was."""

    end: Position
    session: int
    sequence: int


class JetStreamReader:
    """Reads on from a position. One thread uses it; the connection lives in another."""

    def __init__(
        self, url: str, *, instance: str, sink: str, position: Position, clock: Clock, backoff: Backoff
    ) -> None:
        """Begin to connect.

        Args:
            url: ``JOURNAL_URL``.
            instance: Whose journal.
            sink: For whom; its durable consumer is moved by `publish`.
            position: Where to begin.
            clock: Waits between attempts.
            backoff: How long.
        """
        self._decoder = EntryDecoder(position)
        self._pieces: list[Piece] = []
        self._held: JournalBlock | None = None
        self._skipped: list[int] = []
        self._marks: deque[_Mark] = deque()
        self._lag_bytes = 0
        self._fetcher = Fetcher(url, instance=instance, sink=sink, position=position, clock=clock, backoff=backoff)
        self._thread = LoopThread("journal", self._fetcher.run())

    @property
    def trouble(self) -> str:
        """Return why nothing comes from the server just now; empty while it answers."""
        return self._fetcher.trouble

    def read(self, max_bytes: int) -> Sequence[JournalEntry]:
        """Return the next complete entries, about ``max_bytes`` of them; empty at the end.

        Raises:
            JournalError: The server refuses; a person must act.
        """
        entries: list[JournalEntry] = []
        wanted = max_bytes
        while (wanted > 0 or not entries) and (block := self.read_block(max(wanted, 1))) is not None:
            wanted -= len(block.text)
            entries += self.entries(block)
        return entries

    def read_block(self, max_bytes: int) -> JournalBlock | None:
        """Return the next complete lines of one segment, about ``max_bytes`` of them; none at the end.

        At the end it asks the server whether there is more, and waits for that; a server that does not answer
        has no more.

        Raises:
            JournalError: As `read`.
        """
        held, self._held = self._held or self._next_lines(), None
        if held is None:
            return None
        block, self._held = _split(held, max_bytes)
        return block

    def entries(self, block: JournalBlock) -> Sequence[JournalEntry]:
        """Return the entries of a block that was read, or of a part of one."""
        return self._decoder.entries(block)

    def take_skipped(self) -> Sequence[int]:
        """Return the segments of which something was gone before it was read, each of them once."""
        skipped, self._skipped = self._skipped, []
        return skipped

    def lag_bytes(self) -> int:
        """Return about how many bytes lie between here and the end of the journal, as the server stores them."""
        waiting = self._thread.ask(self._fetcher.waiting_bytes(), within_s=_LAG_S)
        if waiting is not None:
            self._lag_bytes = waiting
        return self._lag_bytes + (len(self._held.text) if self._held is not None else 0)

    def publish(self, position: Position) -> None:
        """Tell the server that the sink has everything before ``position``."""
        passed: _Mark | None = None
        while self._marks and self._marks[0].end <= position:
            passed = self._marks.popleft()
        if passed is not None:
            self._thread.tell(partial(self._fetcher.note_commit, position, passed.session, passed.sequence))

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self._thread.close()

    def _next_lines(self) -> JournalBlock | None:
        while (piece := self._take()) is not None:
            self._skipped += [number for number in piece.skipped if number not in self._skipped]
            if self._pieces and self._pieces[-1].stamp.end != piece.stamp.start:
                self._pieces = []  # the rest of that line was lost before it was published
            self._pieces.append(piece)
            if piece.text.endswith(b"\n"):
                pieces, self._pieces = self._pieces, []
                first = pieces[0].stamp
                return JournalBlock(
                    first.start,
                    piece.stamp.end,
                    b"".join(part.text for part in pieces),
                    first.instance,
                    first.run_id,
                    first.dropped_bytes,
                )
        return None

    def _take(self) -> Piece | None:
        if not self._fetcher.ready and self._fetcher.failure is None:
            self._thread.ask(self._fetcher.await_news(), within_s=_NEWS_S)
        if not self._fetcher.ready:
            if self._fetcher.failure is not None:
                raise self._fetcher.failure
            return None
        piece = self._fetcher.ready.popleft()
        self._thread.tell(self._fetcher.note_room)
        self._marks.append(_Mark(piece.stamp.end, piece.session, piece.sequence))
        return piece


def _split(block: JournalBlock, max_bytes: int) -> tuple[JournalBlock, JournalBlock | None]:
    """Cut a block behind the line that reaches ``max_bytes``; none is left where it is no longer than that."""
    cut = block.text.find(b"\n", max_bytes - 1) + 1
    if block.whole or cut in {0, len(block.text)}:
        return block, None
    return block.cut(cut)
