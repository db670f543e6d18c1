"""From blocks to records: as a whole where that can be, else in halves, down to the odd line by itself."""

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

from orderflow_recorder.domain.records import Record
from orderflow_recorder.loader.parsing import TolerantParser
from orderflow_recorder.ports.journal import JournalBlock, JournalEntry, JournalReader

_SHORTEST_BYTES: Final = 20
"""No line of a journal is shorter, ``{"t":1,"k":"event"}`` is not one yet."""

Origin: TypeAlias = JournalBlock | JournalEntry
"""What records were parsed from."""


class Parsed(msgspec.Struct, frozen=True):
    """What a block or an entry says.

    Attributes:
        origin: The block or entry.
        records: In order.
        receive_time: Of the last line, ns; 0 where it has none.
        readable: False where ``records`` only tells that the entry could not be parsed.
    """

    origin: Origin
    records: Sequence[Record]
    receive_time: int
    readable: bool = True


def parse_block(block: JournalBlock, parser: TolerantParser, reader: JournalReader) -> Iterator[Parsed]:
    """Yield what a block says, part by part, in order."""
    lines = None if block.dropped_bytes else parser.parse_block(block.text)
    if lines is not None:
        yield Parsed(block, lines.records, lines.receive_time)
        return
    parts = None if block.whole else _halves(block)
    if parts is not None:
        for part in parts:
            yield from parse_block(part, parser, reader)
        return
    for entry in reader.entries(block):
        entry_records, readable = parser.parse(entry)
        yield Parsed(entry, entry_records, entry.receive_time, readable)


def first_lines(block: JournalBlock, lines: int, size: int) -> tuple[JournalBlock, JournalBlock | None]:
    """Return the first lines, one at least, and the others if there are any.

    Args:
        block: What was read.
        lines: How many at the most.
        size: Of how many bytes together at the most.
    """
    text = block.text
    if len(text) <= size and (len(text) <= lines * _SHORTEST_BYTES or text.count(b"\n") <= lines):
        return block, None
    if block.whole:
        return block, None
    cut = text.rfind(b"\n", 0, size) + 1 or text.find(b"\n") + 1
    if text.count(b"\n", 0, cut) > lines:
        cut = len(text) - len(text.split(b"\n", lines)[-1])
    return block.cut(cut) if 0 < cut < len(text) else (block, None)


def entry_of(record: Record, origin: Origin, parser: TolerantParser, reader: JournalReader) -> JournalEntry | None:
    """Return the entry that a record of ``origin`` was parsed from."""
    if isinstance(origin, JournalEntry):
        return origin
    return next((entry for entry in reader.entries(origin) if record in parser.parse(entry)[0]), None)


def _halves(block: JournalBlock) -> tuple[JournalBlock, JournalBlock] | None:
    """Return the block in two parts of about the same size; none where it is one line."""
    text, middle = block.text, len(block.text) // 2
    cut = text.rfind(b"\n", 0, middle) + 1 or text.find(b"\n", middle) + 1
    return block.cut(cut) if 0 < cut < len(text) else None
