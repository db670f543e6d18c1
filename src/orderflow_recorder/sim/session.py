"""One open socket: what it asked for, how its frames look, when it is cut."""

import asyncio
import re
from contextlib import suppress
from typing import Any, Final, TypeAlias

from websockets.asyncio.server import ServerConnection, broadcast
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import State

from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.sim.faults import Damage, Delivery, damaged
from orderflow_recorder.sim.frames import payload_of
from orderflow_recorder.sim.limits import MESSAGES_PER_SECOND, SlidingWindow
from orderflow_recorder.sim.requests import Subscriptions
from orderflow_recorder.sim.routes import Endpoint, carries

MAX_BUFFERED_BYTES: Final = 16 * 2**20
"""A reader that is this far behind live flow is cut off, as the venue does."""
_TIMES: Final = re.compile(rb'("[ET]":\d{13})(?=[,}])')
_COUNTED: Final = {Opcode.TEXT, Opcode.BINARY, Opcode.PING, Opcode.PONG}
PING_S: Final = {Market.SPOT: (20.0, 60.0), Market.USDM: (180.0, 600.0)}
"""Seconds between pings, and how long a pong may take."""

ProtocolEvent: TypeAlias = Any
"""``websockets.protocol.Event``, which is exported as text only."""


class SimConnection(ServerConnection):
    """A server connection that counts what the venue counts: messages, pings and pongs of the client."""

    incoming: SlidingWindow | None = None
    clock: Clock | None = None
    endpoint: Endpoint | None = None
    _cut: asyncio.Task[None] | None = None

    def prepare(self, endpoint: Endpoint, clock: Clock, *, limited: bool) -> None:
        """Set the market's ping times and limits, during the handshake."""
        market = endpoint.market
        self.endpoint = endpoint
        self.ping_interval, self.ping_timeout = PING_S[market]
        self.clock = clock
        self.incoming = SlidingWindow(MESSAGES_PER_SECOND[market], 1.0) if limited else None

    def process_event(self, event: ProtocolEvent) -> None:
        """Count a frame, then handle it."""
        super().process_event(event)
        if self.incoming is None or self.clock is None or self._cut is not None:
            return
        if isinstance(event, Frame) and event.opcode in _COUNTED and not self.incoming.admit(self.clock.monotonic()):
            self._cut = asyncio.get_running_loop().create_task(self.close(1008, "Too many requests"))


class Session:
    """One open socket."""

    def __init__(self, connection: SimConnection, endpoint: Endpoint, *, convert_times: bool) -> None:
        """Begin with the streams of the URL.

        Args:
            connection: The open socket.
            endpoint: What its URL asked for.
            convert_times: Synthetic times become µs where the URL asked for that.
        """
        self.connection = connection
        self.endpoint = endpoint
        self.subscriptions = Subscriptions(endpoint.market, (), combined=endpoint.combined)
        self.sent = 0
        self._microseconds = endpoint.microseconds and convert_times

    @property
    def is_open(self) -> bool:
        """Say whether frames can be sent."""
        return self.connection.state is State.OPEN

    def delivered(self) -> set[str]:
        """Return the subscribed streams that this socket's route carries."""
        endpoint = self.endpoint
        return {name for name in self.subscriptions.streams if carries(endpoint.market, endpoint.route, name)}

    async def send(self, delivery: Delivery, *, lossless: bool) -> None:
        """Send a frame.

        Args:
            delivery: The frame.
            lossless: Wait for a slow reader; otherwise one that is too slow is cut off.
        """
        if not self.is_open:
            return
        payload = self._render(delivery)
        is_text = delivery.damage is not Damage.BINARY
        self.sent += 1
        if lossless:
            with suppress(ConnectionClosed):
                await self.connection.send(payload, text=is_text)
            return
        broadcast([self.connection], payload, text=is_text)
        if self.connection.transport.get_write_buffer_size() > MAX_BUFFERED_BYTES:
            self.abort()

    async def send_text(self, payload: bytes) -> None:
        """Send an answer or a notice."""
        with suppress(ConnectionClosed):
            await self.connection.send(payload, text=True)

    async def close(self, code: int, reason: str) -> None:
        """Close with a close frame."""
        await self.connection.close(code, reason)

    def abort(self) -> None:
        """Cut the socket without a close frame."""
        self.connection.transport.abort()

    def _render(self, delivery: Delivery) -> bytes:
        payload = delivery.frame.combined
        if not self.subscriptions.combined:
            payload = payload_of(payload)
        if self._microseconds:
            payload = _TIMES.sub(rb"\g<1>000", payload)
        return payload if delivery.damage is None else damaged(payload, delivery.damage)
