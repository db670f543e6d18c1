"""WebSocket side of Binance: opens sockets of one market."""

import ssl
from collections.abc import Sequence
from itertools import count
from typing import Any, Final, cast

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from orderflow_recorder.binance.connection import BinanceConnection
from orderflow_recorder.binance.faults import describe_error, describe_status
from orderflow_recorder.binance.frame_socket import FrameSocket
from orderflow_recorder.binance.glance import inspect_all
from orderflow_recorder.binance.inspect import inspect
from orderflow_recorder.binance.routes import route_of, stream_url
from orderflow_recorder.binance.text import printable
from orderflow_recorder.core.budget import RequestBudget
from orderflow_recorder.domain.errors import VenueUnreachableError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.feed import FrameNote, Glance

CONNECTIONS_PER_WINDOW: Final = 300
CONNECTION_WINDOW_S: Final = 300.0
"""Per address, documented for spot; the futures figure is not documented, so the same is kept."""

CONTROL_INTERVAL_S: Final = {Market.SPOT: 0.5, Market.USDM: 0.25}
"""The venue takes 5 (spot) and 10 (USD-M) messages a second, pings and pongs included."""

_MAX_FRAME_BYTES: Final = 20 * 1024 * 1024
"""As the official SDK."""
_CLOSE_TIMEOUT_S: Final = 2.0
"""A socket that does not answer our close is dropped: shutting down has to be quick."""


class BinanceFeed:
    """Opens sockets of one market and reads what continuity needs from a frame."""

    def __init__(
        self,
        market: Market,
        base_url: str,
        *,
        clock: Clock,
        ssl_context: ssl.SSLContext | None,
        ping_interval_s: float,
        ping_timeout_s: float,
        open_timeout_s: float = 10.0,
        connections_per_window: int = CONNECTIONS_PER_WINDOW,
    ) -> None:
        """Keep the settings; nothing is opened yet.

        Args:
            market: Whose streams.
            base_url: E.g. ``wss://fstream.binance.com``, without a route.
            clock: Paces connections and control frames.
            ssl_context: For ``wss``; none verifies against the system's certificates.
            ping_interval_s: Seconds between our own pings.
            ping_timeout_s: Seconds without a pong after which the socket is given up.
            open_timeout_s: Seconds for TCP, TLS and the handshake together.
            connections_per_window: What this process may open in `CONNECTION_WINDOW_S`.
        """
        self.market = market
        self._base_url = base_url
        self._clock = clock
        self._ssl_context = ssl_context
        self._ping_interval_s = ping_interval_s
        self._ping_timeout_s = ping_timeout_s
        self._open_timeout_s = open_timeout_s
        self._request_ids = count(1)
        self._attempts = RequestBudget(connections_per_window, window_s=CONNECTION_WINDOW_S, now=clock.monotonic())

    def route_of(self, stream: Stream) -> str:
        """Return the route that carries ``stream``: ``''`` on spot, ``/public`` or ``/market``."""
        return route_of(stream)

    async def connect(self, route: str, streams: Sequence[Stream]) -> BinanceConnection:
        """Open a socket on ``route`` that asks for ``streams``.

        What does not fit into the URL is subscribed to by frames, paced, after this returns.

        Raises:
            VenueUnreachableError: No socket could be opened; the text names URL and reason.
        """
        url, rest = stream_url(self.market, self._base_url, route, [stream.wire for stream in streams])
        while (wait := self._attempts.reserve(1, self._clock.monotonic())) > 0:
            await self._clock.sleep(wait)
        connection = BinanceConnection(
            await self._open(url),
            url,
            clock=self._clock,
            request_ids=self._request_ids,
            control_interval_s=CONTROL_INTERVAL_S[self.market],
        )
        if rest:
            connection.subscribe_later(rest)
        return connection

    def inspect(self, frame: bytes) -> FrameNote:
        """Say what ``frame`` is. Never raises."""
        return inspect(self.market, frame)

    def inspect_all(self, frames: Sequence[bytes]) -> Glance:
        """Sum up what `inspect` says of each of ``frames``. Never raises."""
        return inspect_all(self.market, frames)

    async def _open(self, url: str) -> FrameSocket:
        # Without a context of ours websockets verifies; a context beside ws:// is an error to it.
        tls: dict[str, Any] = {"ssl": self._ssl_context} if self._ssl_context and url.startswith("wss:") else {}
        try:
            socket = await connect(
                url,
                compression=None,
                max_size=_MAX_FRAME_BYTES,
                create_connection=FrameSocket.stamped_by(self._clock),
                open_timeout=self._open_timeout_s,
                ping_interval=self._ping_interval_s,
                ping_timeout=self._ping_timeout_s,
                close_timeout=_CLOSE_TIMEOUT_S,
                **tls,
            )
            return cast("FrameSocket", socket)
        except InvalidStatus as error:
            reason = describe_status(error.response.status_code)
            raise VenueUnreachableError(_unreachable(url, reason)) from error
        # ValueError: a URL that cannot be one; ImportError: a SOCKS proxy needs another package.
        except (WebSocketException, OSError, EOFError, ValueError, ImportError) as error:
            raise VenueUnreachableError(_unreachable(url, describe_error(error))) from error


def _unreachable(url: str, reason: str) -> str:
    return f"cannot open {printable(url)}: {reason}"
