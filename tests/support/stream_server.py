"""The WebSocket stream, served for real in a thread, and a client of it."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import uvicorn
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect

from orderflow_recorder.api.stream import StreamProtocol, stream_router
from orderflow_recorder.live.hub import Hub
from tests.support.processes import free_port, wait_until


def let_in() -> None:
    """Let everybody in."""


class StreamServer:
    """A server of one hub."""

    def __init__(
        self,
        hub: Hub,
        authenticate: Callable[[], None] = let_in,
        *,
        ping_s: float = 20,
        **options: Any,  # noqa: ANN401  # of `stream_router`
    ) -> None:
        """Serve nothing yet."""
        self.port = free_port()
        self._hub = hub
        app = FastAPI()
        app.include_router(stream_router(hub, authenticate, **options))
        self.server = uvicorn.Server(
            uvicorn.Config(
                app,
                port=self.port,
                ws=StreamProtocol,
                ws_per_message_deflate=False,
                ws_ping_interval=ping_s,
                ws_ping_timeout=ping_s,
                log_level="warning",
                lifespan="off",
            )
        )
        self.thread = threading.Thread(target=asyncio.run, args=(self._serve(),))

    @property
    def url(self) -> str:
        """Return where clients connect."""
        return f"ws://127.0.0.1:{self.port}/api/v1/stream"

    async def _serve(self) -> None:
        running = asyncio.create_task(self._hub.run(asyncio.sleep))
        try:
            await self.server.serve()
        finally:
            running.cancel()


@contextmanager
def serving(hub: Hub, **options: Any) -> Iterator[StreamServer]:  # noqa: ANN401  # of `StreamServer`
    """Serve a hub."""
    server = StreamServer(hub, **options)
    server.thread.start()
    try:
        wait_until(lambda: server.server.started, within_s=10, what="the server listens")
        yield server
    finally:
        server.server.should_exit = True
        server.thread.join()


class StreamClient:
    """A client that keeps what it was told."""

    def __init__(self, connection: ClientConnection) -> None:
        """Use a connection."""
        self.connection = connection
        self.events: list[dict[str, Any]] = []

    async def say(self, **message: Any) -> None:  # noqa: ANN401  # JSON
        """Send a message."""
        await self.connection.send(msgspec.json.encode(message).decode())

    async def hear(self, kind: str) -> dict[str, Any]:
        """Return the next event of a kind; what comes with it or before it is kept."""
        start = len(self.events)
        while True:
            for event in self.events[start:]:
                if event["type"] == kind:
                    return event
            start = len(self.events)
            async with asyncio.timeout(20):
                self.events += msgspec.json.decode(await self.connection.recv())


@asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[StreamClient]:  # noqa: ANN401  # of `websockets`
    """Connect a client."""
    async with connect(url, compression=None, **options) as connection:
        yield StreamClient(connection)
