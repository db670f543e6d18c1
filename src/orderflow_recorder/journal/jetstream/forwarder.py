"""Publishes what the collector has written: the spool's lines, in order, each of them once.

The stream's own last message says how far the spool was published, so nothing needs to be remembered here: after
any fault the newest message is looked at, and publishing goes on behind it. The server takes a message
only behind the one it is meant to follow, so neither a lost acknowledgement nor a second publisher
can repeat or reorder anything, also long after the server has forgotten message ids.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from loguru import logger

from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.domain.errors import JournalError
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.journal.jetstream.blocks import Stamp
from orderflow_recorder.journal.jetstream.link import Link, open_link, work_until_lost
from orderflow_recorder.journal.jetstream.outbox import Outbox
from orderflow_recorder.journal.jetstream.retention import purge_passed
from orderflow_recorder.journal.reader import FileJournalReader
from orderflow_recorder.journal.retention import SinkPositions
from orderflow_recorder.journal.segments import find_segments
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.ports.journal import JournalBlock

SPOOL_SINK: Final = "jetstream"
"""Under this name the spool's retention knows what the stream has."""

SYNCED_AFTER_S: Final = 300.0
"""A server syncs what it has acknowledged every two minutes, unless told otherwise; before that the spool keeps it."""

BLOCK_BYTES: Final = 256 * 1024
"""A quarter of what a server takes by default."""

_HEADERS_BYTES: Final = 4096
_LINE_BREAK: Final = ord("\n")
_POLL_S: Final = 0.02
_OBSERVE_EVERY_S: Final = 1.0
_PURGE_EVERY_S: Final = 60.0


class ForwarderFigures(msgspec.Struct, frozen=True):
    """How the forwarder is.

    Attributes:
        connected: It publishes, or could.
        position: Everything before it is on the server.
        bytes: Published and acknowledged since the start.
        lag_bytes: In the spool, and not on the server.
        last_error: Newest thing that went wrong; empty if nothing has.
    """

    connected: bool = False
    position: Position = JOURNAL_START
    bytes: int = 0
    lag_bytes: int = 0
    last_error: str = ""


