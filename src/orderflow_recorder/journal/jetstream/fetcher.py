"""The half of the reader that lives in an event loop: connects, fetches ahead, acknowledges, begins again.

After every fault it finds its place anew by the position it has reached, never by the server's numbers: a server
that lost its newest messages in a power failure gets them again from the spool, under other numbers.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Final

import msgspec
from loguru import logger
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.domain.errors import JournalError, JournalUnavailableError
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.journal.jetstream.blocks import Stamp, read_stamp
from orderflow_recorder.journal.jetstream.link import Link, is_cancelled, open_link, work_until_lost
from orderflow_recorder.journal.jetstream.progress import SinkProgress, share
from orderflow_recorder.journal.jetstream.pull import Pull, find
from orderflow_recorder.ports.clock import Clock

AHEAD_MESSAGES: Final = 16
"""Fetched ahead: at most 4 MiB, as a message is no longer than `forwarder.BLOCK_BYTES`."""

_ARRIVAL_S: Final = 2.0
_CLOSE_S: Final = 1.0


class Piece(msgspec.Struct, frozen=True, gc=False):
    """One message, as far as it is news.

    Attributes:
        stamp: Its stamp; ``start`` is where ``text`` begins.
        text: Part of a segment.
        session: Which connection brought it.
        sequence: Its number in the stream, as that connection saw it.
        skipped: Segments missing before it, in whole or in part.
    """

    stamp: Stamp
    text: bytes
    session: int
    sequence: int
    skipped: range


class Fetcher:
    """Keeps a bounded number of messages ready.

    All methods belong to the event loop's thread. Another thread may take from ``ready``, and read the rest.

    Attributes:
        ready: Messages in order, to be taken from the left; `note_room` is to be told.
        failure: Why there will be no more; a person must act.
        trouble: Why there are none just now; empty while the server answers.
    """

    def __init__(
        self, url: str, *, instance: str, sink: str, position: Position, clock: Clock, backoff: Backoff
    ) -> None:
        """Connect to nothing yet; see `JetStreamReader` for the arguments."""
        self.ready: deque[Piece] = deque()
        self.failure: JournalError | None = None
        self.trouble = ""
        self._url = url
        self._instance = instance
        self._sink = sink
        self._reached = position
        self._committed = position
        self._clock = clock
        self._backoff = backoff
        self._link: Link | None = None
        self._session = 0
        self._received = 0
        self._aim = 0
        self._aimed = asyncio.Event()
        self._room = asyncio.Event()
        self._arrived = asyncio.Event()
        self._tried = asyncio.Event()
        self._log = logger.bind(component="journal", instance=instance)

    async def run(self) -> None:
        """Fetch until cancelled, or until a person must act."""
        while True:
            try:
                async with open_link(self._url, self._instance, f"loader {self._sink}") as link:
                    await work_until_lost(link, self._fetch(link))
            except JournalUnavailableError as error:
                pause_s = self._backoff.next()
                if str(error) != self.trouble:
                    self._log.warning("journal away, next attempt in {:.1f} s: {}", pause_s, error)
                self.trouble = str(error)
                self._tried.set()
                await self._clock.sleep(pause_s)
            except JournalError as error:
                self.failure = error
                self._tried.set()
                return

    async def await_news(self) -> None:
        """Return once a message is ready, or the server has none that was not taken, or does not answer."""
        await self._tried.wait()
        link = self._link
        if link is None or self.ready:
            return
        with suppress(JournalError, NatsError, OSError, TimeoutError):
            state = await link.state()
            async with asyncio.timeout(_ARRIVAL_S):
                while state.messages and self._received < state.last_seq and not self.ready and self._link is link:
                    self._arrived.clear()
                    await self._arrived.wait()

    async def waiting_bytes(self) -> int | None:
        """Return about how many bytes the server has that were not taken from here; none where it does not answer."""
        link = self._link
        if link is None:
            return None
        with suppress(JournalError, NatsError, OSError, TimeoutError):
            state = await link.state()
            return share(state.bytes, state.messages, state.last_seq - self._received + len(self.ready))
        return None

    def note_room(self) -> None:
        """Take note that something was taken."""
        self._room.set()

    def note_commit(self, position: Position, session: int, sequence: int) -> None:
        """Take note that the sink has everything before ``position``, thus message ``sequence`` of ``session``."""
        self._committed = position
        if session == self._session:
            self._aim = max(self._aim, sequence)
            self._aimed.set()

    async def _fetch(self, link: Link) -> None:
        await link.require_jetstream()
        start = await find(link, self._reached)
        # What is ready is not committed: the sink's own place is another one.
        committed = start if self._committed == self._reached else await find(link, self._committed)
        pull = await Pull.open(link, start)
        self._session += 1
        self._received, self._aim = start - 1, committed - 1
        self._link, self.trouble = link, ""
        self._tried.set()
        acknowledging = asyncio.create_task(self._acknowledge(link))
        try:
            while not is_cancelled():
                self._room.clear()
                if not pull.is_due and len(self.ready) >= AHEAD_MESSAGES:
                    await self._room.wait()
                message = await pull.next(max(1, AHEAD_MESSAGES - len(self.ready)))
                if message is not None:
                    self._backoff.reset()
                    self._accept(message)
        finally:
            self._link = None
            self._arrived.set()
            acknowledging.cancel()
            if not link.lost.is_set():
                with suppress(NatsError, OSError, TimeoutError):
                    async with asyncio.timeout(_CLOSE_S):
                        await pull.close()

    def _accept(self, message: Msg) -> None:
        stamp, text, here = read_stamp(message.headers), message.data, self._reached
        self._received = message.metadata.sequence.stream
        self._arrived.set()
        skipped = range(0)
        if here != JOURNAL_START:
            if stamp.end <= here:
                return
            if stamp.start < here:
                text = text[here.offset - stamp.start.offset :]
                stamp = msgspec.structs.replace(stamp, start=here)
            elif stamp.after > here:
                skipped = range(here.segment, stamp.after.segment + (stamp.after.offset > 0))
        self._reached = stamp.end
        self.ready.append(Piece(stamp, text, self._session, self._received, skipped))

    async def _acknowledge(self, link: Link) -> None:
        """Tell the server how far the sink is; what fails here is tried again after the next commit."""
        progress: SinkProgress | None = None
        self._aimed.set()
        while True:
            await self._aimed.wait()
            self._aimed.clear()
            try:
                if progress is None:
                    progress = await SinkProgress.open(link, self._sink, self._aim + 1)
                if not await progress.advance(self._aim):
                    progress = None
            except (NatsError, OSError, TimeoutError) as error:
                progress = None
                if not link.client.is_closed:
                    self._log.warning("the sink's progress was not told to the journal: {}", error)
