"""One open WebSocket."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import suppress

from websockets.exceptions import ConnectionClosed, WebSocketException

from orderflow_recorder.binance.frame_socket import FrameSocket
from orderflow_recorder.binance.subscribe import Method, control_frames
from orderflow_recorder.binance.text import printable
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.feed import Arrival, FeedClosedError


class BinanceConnection:
    """Frames in, paced control frames out."""

    def __init__(
        self, socket: FrameSocket, url: str, *, clock: Clock, request_ids: Iterator[int], control_interval_s: float
    ) -> None:
        """Take over an open socket.

        Args:
            socket: After the handshake.
            url: As opened.
            clock: Paces control frames.
            request_ids: Gives every control frame an id of its own.
            control_interval_s: Seconds between control frames; pings and pongs count as well at
                the venue, so this stays far below its limit.
        """
        self.url = url
        self._socket = socket
        self._clock = clock
        self._request_ids = request_ids
        self._control_interval_s = control_interval_s
        self._next_control = clock.monotonic()
        self._control_turn = asyncio.Lock()
        self._rest: asyncio.Task[None] | None = None

    def subscribe_later(self, names: Sequence[str]) -> None:
        """Ask for the names that did not fit into the URL, while frames already arrive.

        Pacing takes seconds; waiting here would leave the first frames unread and without a
        receive time. A socket that closes meanwhile is told by `recv`.
        """
        self._rest = asyncio.create_task(self._send_quietly(names))

    async def recv(self) -> Arrival:
        """Return the frames of the next read.

        Raises:
            FeedClosedError: The socket is gone; the reason has the close code and its text.
        """
        try:
            return await self._socket.next_arrival()
        except ConnectionClosed as error:
            raise FeedClosedError(_reason(error)) from error

    async def subscribe(self, streams: Sequence[Stream]) -> Sequence[int]:
        """Ask for more streams, in frames the venue accepts, at the pace it allows.

        Returns:
            The id of each request that was sent.

        Raises:
            FeedClosedError: The socket closed before all were asked for.
        """
        return await self._send("SUBSCRIBE", [stream.wire for stream in streams])

    async def unsubscribe(self, streams: Sequence[Stream]) -> Sequence[int]:
        """Give streams up.

        Returns:
            The id of each request that was sent.

        Raises:
            FeedClosedError: The socket closed before all were given up.
        """
        return await self._send("UNSUBSCRIBE", [stream.wire for stream in streams])

    async def close(self) -> None:
        """Close politely; never raises, and frames not yet received are dropped."""
        if self._rest is not None:
            self._rest.cancel()
        with suppress(WebSocketException, OSError):
            await self._socket.close()

    async def _send_quietly(self, names: Sequence[str]) -> None:
        with suppress(FeedClosedError):
            await self._send("SUBSCRIBE", names)

    async def _send(self, method: Method, names: Sequence[str]) -> Sequence[int]:
        sent: list[int] = []
        # One request after the other, whole: a name that is given up must not be asked for by what still waits.
        async with self._control_turn:
            for frame in control_frames(method, names, self._noted(sent)):
                wait = self._next_control - self._clock.monotonic()
                if wait > 0:
                    await self._clock.sleep(wait)
                self._next_control = self._clock.monotonic() + self._control_interval_s
                try:
                    await self._socket.send(frame, text=True)
                except ConnectionClosed as error:
                    raise FeedClosedError(_reason(error)) from error
        return sent

    def _noted(self, taken: list[int]) -> Iterator[int]:
        for request_id in self._request_ids:
            taken.append(request_id)
            yield request_id


def _reason(error: ConnectionClosed) -> str:
    cause = f" ({type(error.__cause__).__name__}: {error.__cause__})" if error.__cause__ else ""
    return printable(f"{error}{cause}", limit=400)
