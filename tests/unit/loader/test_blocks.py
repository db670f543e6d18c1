"""Blocks in parts: the odd line by itself, all others as they were, nothing out of order."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.events import RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.domain.records import Record, Trade
from orderflow_recorder.journal.entries import EntryDecoder
from orderflow_recorder.journal.reader import FileJournalReader
from orderflow_recorder.loader.blocks import entry_of, first_lines, parse_block
from orderflow_recorder.loader.parsing import TolerantParser
from orderflow_recorder.ports.journal import JournalBlock, JournalEntry
from orderflow_recorder.ports.sink import ParsedLines
from tests.support import records as build
from tests.support.journal import open_writer


class Numbers:
    """Reads the number that is a frame; odd ones only by themselves, and 13 not at all."""

    def parse(self, entry: JournalEntry) -> Sequence[Record]:
        """Return a trade of that id."""
        number = int(entry.payload)
        if number == 13:
            message = "expected another number"
            raise FrameError(message)
        return [build.trade(number)]

    def parse_block(self, text: bytes) -> ParsedLines | None:
        """Return trades of even ids."""
        if b"header" in text:
            return None
        lines = [msgspec.json.decode(line) for line in text.splitlines()]
        if any(line["d"] % 2 for line in lines):
            return None
        return ParsedLines([build.trade(line["d"]) for line in lines], lines[-1]["t"])


def tolerant() -> TolerantParser:
    return TolerantParser(Numbers(), instance="main", now_ns=lambda: 0)


def read(directory: Path, numbers: Sequence[int]) -> tuple[JournalBlock, FileJournalReader]:
    """Return a journal of frames that are just numbers, as one block, and its reader."""
    with closing(open_writer(directory)) as writer:
        for time, number in enumerate(numbers, start=1):
            writer.append_frame(time, Market.SPOT, 1, str(number).encode())
    reader = FileJournalReader(directory, JOURNAL_START)
    block = reader.read_block(1 << 20)
    assert block is not None
    return block, reader


def test_only_the_odd_lines_are_looked_at_by_themselves(tmp_path: Path) -> None:
    numbers = [*range(0, 60, 2), 7, *range(60, 100, 2), 13, 11, *range(100, 120, 2)]
    block, reader = read(tmp_path, numbers)
    with closing(reader):
        parts = list(parse_block(block, tolerant(), reader))
    records = [record for part in parts for record in part.records]
    assert [one.trade_id if isinstance(one, Trade) else 13 for one in records] == numbers
    assert [part.origin.start for part in parts[1:]] == [part.origin.end for part in parts[:-1]]
    assert (parts[0].origin.start, parts[-1].origin.end) == (block.start, block.end)
    assert len(parts) < 25
    assert [part.readable for part in parts].count(False) == 1
    assert parts[-1].receive_time == len(numbers)
    (event,) = [one for one in records if isinstance(one, RecorderEvent)]
    assert (event.run_id, event.time) == ("run-1", numbers.index(13) + 1)


def test_a_block_that_must_stay_whole_is_decoded_entry_by_entry(tmp_path: Path) -> None:
    block, reader = read(tmp_path, [2, 4])
    header = b'{"t":1,"k":"header","version":1,"instance":"main","run":"run-2","segment":1}\n'
    text = block.text + header + block.text
    put_together = msgspec.structs.replace(
        block, text=text, end=Position(1, block.start.offset + len(text)), dropped_bytes=0
    )
    with closing(reader):
        parts = list(parse_block(put_together, tolerant(), reader))
    assert [part.origin for part in parts] == EntryDecoder(Position(1, 0)).entries(put_together)
    origins = [part.origin for part in parts if isinstance(part.origin, JournalEntry)]
    assert [origin.run_id for origin in origins] == ["run-1", "run-1", "run-2", "run-2"]


@given(sizes=st.lists(st.integers(20, 50), min_size=1, max_size=12), lines=st.integers(1, 6), size=st.integers(1, 150))
def test_first_lines_are_as_many_as_fit_and_at_least_one(sizes: list[int], lines: int, size: int) -> None:
    texts = [b"x" * length + b"\n" for length in sizes]
    whole = JournalBlock(Position(3, 50), Position(3, 50 + sum(map(len, texts))), b"".join(texts))
    rest: JournalBlock | None = whole
    found: list[JournalBlock] = []
    while rest is not None:
        first, rest = first_lines(rest, lines, size)
        found.append(first)
    assert b"".join(part.text for part in found) == whole.text
    assert [part.start for part in found] == [whole.start, *[part.end for part in found[:-1]]]
    assert found[-1].end == whole.end
    for part in found:
        assert part.text.endswith(b"\n")
        count = part.text.count(b"\n")
        assert count == 1 or (count <= lines and len(part.text) <= size)


def test_the_entry_of_a_record_is_found_in_its_block(tmp_path: Path) -> None:
    block, reader = read(tmp_path, [2, 4, 6])
    with closing(reader):
        entry = entry_of(build.trade(4), block, tolerant(), reader)
        assert entry is not None
        assert (entry.payload, entry.run_id) == (b"4", "run-1")
        assert entry_of(build.trade(4), entry, tolerant(), reader) is entry
        assert entry_of(build.trade(5), block, tolerant(), reader) is None


@pytest.mark.parametrize("lines", [1, 5])
def test_a_whole_block_is_not_cut(lines: int) -> None:
    block = JournalBlock(Position(1, 0), Position(1, 96), b"a\nb\nc\n", dropped_bytes=90)
    assert first_lines(block, lines, 2) == (block, None)
