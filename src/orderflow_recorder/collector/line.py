"""One open socket being read: every frame is journaled first, then noted."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.feed import BadNote, Feed, FeedClosedError, FeedConnection, FrameNote

HELD_FRAMES: Final = 20_000
"""A socket that holds its frames back holds no more than that."""


class Line:
    """A socket, its number, and the task that reads it.

    The task ends only by `FeedClosedError` (the socket is gone), `DiskFullError` (the journal
    takes no more) or cancellation.

    A line that replaces another one may hold its first frames back until `release`: the old socket's last
    frames may still be on their way, and would otherwise seem to be missing.

    Args:
        number: The socket's number within the run.
        connection: The open socket.
        streams: What it was asked for.
        hold: Whether frames wait for `release`.
    """

    def __init__(self, number: int, connection: FeedConnection, streams: Sequence[Stream], *, hold: bool) -> None:
        """Keep the socket; `start` begins to read."""
        self.number = number
        self.connection = connection
        self.streams = list(streams)
        self.frames = 0
        self.task: asyncio.Task[None] | None = None
        self._held: list[Callable[[], None]] | None = [] if hold else None

    def start(
        self, market: Market, feed: Feed, intake: Intake, clock: Clock, handle: Callable[["Line", FrameNote], None]
    ) -> None:
        """Read on in a task of its own; ``handle`` gets each note after its frame is journaled."""
        self.task = asyncio.get_running_loop().create_task(
            self._read(market, feed, intake, clock, handle), name=f"read {market} #{self.number}"
        )

    def release(self) -> None:
        """Journal what was held back, and from now on each frame as it comes; `DiskFullError` passes."""
        held, self._held = self._held, None
        for take in held or ():
            take()

    def why_ended(self) -> str:
        """Return why the reading ended; anything but a lost socket is raised."""
        error = self.task.exception() if self.task is not None and not self.task.cancelled() else None
        if error is None:
            return "closed"
        if isinstance(error, FeedClosedError):
            return error.reason
        raise error

    async def close(self) -> None:
        """Stop reading and close the socket."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        await self.connection.close()

    async def _read(
        self, market: Market, feed: Feed, intake: Intake, clock: Clock, handle: Callable[["Line", FrameNote], None]
    ) -> None:
        recv, now_ns, inspect = self.connection.recv, clock.now_ns, feed.inspect
        number = self.number

        def take(receive_time: int, frame: bytes, note: FrameNote) -> None:
            if type(note) is BadNote:
                intake.bad(receive_time, market, number, frame, note.reason)
            else:
                intake.frame(receive_time, market, number, frame)
            handle(self, note)

        while True:
            frame = await recv()
            receive_time = now_ns()
            note = inspect(frame)
            self.frames += 1
            if self._held is None:
                take(receive_time, frame, note)
                continue
            self._held.append(partial(take, receive_time, frame, note))
            if len(self._held) >= HELD_FRAMES:
                self.release()


async def tell(requests: Sequence[Awaitable[None]]) -> None:
    """Send requests; a socket that is gone gets all its streams when it is opened again."""
    for outcome in await asyncio.gather(*requests, return_exceptions=True):
        if isinstance(outcome, BaseException) and not isinstance(outcome, FeedClosedError):
            raise outcome
