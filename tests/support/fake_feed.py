"""A feed whose sockets a test speaks through (the real protocol is tested on the simulator)."""

import asyncio
from collections.abc import Sequence

from orderflow_recorder.domain.errors import VenueUnreachableError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.feed import (
    AckNote,
    Arrival,
    BadNote,
    DataNote,
    FeedClosedError,
    FrameNote,
    Glance,
    RejectNote,
    ShutdownNote,
)


class FakeConnection:
    """One socket: `say` frames, `cut` it."""

    def __init__(self, url: str, streams: Sequence[Stream], clock: Clock) -> None:
        """Open for ``streams``; ``clock`` stamps what is said."""
        self.url = url
        self.wires = [stream.wire for stream in streams]
        self.closed = False
        self.requests = 0
        self.answer: str | None = "!ack"
        """What the venue says to a request; none while it says nothing."""
        self._clock = clock
        self._arrivals: asyncio.Queue[Arrival | FeedClosedError] = asyncio.Queue()

    def say(self, *frames: str) -> None:
        """Let frames arrive, all in one read."""
        self._arrivals.put_nowait(Arrival(self._clock.now_ns(), [frame.encode() for frame in frames]))

    def cut(self, reason: str = "reset") -> None:
        """Let the socket break."""
        self._arrivals.put_nowait(FeedClosedError(reason))

    async def recv(self) -> Arrival:
        """Return what was said next."""
        arrival = await self._arrivals.get()
        if isinstance(arrival, FeedClosedError):
            raise arrival
        return arrival

    async def subscribe(self, streams: Sequence[Stream]) -> Sequence[int]:
        """Take more streams."""
        self.wires += [stream.wire for stream in streams]
        return self._answered()

    async def unsubscribe(self, streams: Sequence[Stream]) -> Sequence[int]:
        """Give streams up."""
        gone = {stream.wire for stream in streams}
        self.wires = [wire for wire in self.wires if wire not in gone]
        return self._answered()

    async def close(self) -> None:
        """Close."""
        self.closed = True

    def _answered(self) -> Sequence[int]:
        self.requests += 1
        if self.answer is not None:
            self.say(f"{self.answer} {self.requests}")
        return [self.requests]


class FakeFeed:
    """Opens `FakeConnection`; a frame is the wire name, or ``!bad``, ``!ack 1``, ``!reject 1``, ``!shutdown``."""

    market = Market.USDM

    def __init__(self, clock: Clock) -> None:
        """Refuse nothing."""
        self._clock = clock
        self.sockets: list[FakeConnection] = []
        self.refuse = 0
        self.hold: asyncio.Event | None = None
        """Sockets open only once it is set."""

    @property
    def last(self) -> FakeConnection:
        """Return the newest socket."""
        return self.sockets[-1]

    def route_of(self, stream: Stream) -> str:
        """Return the market's route."""
        return "/market" if stream.name == "aggTrade" else "/public"

    async def connect(self, route: str, streams: Sequence[Stream]) -> FakeConnection:
        """Open a socket, unless told to refuse or to hold on."""
        if self.hold is not None:
            await self.hold.wait()
        if self.refuse:
            self.refuse -= 1
            raise VenueUnreachableError("ws://venue: connection refused")
        self.sockets.append(FakeConnection(f"ws://venue{route}/stream?streams=x", streams, self._clock))
        return self.last

    def inspect(self, frame: bytes) -> FrameNote:
        """Say what a frame is."""
        text = frame.decode()
        match text:
            case "!bad":
                return BadNote("not JSON")
            case ack if ack.startswith("!ack "):
                return AckNote(int(ack.split()[1]))
            case reject if reject.startswith("!reject"):
                return RejectNote(int(f"0{reject[8:]}"), 2, "invalid request")
            case "!shutdown":
                return ShutdownNote()
            case _:
                return DataNote(text)

    def inspect_all(self, frames: Sequence[bytes]) -> Glance:
        """Say what all frames are."""
        return Glance.over(map(self.inspect, frames))
