"""WebSocket side of a venue."""

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.domain.streams import Stream


class DataNote(msgspec.Struct, frozen=True, gc=False):
    """A market-data frame: its wire stream name, and the ids if it is a depth diff."""

    stream: str
    depth: DepthIds | None = None


class AckNote(msgspec.Struct, frozen=True):
    """The venue acknowledged request ``request_id``; that proves nothing about the stream."""

    request_id: int | None


class RejectNote(msgspec.Struct, frozen=True):
    """The venue refused request ``request_id``."""

    request_id: int | None
    code: int | None
    message: str


class ShutdownNote(msgspec.Struct, frozen=True):
    """The venue announced that it will close this socket."""


class BadNote(msgspec.Struct, frozen=True):
    """Not a frame the venue documents."""

    reason: str


FrameNote: TypeAlias = DataNote | AckNote | RejectNote | ShutdownNote | BadNote


class Arrival(msgspec.Struct, frozen=True, gc=False):
    """The frames of one read of a socket, in order; there is at least one.

    Attributes:
        receive_time: When the bytes left the kernel, ns since the epoch.
        frames: As received; the last one may have begun in an earlier read.
    """

    receive_time: int
    frames: Sequence[bytes]


class Glance(msgspec.Struct, frozen=True, gc=False):
    """What the notes on all frames of an arrival come to.

    Attributes:
        wires: The wire names of its market data.
        diffs: Wire name and ids of each depth diff, in order.
        others: Whatever is not market data, with its place among the frames, in order.
    """

    wires: set[str]
    diffs: list[tuple[str, DepthIds]] = []
    others: list[tuple[int, FrameNote]] = []

    @classmethod
    def over(cls, notes: Iterable[FrameNote]) -> "Glance":
        """Sum up the notes on each frame of an arrival."""
        wires: set[str] = set()
        diffs: list[tuple[str, DepthIds]] = []
        others: list[tuple[int, FrameNote]] = []
        for place, note in enumerate(notes):
            if not isinstance(note, DataNote):
                others.append((place, note))
                continue
            wires.add(note.stream)
            if note.depth is not None:
                diffs.append((note.stream, note.depth))
        return cls(wires, diffs, others)


class FeedClosedError(Exception):
    """The socket is gone; ``reason`` says why (close code, reset, ping timeout …)."""

    def __init__(self, reason: str) -> None:
        """Keep the reason."""
        self.reason = reason
        super().__init__(reason)


class FeedConnection(Protocol):
    """One open socket."""

    url: str

    async def recv(self) -> Arrival:
        """Return the frames of the next read.

        Raises:
            FeedClosedError: The socket is gone.
        """
        ...

    async def subscribe(self, streams: Sequence[Stream]) -> Sequence[int]:
        """Ask for more streams, in frames the venue accepts, at the pace it allows.

        Returns:
            The id of each request that was sent: the venue's answers name them.
        """
        ...

    async def unsubscribe(self, streams: Sequence[Stream]) -> Sequence[int]:
        """Give streams up, likewise."""
        ...

    async def close(self) -> None:
        """Close politely; never raises."""
        ...


class Feed(Protocol):
    """Opens sockets of one market and reads what continuity needs from a frame."""

    market: Market

    def route_of(self, stream: Stream) -> str:
        """Return the route that carries ``stream``: ``''`` on spot, ``/public`` or ``/market``."""
        ...

    async def connect(self, route: str, streams: Sequence[Stream]) -> FeedConnection:
        """Open a socket on ``route`` that asks for ``streams``.

        Raises:
            VenueUnreachableError: No socket could be opened; the text names URL and reason.
        """
        ...

    def inspect(self, frame: bytes) -> FrameNote:
        """Say what ``frame`` is. Never raises."""
        ...

    def inspect_all(self, frames: Sequence[bytes]) -> Glance:
        """Sum up what `inspect` says of each of ``frames``. Never raises."""
        ...
