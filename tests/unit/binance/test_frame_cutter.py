"""Finding frames in bytes."""

import pytest
from websockets.frames import Frame, Opcode

from orderflow_recorder.binance.frame_cutter import frame_size, take_texts

LIMIT = 70_000


def text(payload: bytes) -> bytes:
    """Return a text message as a server sends it."""
    return Frame(Opcode.TEXT, payload).serialize(mask=False)


@pytest.mark.parametrize("length", [0, 1, 2, 125, 126, 127, 65_535, 65_536, LIMIT])
def test_a_message_of_any_length_is_taken_when_it_is_whole(length: int) -> None:
    message, payloads = text(b"x" * length), list[bytes]()
    data = b"before" + message + text(b"behind")
    assert take_texts(data, len(b"before"), LIMIT, payloads) == len(data)
    assert payloads == [b"x" * length, b"behind"]
    assert frame_size(data, len(b"before")) == len(message)
    for stop in {0, 1, 2, 3, 4, 9, 10, 11, len(message) - 1} & set(range(len(message))):
        assert take_texts(message[:stop], 0, LIMIT, payloads) == 0
    assert len(payloads) == 2


def test_a_message_smaller_than_most_headers_may_be_left_at_the_end() -> None:
    payloads: list[bytes] = []
    data = text(b"first") + text(b"x")
    assert take_texts(data, 0, LIMIT, payloads) == len(text(b"first"))
    assert frame_size(data, len(text(b"first"))) == 3


@pytest.mark.parametrize(
    "other",
    [
        Frame(Opcode.BINARY, b"binary").serialize(mask=False),
        Frame(Opcode.TEXT, b"part", fin=False).serialize(mask=False),
        Frame(Opcode.CONT, b"part").serialize(mask=False),
        Frame(Opcode.PING, b"ping").serialize(mask=False),
        Frame(Opcode.CLOSE, b"\x03\xe8").serialize(mask=False),
        Frame(Opcode.TEXT, b"masked").serialize(mask=True),
        Frame(Opcode.TEXT, b"masked" * 100).serialize(mask=True),
        b"\xc1\x04rsv1",
        b"\x83\x04odd.",
        text(b"x" * (LIMIT + 1)),
    ],
    ids=["binary", "part", "rest", "ping", "close", "masked", "masked and long", "reserved bit", "opcode", "too long"],
)
def test_whatever_is_no_valid_text_stops_it(other: bytes) -> None:
    payloads: list[bytes] = []
    first = text(b"first")
    assert take_texts(first + other + text(b"behind"), 0, LIMIT, payloads) == len(first)
    assert payloads == [b"first"]


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536, 2**63])
def test_a_size_is_told_as_soon_as_the_header_is_there(length: int) -> None:
    if length < 126:
        header = bytes([0x82, length])
    elif length < 2**16:
        header = b"\x82\x7e" + length.to_bytes(2, "big")
    else:
        header = b"\x82\x7f" + length.to_bytes(8, "big")
    for stop in range(len(header)):
        assert frame_size(b"." + header[:stop], 1) == 0
    assert frame_size(b"." + header, 1) == len(header) + length
