"""Finds frames in the bytes of a WebSocket server: whole text messages at little more than the cost of a slice.

Nearly all that a market-data server sends are text messages in one frame each. Those are cut out here; where
anything else begins, its size is told, so that a full parser can be given exactly its bytes.

Section numbers are those of RFC 6455.
"""

from struct import Struct
from typing import Final

TEXT: Final = 0x81
"""First byte of a text message in one frame (5.2: FIN set, no reserved bit, opcode 1)."""
MASKED: Final = 0x80
"""In the second byte; a server must not set it (5.1)."""

_LENGTH_16: Final = 126
_LENGTH_64: Final = 127
_TEXT_16: Final = TEXT << 8 | _LENGTH_16
_HEADER_16: Final = Struct("!HH")
_HEADER_64: Final = Struct("!HQ")
LONGEST_HEADER: Final = _HEADER_64.size
"""Bytes, without a mask."""


def take_texts(data: bytes, start: int, max_size: int, payloads: list[bytes]) -> int:
    """Take text messages that are whole and valid, as far as nothing else comes between.

    Args:
        data: What the server sent.
        start: Where a frame begins in it.
        max_size: Longest payload that is valid, bytes.
        payloads: Takes the payload of each message.

    Returns:
        Where something else begins: the end, a frame not wholly there, or one that is not such a text. A frame
        of fewer than four bytes may be left, too.
    """
    end, last = len(data), len(data) - 3
    header_16, take = _HEADER_16.unpack_from, payloads.append
    while start < last:
        head, length = header_16(data, start)
        if head == _TEXT_16:
            begin = start + 4
        elif head >> 8 != TEXT or head & MASKED:
            break
        elif (length := head & 0x7F) < _LENGTH_16:
            begin = start + 2
        elif end - start >= _HEADER_64.size:
            begin = start + _HEADER_64.size
            _, length = _HEADER_64.unpack_from(data, start)
        else:
            break
        stop = begin + length
        if stop > end or length > max_size:
            break
        take(data[begin:stop])
        start = stop
    return start


def frame_size(data: bytes, start: int) -> int:
    """Return the bytes that the frame at ``start`` spans (of a server, so without a mask), header included.

    Returns:
        0 where too little of the header is there to tell.
    """
    rest = len(data) - start
    length = data[start + 1] & 0x7F if rest > 1 else -1
    if 0 <= length < _LENGTH_16:
        return 2 + length
    if length == _LENGTH_16 and rest >= _HEADER_16.size:
        return _HEADER_16.size + int(_HEADER_16.unpack_from(data, start)[1])
    if length == _LENGTH_64 and rest >= _HEADER_64.size:
        return _HEADER_64.size + int(_HEADER_64.unpack_from(data, start)[1])
    return 0
