"""Bytes to entries: every block boundary, every kind of line, every kind of damage."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.journal import entries as entries_module
from orderflow_recorder.journal.entries import EntryDecoder
from orderflow_recorder.ports.journal import EntryKind, JournalBlock, JournalEntry

HEADER = b'{"t":1,"k":"header","version":1,"instance":"main","run":"run-1","segment":3}\n'
LINES = [
    HEADER,
    b'{"t":2,"k":"ws","market":"spot","c":4,"d":{"stream":"x", "p": 1.10}}\n',
    b'{"t":3,"k":"bad","market":"usdm","c":5,"reason":"cut short","text":"{\\"a\\""}\n',
    b'{"t":4,"k":"bad","market":"usdm","c":5,"reason":"not UTF-8","base64":"/w=="}\n',
    b'{"t":5,"k":"rest","market":"spot","symbol":"BTCUSDT","path":"/api/v3/depth","params":{},"d":{"bids":[]}}\n',
    b'{"t":6,"k":"event","event":"connected","market":"spot","symbol":null,"c":4,"epoch":null,"d":{}}\n',
    b"nonsense\n",
]
START = Position(3, 0)


def decode(*blocks: bytes) -> list[JournalEntry]:
    """Feed pieces to a new decoder."""
    decoder = EntryDecoder(START)
    return [entry for piece in blocks for entry in feed(decoder, piece)]


def feed(decoder: EntryDecoder, piece: bytes) -> list[JournalEntry]:
    """Return the entries whose line break is in ``piece``."""
    block = decoder.cut(piece)
    return [] if block is None else decoder.entries(block)


def test_each_kind_of_line_becomes_its_entry() -> None:
    frame, text, binary, rest, event, corrupt = decode(b"".join(LINES))
    assert (frame.kind, frame.receive_time, frame.payload) == (EntryKind.FRAME, 2, b'{"stream":"x", "p": 1.10}')
    assert (frame.market, frame.connection, frame.instance, frame.run_id) == (Market.SPOT, 4, "main", "run-1")
    assert (text.kind, text.payload, text.reason) == (EntryKind.BAD, b'{"a"', "cut short")
    assert (binary.payload, binary.connection) == (b"\xff", 5)
    assert (rest.kind, rest.symbol, rest.path) == (EntryKind.REST, "BTCUSDT", "/api/v3/depth")
    assert rest.payload == b'{"bids":[]}'
    assert (event.kind, event.payload) == (EntryKind.EVENT, LINES[5].strip())
    assert (corrupt.kind, corrupt.payload, corrupt.receive_time) == (EntryKind.CORRUPT, b"nonsense", 0)
    assert corrupt.reason


@given(st.lists(st.integers(1, 60), min_size=1))
def test_entries_do_not_depend_on_where_blocks_end(sizes: list[int]) -> None:
    text = b"".join(LINES)
    blocks: list[bytes] = []
    while text:
        size = sizes[len(blocks) % len(sizes)]
        blocks.append(text[:size])
        text = text[size:]
    assert decode(*blocks) == decode(b"".join(LINES))


def test_positions_are_the_places_of_the_lines() -> None:
    text = b"".join(LINES)
    entries = decode(text)
    assert [text[entry.start.offset : entry.end.offset] for entry in entries] == LINES[1:]


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"t":1,"k":"ws"}',
        b'{"t":1,"k":"ws","market":"spot"}',
        b'{"t":1,"k":"ws","market":"coinm","d":{}}',
        b'{"t":"1","k":"ws","market":"spot","d":{}}',
        b'{"t":-1,"k":"ws","market":"spot","d":{}}',
        b'{"t":1,"k":"ws","market":"spot","d":{}',
        b'{"t":1,"k":"corrupt","market":"spot","d":{}}',
        b'{"t":1,"k":"unheard of","market":"spot","d":{}}',
        b'{"t":1,"k":"bad","market":"spot","base64":"%%%"}',
        b'{"t":1,"k":"rest","market":"spot","path":"\xff","d":{}}',
        b'{"t":1,"k":"bad","market":"spot","text":"\\ud800"}',
        b"[" * 100_000,
        b"\x00" * 1000,
    ],
)
def test_line_that_is_no_entry_is_corrupt_and_the_next_one_is_read(line: bytes) -> None:
    corrupt, frame = decode(HEADER, line + b"\n", LINES[1])
    assert (corrupt.kind, corrupt.payload) == (EntryKind.CORRUPT, line)
    assert frame.kind is EntryKind.FRAME


@given(st.binary())
def test_no_bytes_stop_the_decoder(noise: bytes) -> None:
    *_, frame = decode(noise + b"\n" + LINES[1])
    assert frame.payload == b'{"stream":"x", "p": 1.10}'


def test_endless_line_is_corrupt_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries_module, "LONGEST_LINE_BYTES", 200_000)
    blocks = [b"x" * 100_000] * 7 + [b"end\n" + LINES[1]]
    corrupt, frame = decode(*blocks)
    assert (corrupt.kind, corrupt.start, corrupt.end) == (EntryKind.CORRUPT, START, Position(3, 700_004))
    assert len(corrupt.payload) < 300_000
    assert frame.start == corrupt.end


def test_last_line_without_a_line_break_is_returned_only_when_asked_for() -> None:
    decoder = EntryDecoder(START)
    assert feed(decoder, HEADER + LINES[1].strip()) == []
    block = decoder.rest()
    assert block is not None
    (frame,) = decoder.entries(block)
    assert frame.payload == b'{"stream":"x", "p": 1.10}'
    assert decoder.position == frame.end == Position(3, len(HEADER + LINES[1]) - 1)
    assert decoder.rest() is None


def test_a_block_is_whole_lines_without_the_header_and_knows_its_context() -> None:
    decoder = EntryDecoder(START)
    block = decoder.cut(b"".join(LINES[:3]) + LINES[3][:10])
    assert block == JournalBlock(
        Position(3, len(HEADER)), Position(3, len(b"".join(LINES[:3]))), LINES[1] + LINES[2], "main", "run-1"
    )
    assert decoder.position == block.end
    assert EntryDecoder(START).cut(HEADER) is None


def test_a_part_of_a_block_is_decoded_like_the_whole() -> None:
    decoder = EntryDecoder(START)
    block = decoder.cut(b"".join(LINES))
    assert block is not None
    middle = Position(3, block.start.offset + len(LINES[1]))
    parts = [
        JournalBlock(block.start, middle, LINES[1], "main", "run-1"),
        JournalBlock(middle, block.end, b"".join(LINES[2:]), "main", "run-1"),
    ]
    assert [entry for part in parts for entry in decoder.entries(part)] == decode(*LINES)


def test_a_header_between_the_lines_gives_context_to_what_follows_it() -> None:
    decoder = EntryDecoder(START)
    other = HEADER.replace(b"run-1", b"run-2")
    block = decoder.cut(HEADER + LINES[1] + other + LINES[1])
    assert block is not None
    assert (block.run_id, block.whole) == ("run-1", True)
    assert [entry.run_id for entry in decoder.entries(block)] == ["run-1", "run-2"]
    (last,) = feed(decoder, LINES[1])
    assert last.run_id == "run-2"


def test_header_gives_context_when_reading_begins_within_a_segment() -> None:
    decoder = EntryDecoder(START)
    decoder.begin(Position(3, 500), header=HEADER.strip())
    (frame,) = feed(decoder, LINES[1])
    assert (frame.instance, frame.run_id, frame.start) == ("main", "run-1", Position(3, 500))


def test_payload_is_a_copy_that_does_not_keep_the_block_alive() -> None:
    (frame,) = decode(LINES[1])
    assert type(frame.payload) is bytes
    assert msgspec.json.decode(frame.payload) == {"stream": "x", "p": 1.1}
