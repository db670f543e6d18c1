"""The simulator: one port, sockets and REST of both markets, and the control channel."""

import asyncio
import random
from types import TracebackType
from typing import Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.sim.clock import SystemClock
from orderflow_recorder.sim.controls import Controls
from orderflow_recorder.sim.faults import StreamFaults
from orderflow_recorder.sim.hub import Hub
from orderflow_recorder.sim.playback import Playback, first_of
from orderflow_recorder.sim.rest_faults import RestFaults
from orderflow_recorder.sim.session import Session, SimConnection
from orderflow_recorder.sim.source import Source
from orderflow_recorder.sim.truth import Truth
from orderflow_recorder.sim.web import Web, to_response


class Simulator:
    """A simulated Binance. Use it as an asynchronous context manager, or `start` and `stop` it.

    Attributes:
        truth: Books and tapes of everything played so far.
        control: Faults and switches; the same commands as ``/control/…``.
        web: What becomes of HTTP requests and handshakes.
    """

    truth: Truth
    control: Controls
    web: Web

    def __init__(  # settings by name, each with a default
        self,
        source: Source,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        speed: float = 1.0,
        seed: int = 0,
        wait_for_subscribers: bool = True,
        lossless: bool | None = None,
        enforce_limits: bool = True,
        clock: Clock | None = None,
    ) -> None:
        """Prepare; nothing is opened before `start`.

        Args:
            source: What is played.
            host: Address to listen on.
            port: 0 takes a free one; see `port`.
            speed: Source seconds per second; 0 is as fast as clients take it.
            seed: Of the choices that faults make by chance.
            wait_for_subscribers: Begin only when every market of the source has a subscriber.
            lossless: Slow readers hold the playback back instead of being cut off; recordings do by default.
            enforce_limits: Refuse what exceeds the venue's limits of messages, connections and weight.
            clock: Time of the playback; the system's unless given.
        """
        self._source = source
        self._host = host
        self._port = port
        self._speed = speed
        self._wait = wait_for_subscribers
        self._clock = clock or SystemClock()
        self._stream_faults = StreamFaults(random.Random(seed))  # noqa: S311  # a game, not a secret
        self._hub = Hub(self._clock, lossless=source.recorded if lossless is None else lossless)
        self._stopping = asyncio.Event()
        self.truth = Truth(source.snapshots())
        rest_faults = RestFaults()
        self._playback = Playback(
            source=source, hub=self._hub, truth=self.truth, faults=self._stream_faults, clock=self._clock
        )
        self.control = Controls(
            source=source,
            truth=self.truth,
            hub=self._hub,
            playback=self._playback,
            stream_faults=self._stream_faults,
            rest_faults=rest_faults,
            clock=self._clock,
        )
        self.web = Web(
            source=source,
            truth=self.truth,
            faults=rest_faults,
            controls=self.control,
            clock=self._clock,
            limited=enforce_limits,
        )
        self._server: Server | None = None
        self._player: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """Return the port that is listened on."""
        if self._server is None:
            return self._port
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def started(self) -> asyncio.Event:
        """Return the event that is set when playback begins."""
        return self._playback.started

    @property
    def finished(self) -> asyncio.Event:
        """Return the event that is set when everything was played and sent."""
        return self._playback.finished

    def base_ws_url(self, market: Market) -> str:  # noqa: ARG002  # the same for both: the path decides
        """Return the base of WebSocket URLs; the routes tell the markets apart."""
        return f"ws://{self._host}:{self.port}"

    def base_rest_url(self, market: Market) -> str:  # noqa: ARG002  # the same for both: the path decides
        """Return the base of REST URLs."""
        return f"http://{self._host}:{self.port}"

    async def start(self) -> None:
        """Listen, and play as soon as somebody does.

        Raises:
            OSError: The port is in use.
        """
        self._server = await serve(
            self._serve_socket,
            self._host,
            self._port,
            process_request=self._process_request,
            create_connection=SimConnection,
            compression=None,
            open_timeout=None,
            close_timeout=1,
        )
        self._player = asyncio.create_task(self._playback.run(self._speed, wait=self._wait))

    async def stop(self) -> None:
        """Stop playing and close every socket. Idempotent."""
        self._stopping.set()
        if self._player is not None:
            self._player.cancel()
            await asyncio.gather(self._player, return_exceptions=True)
        await self._hub.stop()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    async def wait_played(self) -> None:
        """Return when the playback is over; raise what stopped it, if anything did."""
        if self._player is not None:
            await asyncio.shield(self._player)

    async def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:
        address = str(connection.remote_address[0])
        verdict = self.web.judge(request.path, request.headers, address)
        if verdict.delay > 0:
            await first_of(self._clock.sleep(verdict.delay), self._stopping.wait())
        if verdict.endpoint is not None and isinstance(connection, SimConnection):
            connection.prepare(verdict.endpoint, self._clock, limited=self.web.limited)
            return None
        if verdict.cut:
            connection.transport.abort()
        return None if verdict.reply is None else to_response(verdict.reply)

    async def _serve_socket(self, connection: ServerConnection) -> None:
        if isinstance(connection, SimConnection) and connection.endpoint is not None:
            session = Session(connection, connection.endpoint, convert_times=not self._source.recorded)
            await self._hub.serve(session)
