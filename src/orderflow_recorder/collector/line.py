"""One open socket being read: what arrives is journaled first, then noted."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.ports.feed import Arrival, BadNote, Feed, FeedClosedError, FeedConnection, Glance

HELD_FRAMES: Final = 20_000
"""A socket that holds its frames back holds no more than that, and what one read brings."""


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
        """What the socket has, as far as it was asked for."""
        self.frames = 0
        self._requests: dict[int, tuple[Stream, ...]] = {}
        self._answers: dict[int, str] = {}
        self._aligning = asyncio.Lock()
        self.task: asyncio.Task[None] | None = None
        self._held: list[Callable[[], None]] | None = [] if hold else None
        self._held_frames = 0

    def start(self, market: Market, feed: Feed, intake: Intake, handle: Callable[["Line", Glance], None]) -> None:
        """Read on in a task of its own; ``handle`` gets what each arrival is after it is journaled."""
        self.task = asyncio.get_running_loop().create_task(
            self._read(market, feed, intake, handle), name=f"read {market} #{self.number}"
        )

    def release(self) -> None:
        """Journal what was held back, and from now on frames as they come; `DiskFullError` passes."""
        held, self._held = self._held, None
        for take in held or ():
            take()

    async def align(self, wanted: Sequence[Stream], tell: Callable[["Line", EventKind, list[Stream]], None]) -> None:
        """Ask for what is ``wanted`` and not there, and give up what is there and not wanted.

        A socket that is gone is no error: its streams are asked for when it is opened again.

        Args:
            wanted: Looked at again until nothing is left to do: it may change meanwhile.
            tell: Is told of each request before it is sent.
        """
        async with self._aligning:
            while (there := set(self.streams)) != (keep := set(wanted)):
                added = [stream for stream in wanted if stream not in there]
                gone = [stream for stream in self.streams if stream not in keep]
                self.streams = list(wanted)
                with suppress(FeedClosedError):
                    if gone:
                        tell(self, EventKind.UNSUBSCRIBED, gone)
                        self._note(await self.connection.unsubscribe(gone), ())
                    if added:
                        tell(self, EventKind.SUBSCRIBED, added)
                        self._note(await self.connection.subscribe(added), added)

    def on_answer(self, request_id: int | None, refusal: str = "") -> None:
        """Take what the venue says to a request; an empty ``refusal`` is its consent."""
        if request_id is not None:
            self._answers[request_id] = refusal

    @property
    def answered(self) -> bool:
        """Return whether nothing that was asked for by `align` waits for an answer that may still come."""
        return self._requests.keys() <= self._answers.keys() or self.task is None or self.task.done()

    def take_refusals(self) -> dict[Stream, str]:
        """Return which streams the venue refused, and its words, since this was asked last; forget all answers."""
        refused = {
            stream: words
            for request_id, streams in self._requests.items()
            for stream in streams
            if (words := self._answers.get(request_id))
        }
        self._requests.clear()
        self._answers.clear()
        return refused

    def _note(self, request_ids: Sequence[int], streams: Sequence[Stream]) -> None:
        self._requests |= dict.fromkeys(request_ids, tuple(streams))

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

    async def _read(self, market: Market, feed: Feed, intake: Intake, handle: Callable[["Line", Glance], None]) -> None:
        recv, inspect_all = self.connection.recv, feed.inspect_all

        def take(arrival: Arrival, glance: Glance) -> None:
            self._journal(market, intake, arrival, glance)
            handle(self, glance)

        while True:
            arrival = await recv()
            glance = inspect_all(arrival.frames)
            self.frames += len(arrival.frames)
            if self._held is None:
                take(arrival, glance)
                continue
            self._held.append(partial(take, arrival, glance))
            self._held_frames += len(arrival.frames)
            if self._held_frames >= HELD_FRAMES:
                self.release()

    def _journal(self, market: Market, intake: Intake, arrival: Arrival, glance: Glance) -> None:
        """Journal all frames in their order, the unreadable ones as such."""
        time, frames, start = arrival.receive_time, arrival.frames, 0
        for place, note in glance.others:
            if isinstance(note, BadNote):
                intake.frames(time, market, self.number, frames[start:place])
                intake.bad(time, market, self.number, frames[place], note.reason)
                start = place + 1
        intake.frames(time, market, self.number, frames[start:] if start else frames)
