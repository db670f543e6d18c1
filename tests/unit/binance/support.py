"""What the tests of this folder share: a clock that jumps, tiny HTTP and WebSocket servers."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response


class JumpingClock:
    """Time that passes only by sleeping, and then at once."""

    def __init__(self) -> None:
        """Start at a fixed moment."""
        self.seconds = 1_000.0
        self.slept: list[float] = []

    def now_ns(self) -> int:
        """Return wall time, ns."""
        return 1_700_000_000_000_000_000 + int(self.seconds * 1e9)

    def monotonic(self) -> float:
        """Return seconds."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Jump ahead."""
        self.slept.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


class HttpResponder:
    """Answers every request with the next prepared answer; keeps the requests' heads."""

    def __init__(self) -> None:
        """Start with nothing prepared and nothing asked."""
        self.url = ""
        self.requests: list[str] = []
        self._answers: list[bytes] = []

    def prepare(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer the next request so."""
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._answers.append("\r\n".join([*lines, "", ""]).encode() + body)

    def hang_up(self) -> None:
        """Close the next connection without an answer."""
        self._answers.append(b"")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        if self._answers:
            writer.write(self._answers.pop(0))
            await writer.drain()
        else:
            await reader.read()
        writer.close()


@asynccontextmanager
async def http_responder() -> AsyncIterator[HttpResponder]:
    """Run a responder on a free port of this machine."""
    responder = HttpResponder()
    server = await asyncio.start_server(responder.serve, "127.0.0.1", 0)
    responder.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield responder


@asynccontextmanager
async def plain_server() -> AsyncIterator[str]:
    """Run a server that answers whatever comes in plain text; give its host and port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"


class VenueSocket:
    """A WebSocket server that keeps what it was sent, and says what a test tells it to say."""

    def __init__(self) -> None:
        """Start with nobody connected."""
        self.url = ""
        self.refuse_with: int | None = None
        self.paths: list[str] = []
        self.extensions: list[str | None] = []
        self.received: asyncio.Queue[str | bytes] = asyncio.Queue()
        self.connected: asyncio.Queue[ServerConnection] = asyncio.Queue()

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        """Accept the handshake, or refuse it with a status."""
        self.paths.append(request.path)
        self.extensions.append(request.headers.get("Sec-WebSocket-Extensions"))
        return None if self.refuse_with is None else connection.respond(self.refuse_with, "<html>no</html>")

    async def serve(self, connection: ServerConnection) -> None:
        """Keep what comes until the client goes."""
        self.connected.put_nowait(connection)
        try:
            while True:
                self.received.put_nowait(await connection.recv())
        except ConnectionClosed:
            return


@asynccontextmanager
async def venue_socket() -> AsyncIterator[VenueSocket]:
    """Run a WebSocket server on a free port of this machine."""
    venue = VenueSocket()
    async with serve(venue.serve, "127.0.0.1", 0, process_request=venue.answer) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        venue.url = f"ws://127.0.0.1:{port}"
        yield venue
