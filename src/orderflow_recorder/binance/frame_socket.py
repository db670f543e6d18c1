"""A WebSocket that hands out all frames of a read at once, stamped when they were read.

The `websockets` library does everything but receive text messages: handshake, sending, pings and pongs,
fragments, closing, every error. It gets the bytes of all those frames, and of them only, in their place.
"""

import asyncio
import sys
from collections import deque
from typing import Final

from websockets.asyncio.client import ClientConnection
from websockets.frames import DATA_OPCODES, Frame
from websockets.protocol import CONNECTING, OPEN, Event

from orderflow_recorder.binance.frame_cutter import LONGEST_HEADER, MASKED, TEXT, frame_size, take_texts
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.feed import Arrival

HIGH_BYTES: Final = 1024 * 1024
"""Bytes waiting to be taken at which the socket stops reading and TCP holds the venue back."""
LOW_BYTES: Final = HIGH_BYTES // 4
"""Bytes waiting at which it reads on."""


class FrameSocket(ClientConnection):
    """The client connection of `websockets`, but for `recv`: use `next_arrival`.

    Attributes:
        clock: Stamps what was read; set by `stamped_by`.
    """

    clock: Clock

    @classmethod
    def stamped_by(cls, clock: Clock) -> type["FrameSocket"]:
        """Return the class of sockets that use ``clock``, for `websockets.connect` to open."""
        return type(cls.__name__, (cls,), {"clock": clock})

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with the handshake still to come (asyncio calls this)."""
        super().connection_made(transport)
        limit = self.protocol.max_message_size
        self._max_size = sys.maxsize if limit is None else limit
        self._tail: list[bytes] = []  # a frame that is not wholly there, from its first byte
        self._missing = 0  # bytes before which looking at it again is in vain
        self._owed = 0  # bytes of a frame that was begun to be passed on
        self._message = bytearray()  # of the frames passed on, what belongs to a message not wholly there
        self._frames: list[bytes] = []
        self._arrivals: deque[tuple[int, Arrival]] = deque()
        self._waiting_bytes = 0
        self._holds_back = False
        self._taker: asyncio.Future[None] | None = None

    async def next_arrival(self) -> Arrival:
        """Return the frames of the next read; for one caller at a time, who may be cancelled.

        Raises:
            ConnectionClosed: The socket is gone, and all that it received was taken.
        """
        while not self._arrivals:
            if self.connection_lost_waiter.done():
                raise self.close_exc
            self._taker = self.loop.create_future()
            try:
                await self._taker
            finally:
                self._taker = None
        size, arrival = self._arrivals.popleft()
        self._waiting_bytes -= size
        if self._holds_back and self._waiting_bytes <= LOW_BYTES:
            self._holds_back = False
            self.transport.resume_reading()
        return arrival

    def data_received(self, data: bytes) -> None:
        """Take what was read (asyncio calls this)."""
        receive_time = self.clock.now_ns()
        size = len(data)
        if self.protocol.state is CONNECTING:
            data = self._shake_hands(data)
        if self._tail:
            self._tail.append(data)
            self._missing -= size
            if self._missing > 0 and self.protocol.state is OPEN:
                return
            data = self._take_tail()
        self._take(data)
        if self._frames:
            self._arrive(receive_time, size)

    def process_event(self, event: Event) -> None:
        """Take a frame that was passed on, in its place among the others (the library calls this)."""
        if not isinstance(event, Frame) or event.opcode not in DATA_OPCODES:
            super().process_event(event)
            return
        self._message += event.data
        if event.fin:
            self._frames.append(bytes(self._message))
            self._message.clear()

    def eof_received(self) -> None:
        """Learn that the server sends no more (asyncio calls this)."""
        self._pass_on_tail()
        super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Learn that the connection is gone (asyncio calls this)."""
        self._pass_on_tail()
        super().connection_lost(exc)
        self._wake()

    def _shake_hands(self, data: bytes) -> bytes:
        """Pass on the server's answer, line by line; return what follows it, which begins with a frame."""
        while data and self.protocol.state is CONNECTING:
            stop = data.find(b"\n") + 1 or len(data)
            super().data_received(data[:stop])
            data = data[stop:]
        return data

    def _take(self, data: bytes) -> None:
        """Cut frames, and pass on what is not a whole text message; ``data`` begins where that left off."""
        protocol, start, end = self.protocol, 0, len(data)
        while start < end:
            if protocol.state is not OPEN:  # from here on nothing is a frame, or nobody is in a hurry
                super().data_received(data[start:])
                return
            if not self._owed:
                whole = protocol.current_size is None  # else a message in fragments is under way
                if whole:
                    start = take_texts(data, start, self._max_size, self._frames)
                    if start == end:
                        return
                size = frame_size(data, start)
                missing = size - (end - start)
                if not size or (whole and missing > 0 and self._is_text(data, start, size)):
                    self._tail.append(data[start:])
                    self._missing = missing
                    return
                self._owed = size
            piece = data[start : start + self._owed]
            super().data_received(piece)
            self._owed -= len(piece)
            start += len(piece)

    def _is_text(self, data: bytes, start: int, size: int) -> bool:
        """Say whether a frame is worth waiting for; what is none must be refused at its header."""
        return data[start] == TEXT and data[start + 1] < MASKED and size <= self._max_size + LONGEST_HEADER

    def _pass_on_tail(self) -> None:
        """Let the library see that a frame was torn."""
        if self._tail:
            super().data_received(self._take_tail())

    def _take_tail(self) -> bytes:
        tail = b"".join(self._tail)
        self._tail.clear()
        return tail

    def _arrive(self, receive_time: int, size: int) -> None:
        frames, self._frames = self._frames, []
        self._arrivals.append((size, Arrival(receive_time, frames)))
        self._waiting_bytes += size
        if self._waiting_bytes > HIGH_BYTES and not self._holds_back:
            self._holds_back = True
            self.transport.pause_reading()
        self._wake()

    def _wake(self) -> None:
        if self._taker is not None and not self._taker.done():
            self._taker.set_result(None)
