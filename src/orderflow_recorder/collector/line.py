"""One open socket being read: every frame is journaled first, then noted."""

import asyncio
from collections.abc import Callable, Sequence

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.feed import BadNote, DataNote, Feed, FeedConnection, FrameNote


class Line:
    """A socket, its number, and the task that reads it.

    The task ends only by `FeedClosedError` (the socket is gone), `DiskFullError` (the journal
    takes no more) or cancellation.

    Args:
        number: The socket's number within the run.
        connection: The open socket.
        streams: What it was asked for.
    """

    def __init__(self, number: int, connection: FeedConnection, streams: Sequence[Stream]) -> None:
        """Keep the socket; `start` begins to read."""
        self.number = number
        self.connection = connection
        self.streams = list(streams)
        self.frames = 0
        self.task: asyncio.Task[None] | None = None

    def start(
        self, market: Market, feed: Feed, intake: Intake, clock: Clock, handle: Callable[["Line", FrameNote], None]
    ) -> None:
        """Read on in a task of its own; ``handle`` gets each note after its frame is journaled."""
        self.task = asyncio.get_running_loop().create_task(
            self._read(market, feed, intake, clock, handle), name=f"read {market} #{self.number}"
        )

    async def _read(
        self, market: Market, feed: Feed, intake: Intake, clock: Clock, handle: Callable[["Line", FrameNote], None]
    ) -> None:
        recv, now_ns, inspect = self.connection.recv, clock.now_ns, feed.inspect
        frame_in, number = intake.frame, self.number
        while True:
            frame = await recv()
            receive_time = now_ns()
            note = inspect(frame)
            self.frames += 1
            if type(note) is DataNote:
                frame_in(receive_time, market, number, frame)
            elif type(note) is BadNote:
                intake.bad(receive_time, market, number, frame, note.reason)
            else:
                frame_in(receive_time, market, number, frame)
            handle(self, note)

    async def close(self) -> None:
        """Stop reading and close the socket."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
        await self.connection.close()
