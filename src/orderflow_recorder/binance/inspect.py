"""What a frame is, decoding no more than continuity needs.

The frame itself goes into the journal byte for byte, so this also decides whether it may: it must
be valid JSON, valid UTF-8, on one line.
"""

from typing import Annotated, Final

import msgspec

from orderflow_recorder.binance.text import line_fault, printable
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.ports.feed import AckNote, BadNote, DataNote, FrameNote, RejectNote, ShutdownNote

UpdateId = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]

SHUTDOWN_STREAM: Final = "!serverShutdown"
SHUTDOWN_EVENT: Final = "serverShutdown"

_ABSENT: Final = msgspec.Raw(b"")


class ErrorBody(msgspec.Struct, frozen=True, gc=False):
    """The venue's error, as REST and the wrapped control answer carry it."""

    code: int | None = None
    msg: str = ""


class Envelope(msgspec.Struct, frozen=True):
    """Every top-level key a frame may have; which are there says what it is."""

    stream: str | None = None
    data: msgspec.Raw = _ABSENT
    result: msgspec.Raw = _ABSENT
    error: ErrorBody | None = None
    code: int | None = None
    msg: str = ""
    id: int | str | None = None
    e: str | None = None


class _DepthIdsWire(msgspec.Struct, frozen=True, gc=False):
    first: UpdateId = msgspec.field(name="U")
    final: UpdateId = msgspec.field(name="u")
    previous: UpdateId | None = msgspec.field(name="pu", default=None)


# RecursionError: nesting beyond the interpreter's limit. UnicodeDecodeError: a decoded string.
DECODE_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

ENVELOPE_DECODER: Final = msgspec.json.Decoder(Envelope)
_DEPTH_IDS_DECODER: Final = msgspec.json.Decoder(_DepthIdsWire)


def inspect(market: Market, frame: bytes) -> FrameNote:
    """Say what ``frame`` is. Never raises.

    Args:
        market: Where it came from: only USD-M diffs chain by ``pu``.
        frame: As received.
    """
    try:
        envelope = ENVELOPE_DECODER.decode(frame)
    except DECODE_ERRORS as error:
        return BadNote(f"expected a JSON frame: {printable(str(error))}; received {len(frame)} bytes")
    fault = line_fault(frame)
    if fault is not None:
        return BadNote(fault)
    return _control(envelope) if envelope.stream is None else _data(market, envelope, envelope.stream)


def is_depth_diff(wire_name: str) -> bool:
    """Say whether the stream carries diffs, by its name.

    USD-M partial depth (``btcusdt@depth5@100ms``) says ``e: depthUpdate`` too; only names differ.
    """
    at = wire_name.find("@")
    return wire_name.startswith("@depth@", at) or wire_name[at:] == "@depth"


def _data(market: Market, envelope: Envelope, stream: str) -> FrameNote:
    if stream == SHUTDOWN_STREAM:
        return ShutdownNote()
    if bytes(envelope.data)[:1] not in (b"{", b"["):
        return BadNote(
            f"{printable(stream)}: expected 'data' to be an object, received {printable(bytes(envelope.data))!r}"
        )
    return _depth(market, stream, envelope.data) if is_depth_diff(stream) else DataNote(stream)


def _depth(market: Market, stream: str, data: msgspec.Raw) -> FrameNote:
    try:
        ids = _DEPTH_IDS_DECODER.decode(data)
    except DECODE_ERRORS as error:
        return BadNote(f"{printable(stream)}: expected update ids U and u: {printable(str(error))}")
    if ids.first > ids.final:
        return BadNote(f"{printable(stream)}: expected U <= u, received U {ids.first} and u {ids.final}")
    if market is Market.SPOT:
        return DataNote(stream, DepthIds(ids.first, ids.final))
    if ids.previous is None:
        return BadNote(f"{printable(stream)}: expected update id pu, received none")
    return DataNote(stream, DepthIds(ids.first, ids.final, ids.previous))


def _control(envelope: Envelope) -> FrameNote:
    request_id = envelope.id if isinstance(envelope.id, int) else None
    if envelope.e == SHUTDOWN_EVENT:
        return ShutdownNote()
    if envelope.error is not None:
        return RejectNote(request_id, envelope.error.code, printable(envelope.error.msg))
    if envelope.code is not None:
        return RejectNote(request_id, envelope.code, printable(envelope.msg))
    if bytes(envelope.result):
        return AckNote(request_id)
    return BadNote("expected a combined-stream frame or a control answer, received another object")
