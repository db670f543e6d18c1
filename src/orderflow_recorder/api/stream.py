"""`WS /api/v1/stream`: subscribe to trades, tops, candles and gaps. docs/live.md has the protocol.

A reader that takes too little misses events, and is told which; it never slows the others. One that takes nothing at
all does not answer a ping either, and is closed by its server (`StreamProtocol`).
"""

import asyncio
import re
from collections.abc import Callable
from functools import lru_cache
from struct import pack
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from fastapi import APIRouter, Depends, WebSocket, WebSocketDisconnect, status
from msgspec import Meta
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import OPEN

from orderflow_recorder.domain.market import Market
from orderflow_recorder.live.hub import ALL, Hub
from orderflow_recorder.live.reader import QUEUE_BYTES, Channel, Reader, Topic

MOST_READERS: Final = 500
MOST_TOPICS: Final = 1_000
"""Of one reader."""
MOST_MESSAGE_BYTES: Final = 4_096

_TEXT: Final = 0x81
"""First byte of a text in one frame."""
_LENGTH_16: Final = 126
_LENGTH_64: Final = 127
_MOST_16: Final = 0xFFFF

_Id: TypeAlias = int | Annotated[str, Meta(max_length=64)] | None
_SYMBOL: Final = re.compile(r"\*|\w{1,40}")


class _Subscription(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What both operations have in common."""

    channel: Channel
    market: Literal["spot", "usdm", "*"]
    symbol: str
    id: _Id = None

    @property
    def topic(self) -> Topic:
        return self.channel, self.market, self.symbol.upper()


class _Subscribe(_Subscription, frozen=True, tag_field="op", tag="subscribe"):
    """More of a topic."""


class _Unsubscribe(_Subscription, frozen=True, tag_field="op", tag="unsubscribe"):
    """No more of it."""


class _Ping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="op", tag="ping"):
    """Only an answer."""

    id: _Id = None


class _AnyId(msgspec.Struct):
    """Just enough of a message that is wrong to answer it."""

    id: _Id = None


_Request: TypeAlias = _Subscribe | _Unsubscribe | _Ping
_DECODER: Final[msgspec.json.Decoder[_Request]] = msgspec.json.Decoder(_Request)


class _MessageError(Exception):
    """A client's message that cannot be obeyed; its text says what was expected, and what was received."""


class StreamProtocol(WebSocketsSansIOProtocol):
    """For uvicorn's ``ws``, where many clients get the same: what is sent to all is made a frame once.

    It also cuts the line of a client that does not answer a ping. Uvicorn's own way is to close it once everything is
    sent, which never happens where nobody reads.
    """

    async def send(self, message: Any) -> None:  # noqa: ANN401  # one of many typed dictionaries
        """Send what the application says."""
        text = message.get("text")
        if text is not None and self._is_open:
            await self.writable.wait()
            if self._is_open:
                self.transport.write(_frame(text))
                return
        await super().send(message)

    def keepalive_timeout(self) -> None:
        """Give the client up."""
        super().keepalive_timeout()
        self.transport.abort()

    @property
    def _is_open(self) -> bool:
        """Say whether a text is a frame of its own here, without compression."""
        conn = self.conn
        return self.handshake_complete and conn.state is OPEN and not conn.extensions and not self.disconnected


@lru_cache(maxsize=4)
def _frame(text: str) -> bytes:
    """Return a text as a server's frame: RFC 6455, section 5.2."""
    payload = text.encode()
    size = len(payload)
    if size < _LENGTH_16:
        return bytes((_TEXT, size)) + payload
    if size <= _MOST_16:
        return pack("!BBH", _TEXT, _LENGTH_16, size) + payload
    return pack("!BBQ", _TEXT, _LENGTH_64, size) + payload


def stream_router(
    hub: Hub,
    authenticate: Callable[..., Any],
    *,
    most_readers: int = MOST_READERS,
    queue_bytes: int = QUEUE_BYTES,
) -> APIRouter:
    """Return the WebSocket's router.

    Args:
        hub: Whose events are told.
        authenticate: A dependency as FastAPI takes it, for whoever connects: raises where that may not be.
        most_readers: Who comes after so many is told so, and closed.
        queue_bytes: What may wait for one reader.
    """
    router = APIRouter()
    readers: set[Reader] = set()

    @router.websocket("/api/v1/stream", dependencies=[Depends(authenticate)])
    async def stream(websocket: WebSocket) -> None:
        await websocket.accept()
        if len(readers) >= most_readers:
            reason = f"expected at most {most_readers} readers, received one more: try again later"
            await websocket.close(status.WS_1013_TRY_AGAIN_LATER, reason)
            return
        reader = Reader(queue_bytes)
        readers.add(reader)
        try:
            await _serve(websocket, reader, hub)
        finally:
            hub.leave(reader)
            readers.discard(reader)

    return router


async def _serve(websocket: WebSocket, reader: Reader, hub: Hub) -> None:
    """Hear and tell until the reader goes."""
    tasks = [asyncio.create_task(_hear(websocket, reader, hub)), asyncio.create_task(_tell(websocket, reader))]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception) and not isinstance(end, WebSocketDisconnect):
            raise end


