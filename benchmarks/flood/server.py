"""The flood's port: handshakes, control frames, REST, commands."""

import asyncio
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

import msgspec
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol

from benchmarks.flood.market import FloodMarket, StreamKey
from benchmarks.flood.pump import Pump
from benchmarks.flood.report import Report
from benchmarks.flood.rest import FloodRest
from orderflow_recorder.sim.requests import Subscriptions, answer_request
from orderflow_recorder.sim.routes import Endpoint, carries, parse_endpoint

_READ_BYTES: Final = 2**16
_CONTROL: Final = "/control/"


class FloodServer:
    """Listens, and lets a pump run on each socket once `start` was called."""

    def __init__(self, market: FloodMarket, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """Open the port; nothing is answered before `serve`.

        Args:
            market: What is sent.
            host: Address to listen on.
            port: 0 takes a free one.
        """
        self._market = market
        self._rest = FloodRest(market)
        self.report = Report(market)
        self._listener = socket.create_server((host, port), backlog=128)
        self._listener.setblocking(False)  # noqa: FBT003  # the standard library's own signature
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = int(self._listener.getsockname()[1])

    async def serve(self) -> None:
        """Accept until cancelled; then the port is closed."""
        loop = asyncio.get_running_loop()
        with self._listener:
            while True:
                connection, _ = await loop.sock_accept(self._listener)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                task = loop.create_task(self._serve_one(connection))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _serve_one(self, connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):
            protocol = ServerProtocol(max_size=2**20)
            request = await _request(connection, protocol)
            if request is None:
                return
            endpoint = parse_endpoint(request.path) if "Upgrade" in request.headers else None
            if endpoint is None:
                await self._answer(connection, request)
            else:
                protocol.send_response(protocol.accept(request))
                await self._socket(connection, protocol, endpoint)

    async def _answer(self, connection: socket.socket, request: Request) -> None:
        path, _, text = request.path.partition("?")
        params = {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}
        headers = {}
        if path.startswith(_CONTROL):
            status, body = self._command(path.removeprefix(_CONTROL))
        else:
            reply = self._rest.answer(path, params, request.headers, time.monotonic())
            status, body, headers = reply.status, reply.body, dict(reply.headers)
        head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(connection, head.encode() + body)

    def _command(self, command: str) -> tuple[int, bytes]:
        if command == "start":
            self.report.start()
        elif command != "status":
            return 404, b'{"error":"expected start or status"}'
        return 200, msgspec.json.encode({**self.report.figures(), "refused": self._rest.refused})

    async def _socket(self, connection: socket.socket, protocol: ServerProtocol, endpoint: Endpoint) -> None:
        loop = asyncio.get_running_loop()
        subscriptions = Subscriptions(endpoint.market, endpoint.streams, combined=True)
        turn = asyncio.Lock()
        pump = Pump(connection, turn, self._market, self.report, microseconds=endpoint.microseconds)

        def apply() -> None:
            keys = [
                StreamKey(endpoint.market, name)
                for name in subscriptions.streams
                if carries(endpoint.market, endpoint.route, name)
            ]
            pump.subscribe([key for key in keys if self._market.knows(key)])

        await _flush(connection, protocol, turn)
        apply()
        running = loop.create_task(pump.run())
        try:
            while protocol.state is State.OPEN:
                received = await loop.sock_recv(connection, _READ_BYTES)
                if not received:
                    return
                protocol.receive_data(received)
                for event in protocol.events_received():
                    if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                        reply = answer_request(bytes(event.data), subscriptions)
                        apply()
                        if reply is not None:
                            protocol.send_text(reply)
                await _flush(connection, protocol, turn)
        finally:
            running.cancel()
            pump.close()


async def _request(connection: socket.socket, protocol: ServerProtocol) -> Request | None:
    loop = asyncio.get_running_loop()
    while True:
        received = await loop.sock_recv(connection, _READ_BYTES)
        if not received:
            return None
        protocol.receive_data(received)
        for event in protocol.events_received():
            if isinstance(event, Request):
                return event


async def _flush(connection: socket.socket, protocol: ServerProtocol, turn: asyncio.Lock) -> None:
    """Send what the protocol has to say, between two blocks of frames."""
    data = b"".join(protocol.data_to_send())
    if data:
        async with turn:
            await asyncio.get_running_loop().sock_sendall(connection, data)
