"""From bytes of a segment to journal entries: cuts lines, decodes them, keeps count of the place."""

from typing import Final

import msgspec

from orderflow_recorder.domain.positions import Position
from orderflow_recorder.journal.lines import HEADER, Line, bad_payload, decode_line
from orderflow_recorder.ports.journal import HEADER_MARK, EntryKind, JournalBlock, JournalEntry

LONGEST_LINE_BYTES: Final = 64 * 1024 * 1024
_DAMAGE: Final = (ValueError, RecursionError, msgspec.MsgspecError)
"""What decoding a line that is none may raise."""
_KEPT_OF_A_LONGER_LINE_BYTES: Final = 1 << 16


class EntryDecoder:
    """Takes pieces of one segment in order, cuts them into whole lines, and decodes those.

    Attributes:
        position: Where the first line begins that has not been returned yet.
    """

    def __init__(self, position: Position) -> None:
        """Begin at ``position``, without a header's context."""
        self.begin(position)

    def begin(self, position: Position, *, header: bytes | None = None) -> None:
        """Forget the bytes that wait for their line break, and go on somewhere else.

        Args:
            position: Where the next block comes from.
            header: The segment's first line, if the next block is not its beginning.
        """
        self.position = position
        self._pieces: list[bytes] = []
        self._forget_tail()
        self._instance = ""
        self._run_id = ""
        if header is not None:
            self._take_header(header)

    def cut(self, piece: bytes) -> JournalBlock | None:
        """Return the lines whose line break is in ``piece``, but for a segment's header; none where there is none."""
        cut = piece.rfind(b"\n")
        if cut < 0:
            self._wait_for_line_break(piece)
            return None
        text = b"".join([*self._pieces, piece[: cut + 1]])
        dropped = self._dropped_bytes
        self._forget_tail()
        if cut + 1 < len(piece):
            self._wait_for_line_break(piece[cut + 1 :])
        if self.position.offset == 0 and not dropped:
            text = self._without_header(text)
        return self._block(text, dropped) if text else None

    def rest(self) -> JournalBlock | None:
        """Return the last line of a file that does not end with a line break, if there is one."""
        text, dropped = b"".join(self._pieces), self._dropped_bytes
        self._forget_tail()
        return self._block(text, dropped) if text else None

    def entries(self, block: JournalBlock) -> list[JournalEntry]:
        """Return the entries of a block that was cut, or of a part of one."""
        entries = []
        start, dropped = block.start, block.dropped_bytes
        context = block.instance, block.run_id
        for line in block.text.removesuffix(b"\n").split(b"\n"):
            end = Position(start.segment, min(start.offset + len(line) + 1 + dropped, block.end.offset))
            if dropped:
                reason = f"expected a line of at most {LONGEST_LINE_BYTES:,} bytes"
                entries.append(_corrupt(line, start, end, reason))
                dropped = 0
            elif (header := _header(line)) is not None:
                context = header  # of files that somebody put together
            else:
                entries.append(_entry(line, start, end, *context))
            start = end
        if block.end == self.position:
            self._instance, self._run_id = context
        return entries

    def _block(self, text: bytes, dropped: int) -> JournalBlock:
        start = self.position
        self.position = Position(start.segment, start.offset + len(text) + dropped)
        return JournalBlock(start, self.position, text, self._instance, self._run_id, dropped)

    def _without_header(self, text: bytes) -> bytes:
        """Take the context from the first line of a segment and leave it out; captures have none."""
        line, line_break, others = text.partition(b"\n")
        if not self._take_header(line):
            return text
        self.position = Position(self.position.segment, len(line) + len(line_break))
        return others

    def _take_header(self, line: bytes) -> bool:
        header = _header(line)
        if header is not None:
            self._instance, self._run_id = header
        return header is not None

    def _forget_tail(self) -> None:
        self._pieces = []
        self._waiting_bytes = self._dropped_bytes = 0

    def _wait_for_line_break(self, piece: bytes) -> None:
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes > LONGEST_LINE_BYTES:
            # No entry is that long: the file is damaged here. Keep the beginning for the report.
            kept = b"".join(self._pieces)[:_KEPT_OF_A_LONGER_LINE_BYTES]
            self._dropped_bytes += self._waiting_bytes - len(kept)
            self._pieces = [kept]
            self._waiting_bytes = len(kept)


def _header(text: bytes) -> tuple[str, str] | None:
    """Return instance and run of a segment's header; none where the line is something else."""
    if HEADER_MARK not in text:
        return None
    try:
        line = decode_line(text)
    except _DAMAGE:
        return None
    return (line.instance, line.run) if line.k == HEADER else None


def _entry(text: bytes, start: Position, end: Position, instance: str, run_id: str) -> JournalEntry:
    try:
        line = decode_line(text)
        if line.k == EntryKind.FRAME and line.market is not None and line.d:
            return JournalEntry(
                EntryKind.FRAME,
                start,
                end,
                line.t,
                bytes(line.d),
                instance,
                run_id,
                line.market,
                connection=line.c,
            )
        return _rarer_entry(line, text, start, end, instance, run_id)
    except _DAMAGE as error:
        return _corrupt(text, start, end, str(error))


def _rarer_entry(line: Line, text: bytes, start: Position, end: Position, instance: str, run_id: str) -> JournalEntry:
    kind = EntryKind(line.k)
    if kind is EntryKind.EVENT:
        payload = text
    elif kind is EntryKind.BAD:
        payload = bad_payload(line)
    elif line.market is not None and line.d and kind is not EntryKind.CORRUPT:
        payload = bytes(line.d)
    else:
        message = f"expected market and d in a line of kind {line.k!r}"
        raise ValueError(message)
    return JournalEntry(
        kind,
        start,
        end,
        line.t,
        payload,
        instance,
        run_id,
        line.market,
        line.symbol,
        line.path,
        line.c,
        line.reason,
    )


def _corrupt(text: bytes, start: Position, end: Position, reason: str) -> JournalEntry:
    return JournalEntry(EntryKind.CORRUPT, start, end, 0, text, reason=reason)