async def _tell(websocket: WebSocket, reader: Reader) -> None:
    while True:
        await websocket.send_text(await reader.wait())


async def _hear(websocket: WebSocket, reader: Reader, hub: Hub) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text, binary = message.get("text"), message.get("bytes")
        _obey(text.encode() if text is not None else binary or b"", reader, hub)
        await reader.room()


def _obey(data: bytes, reader: Reader, hub: Hub) -> None:
    """Do what a client says, and answer it, whatever it says."""
    try:
        request = _request(data)
        if isinstance(request, _Ping):
            reader.reply({"type": "pong", "id": request.id})
        elif isinstance(request, _Subscribe):
            _subscribe(request, reader, hub)
        else:
            hub.join(reader, reader.topics - {request.topic})
            reader.reply(_about(request, "unsubscribed"))
    except _MessageError as error:
        reader.reply({"type": "error", "reason": str(error), "id": _id_of(data)})


def _request(data: bytes) -> _Request:
    if len(data) > MOST_MESSAGE_BYTES:
        raise _MessageError(f"expected a message of at most {MOST_MESSAGE_BYTES} bytes, received {len(data)}")
    try:
        request = _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        shown = data[:100].decode(errors="replace")
        expected = "expected subscribe, unsubscribe or ping, as docs/live.md has them"
        raise _MessageError(f"{expected}: {error}; received {shown}") from error
    if not isinstance(request, _Ping) and not _SYMBOL.fullmatch(request.symbol):
        raise _MessageError(f"expected a symbol, e.g. BTCUSDT, or *, received {request.symbol[:100]!r}")
    return request


def _subscribe(request: _Subscribe, reader: Reader, hub: Hub) -> None:
    if len(reader.topics) >= MOST_TOPICS and request.topic not in reader.topics:
        raise _MessageError(f"expected at most {MOST_TOPICS} subscriptions, received one more")
    reader.reply(_about(request, "subscribed"))
    channel, market, symbol = request.topic
    if channel == "tops" and request.topic not in reader.topics and ALL not in (market, symbol):
        reader.reply(hub.now(Market(market), symbol))  # a quiet book says nothing for long
    hub.join(reader, reader.topics | {request.topic})


def _about(request: _Subscription, kind: str) -> dict[str, object]:
    channel, market, symbol = request.topic
    return {"type": kind, "channel": channel, "market": market, "symbol": symbol, "id": request.id}


def _id_of(data: bytes) -> int | str | None:
    try:
        return msgspec.json.decode(data[:MOST_MESSAGE_BYTES], type=_AnyId).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
