"""The line format of the journal: how an entry is written, and how a line is read.

The format is described in ``docs/architecture.md``. A line is one JSON object; its ``d`` is spliced in
byte for byte and taken out byte for byte, so that no number is ever converted on the way.
"""

import base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec

from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.journal import EntryKind
from orderflow_recorder.ports.venue import RestAnswer

VERSION: Final = 1
HEADER: Final = "header"

Nanoseconds = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class Line(msgspec.Struct, gc=False):
    """Any line, as the reader decodes it; which fields are there depends on ``k``."""

    t: Nanoseconds
    k: str
    d: msgspec.Raw = msgspec.Raw(b"")
    market: Market | None = None
    c: int | None = None
    symbol: str | None = None
    path: str | None = None
    reason: str | None = None
    text: str | None = None
    base64: str | None = None
    instance: str = ""
    run: str = ""


class _Header(msgspec.Struct):
    t: int
    k: str
    version: int
    instance: str
    run: str
    segment: int


class _Bad(msgspec.Struct):
    t: int
    k: EntryKind
    market: Market
    c: int
    reason: str
    text: str | msgspec.UnsetType = msgspec.UNSET
    base64: str | msgspec.UnsetType = msgspec.UNSET


class _Rest(msgspec.Struct):
    t: int
    k: EntryKind
    market: Market
    symbol: str | None
    path: str
    params: Mapping[str, str]
    d: msgspec.Raw


class _Event(msgspec.Struct):
    t: int
    k: EntryKind
    event: EventKind
    market: Market | None
    symbol: str | None
    c: int | None
    epoch: int | None
    d: dict[str, Any]


_encode: Final = msgspec.json.Encoder().encode
decode_line: Final = msgspec.json.Decoder(Line).decode


def header_line(*, time: int, instance: str, run_id: str, segment: int) -> bytes:
    """Compose the first line of a segment.

    Args:
        time: ns since the epoch.
        instance: ``INSTANCE_ID`` of the recorder.
        run_id: UUID text of the run.
        segment: Number of the segment.
    """
    return _encode(_Header(time, HEADER, VERSION, instance, run_id, segment)) + b"\n"


@lru_cache(maxsize=1024)
def _frame_middle(market: Market, connection: int) -> bytes:
    """Compose what stands between a frame's receive time and the frame."""
    return b',"k":"%b","market":"%b","c":%d,"d":' % (EntryKind.FRAME.encode(), market.encode(), connection)


def frame_lines(receive_time: int, market: Market, connection: int, frames: Sequence[bytes]) -> bytes:
    """Compose the lines of frames, at least one, that a socket received at the same time (ns)."""
    begin = b'{"t":%d%b' % (receive_time, _frame_middle(market, connection))
    parts = [*map(on_one_line, frames)] if b"\n" in b"".join(frames) else [*frames]
    parts[0] = begin + parts[0]
    parts[-1] += b"}\n"
    return (b"}\n" + begin).join(parts)


def bad_line(receive_time: int, market: Market, connection: int, frame: bytes, reason: str) -> bytes:
    """Compose the line of a frame that is not JSON: as text, or base64 where it is not UTF-8."""
    line = _Bad(receive_time, EntryKind.BAD, market, connection, reason)
    try:
        line.text = frame.decode()
    except UnicodeDecodeError:
        line.base64 = base64.b64encode(frame).decode()
    return _encode(line) + b"\n"


def bad_payload(line: Line) -> bytes:
    """Return the original bytes of a bad frame.

    Raises:
        ValueError: The line has neither text nor base64, or the base64 is none.
    """
    if line.text is not None:
        return line.text.encode()
    if line.base64 is None:
        message = "expected text or base64 in a bad frame's line, found neither"
        raise ValueError(message)
    return base64.b64decode(line.base64, validate=True)


def rest_line(answer: RestAnswer) -> bytes:
    """Compose the line of a REST answer."""
    body = msgspec.Raw(on_one_line(answer.body))
    return (
        _encode(
            _Rest(answer.receive_time, EntryKind.REST, answer.market, answer.symbol, answer.path, answer.params, body)
        )
        + b"\n"
    )


def event_line(event: RecorderEvent) -> bytes:
    """Compose the line of an event; instance and run are in the segment's header."""
    line = _Event(
        event.time,
        EntryKind.EVENT,
        event.event,
        event.market,
        event.symbol,
        event.connection,
        event.epoch,
        event.detail,
    )
    return _encode(line) + b"\n"


def on_one_line(document: bytes) -> bytes:
    """Return a JSON document without line breaks and otherwise unchanged.

    A JSON string cannot contain a raw line break, so each one found is white space between tokens.
    """
    if b"\n" in document:
        return document.replace(b"\r", b" ").replace(b"\n", b" ")
    return document