class Forwarder:
    """Publishes one instance's spool; `run` once."""

    def __init__(
        self,
        directory: Path,
        *,
        url: str,
        instance: str,
        clock: Clock,
        backoff: Backoff,
        retention_hours: float,
        sinks: tuple[str, ...],
        synced_after_s: float = SYNCED_AFTER_S,
        observe: Callable[[ForwarderFigures], None],
    ) -> None:
        """Connect to nothing yet.

        Args:
            directory: ``journal/<instance>``: the spool.
            url: ``JOURNAL_URL``.
            instance: Whose journal it is.
            clock: Time.
            backoff: How long to wait before the server is tried again.
            retention_hours: How long the server keeps what every sink has passed.
            sinks: Who must have passed a message before it is deleted from the server.
            synced_after_s: How long the spool keeps what the server has acknowledged, whatever its age: a power failure
                may take it from there.
            observe: Told the figures, about once a second and when something changes.
        """
        self._directory = directory
        self._url = url
        self._instance = instance
        self._clock = clock
        self._backoff = backoff
        self._retention_hours = retention_hours
        self._sinks = sinks
        self._observe = observe
        self._synced_after_s = synced_after_s
        self._acknowledged_at: deque[tuple[float, Position]] = deque()
        self._published = SinkPositions(directory, SPOOL_SINK)
        self._figures = ForwarderFigures()
        self._log = logger.bind(component="forwarder", instance=instance)

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until ``stop`` is set and the spool's end is on the server, or the server is away."""
        while True:
            try:
                async with open_link(self._url, self._instance, "forwarder") as link:
                    await work_until_lost(link, self._forward(link, stop))
            except JournalError as error:
                self._acknowledged_at.clear()  # the server may have lost what it had not synced
                self._note(connected=False, last_error=str(error))
                if stop.is_set():
                    self._log.warning("stopped before the end of the spool, the next run goes on: {}", error)
                    return
                pause_s = self._backoff.next()
                self._log.warning("not published, next attempt in {:.1f} s: {}", pause_s, error)
                await wait_for(stop, pause_s)
            else:
                return

    async def _forward(self, link: Link, stop: asyncio.Event) -> None:
        await link.create_stream()
        last, sequence = await self._newest(link)
        position = JOURNAL_START if last is None else last.end
        reader = FileJournalReader(self._directory, position if last is None else last.line or position)
        outbox = await Outbox.open(link, sequence)
        self._log.info("publishing from segment {}, byte {}", position.segment, position.offset)
        self._note(connected=True, position=position)
        observed_at = purged_at = self._clock.monotonic()
        try:
            while True:
                now = self._clock.monotonic()
                self._acknowledged(outbox.take_acknowledged(now))
                if now - observed_at >= _OBSERVE_EVERY_S:
                    observed_at = now
                    self._report(reader, outbox)
                if now - purged_at >= _PURGE_EVERY_S:
                    purged_at = now
                    await self._purge(link)
                block = reader.read_block(BLOCK_BYTES) if outbox.has_room else None
                if block is not None:
                    position = await self._publish(link, outbox, block, self._follows(reader, block, position))
                elif stop.is_set() and outbox.is_empty:
                    break
                else:
                    await outbox.wait(_POLL_S)
        finally:
            reader.close()
        self._report(reader, outbox)

    async def _newest(self, link: Link) -> tuple[Stamp | None, int]:
        """Return the stamp of the stream's newest message, if there is one, and its sequence number.

        Raises:
            JournalError: Another spool was published under this instance's name.
        """
        state = await link.state()
        if not state.messages:
            return None, state.last_seq
        stamp, data = await link.message(state.last_seq)
        path = find_segments(self._directory).get(stamp.start.segment)
        if path is not None and path.suffix == ".jsonl" and not stamp.dropped_bytes:
            with path.open("rb") as file:
                file.seek(stamp.start.offset)
                ours = file.read(len(data))
            # A power failure may have shortened the file; what is left of it must still be the same.
            if not data.startswith(ours):
                message = (
                    f"{link.server}: expected the newest message of stream {link.stream} to be from {path}, byte "
                    f"{stamp.start.offset}, got something else: another collector uses this INSTANCE_ID, or DATA_DIR "
                    "was replaced; use another INSTANCE_ID, or delete the stream once everything in it is loaded"
                )
                raise JournalError(message)
        return stamp, state.last_seq

    def _follows(self, reader: FileJournalReader, block: JournalBlock, position: Position) -> Position:
        """Return the place behind which nothing is missing before ``block``."""
        skipped = reader.take_skipped()
        if skipped:
            text = f"segments {skipped[0]} to {skipped[-1]} were gone before they were published"
            self._log.error(text)
            self._note(last_error=text)
        if skipped or (position == JOURNAL_START and block.start.segment > 1):
            return Position(block.start.segment, 0)
        return position

    async def _publish(self, link: Link, outbox: Outbox, block: JournalBlock, after: Position) -> Position:
        """Publish a block, in several messages where it is longer than one may be; return its end."""
        limit = min(BLOCK_BYTES, link.client.max_payload - _HEADERS_BYTES)
        text, start, dropped = block.text, block.start, block.dropped_bytes
        if block.start < after and block.start.segment == after.segment:
            # The last run ended within this line, which is longer than a message.
            text, start = text[after.offset - start.offset :], after
        line = block.start
        while True:
            cut = len(text) if len(text) <= limit else text.rfind(b"\n", 0, limit) + 1 or limit
            end = block.end if cut == len(text) else Position(start.segment, start.offset + cut + dropped)
            line = line if text[cut - 1] != _LINE_BREAK else end
            stamp = Stamp(
                start,
                end,
                after,
                block.instance,
                block.run_id,
                self._clock.now_ns(),
                line=None if line == end else line,
                dropped_bytes=dropped,
            )
            await outbox.publish(stamp, text[:cut], self._clock.monotonic())
            if cut == len(text):
                return end
            text, start, after, dropped = text[cut:], end, end, 0

    def _acknowledged(self, stamp: Stamp | None) -> None:
        if stamp is not None:
            self._backoff.reset()
            self._note(position=stamp.end)

    def _report(self, reader: FileJournalReader, outbox: Outbox) -> None:
        """Tell the figures, and the spool's retention what it need not keep any more."""
        self._note(lag_bytes=reader.lag_bytes() + outbox.bytes, bytes=outbox.acknowledged_bytes)
        now = self._clock.monotonic()
        self._acknowledged_at.append((now, self._figures.position))
        synced = None
        while self._acknowledged_at and now - self._acknowledged_at[0][0] >= self._synced_after_s:
            synced = self._acknowledged_at.popleft()[1]
        try:
            if synced is not None and synced != JOURNAL_START:
                self._published.publish(synced)
        except OSError as error:  # a full disk; only the deletion of segments waits for it
            self._note(last_error=f"cannot publish the position: {error}")

    async def _purge(self, link: Link) -> None:
        purged = await purge_passed(
            link, sinks=self._sinks, now_ns=self._clock.now_ns(), retention_hours=self._retention_hours
        )
        if purged:
            self._log.info("deleted {} messages from stream {}: every sink has passed them", purged, link.stream)

    def _note(self, **changes: object) -> None:
        self._figures = msgspec.structs.replace(self._figures, **changes)
        self._observe(self._figures)


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait for ``event``, but not longer than ``seconds``."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait([waiting], timeout=seconds)
    waiting.cancel()
