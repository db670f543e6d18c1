"""Messages on their way: published in order, a bounded number of bytes ahead of their acknowledgements."""

import asyncio
from collections import deque
from typing import Final

import msgspec
from nats.aio.msg import Msg

from orderflow_recorder.domain.errors import JournalUnavailableError
from orderflow_recorder.journal.jetstream.blocks import Stamp, message_headers
from orderflow_recorder.journal.jetstream.link import Link

WINDOW_BYTES: Final = 8 << 20
ACKNOWLEDGE_S: Final = 10.0
_OUT_OF_STEP: Final = 10071


class _Failure(msgspec.Struct):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Acknowledgement(msgspec.Struct):
    seq: int = 0
    duplicate: bool = False
    error: _Failure | None = None


class _Sent(msgspec.Struct):
    sequence: int
    stamp: Stamp
    bytes: int
    at: float


_decode: Final = msgspec.json.Decoder(_Acknowledgement).decode


class Outbox:
    """Publishes to one stream over one connection.

    Attributes:
        bytes: Published and not acknowledged.
        acknowledged_bytes: Acknowledged in all.
    """

    def __init__(self, link: Link, last_sequence: int, inbox: str) -> None:
        """Use `open`."""
        self.bytes = 0
        self.acknowledged_bytes = 0
        self._link = link
        self._sequence = last_sequence
        self._inbox = inbox
        self._sent: deque[_Sent] = deque()
        self._answers: deque[Msg] = deque()
        self._arrival = asyncio.Event()

    @classmethod
    async def open(cls, link: Link, last_sequence: int) -> "Outbox":
        """Listen for acknowledgements.

        Args:
            link: Where to publish.
            last_sequence: Of the stream's newest message.
        """
        inbox = link.client.new_inbox()
        outbox = cls(link, last_sequence, inbox)
        await link.client.subscribe(f"{inbox}.*", cb=outbox._take)
        return outbox

    @property
    def has_room(self) -> bool:
        """Say whether more may be published before something is acknowledged."""
        return self.bytes < WINDOW_BYTES

    @property
    def is_empty(self) -> bool:
        """Say whether everything is acknowledged."""
        return not self._sent

    async def publish(self, stamp: Stamp, text: bytes, now: float) -> None:
        """Hand one message over.

        Args:
            stamp: What ``text`` is.
            text: Of a segment.
            now: Monotonic seconds.
        """
        headers = message_headers(stamp, self._sequence)
        self._sequence += 1
        self._sent.append(_Sent(self._sequence, stamp, len(text), now))
        self.bytes += len(text)
        reply = f"{self._inbox}.{self._sequence}"
        await self._link.client.publish(self._link.subject, text, reply=reply, headers=headers)
        await asyncio.sleep(0)  # the client's own tasks write and read the socket

    def take_acknowledged(self, now: float) -> Stamp | None:
        """Return the newest stamp that was acknowledged since the last call.

        Args:
            now: Monotonic seconds.

        Raises:
            JournalUnavailableError: A message was refused, or not answered in time.
        """
        newest = None
        self._arrival.clear()
        while self._answers:
            newest = self._acknowledge(self._answers.popleft())
        if self._sent and now - self._sent[0].at > ACKNOWLEDGE_S:
            message = f"{self._link.server}: a message was not acknowledged within {ACKNOWLEDGE_S:.0f} s"
            raise JournalUnavailableError(message)
        return newest

    async def wait(self, seconds: float) -> None:
        """Wait for an acknowledgement, but not longer than ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                await self._arrival.wait()
        except TimeoutError:
            return

    async def _take(self, answer: Msg) -> None:
        self._answers.append(answer)
        self._arrival.set()

    def _acknowledge(self, answer: Msg) -> Stamp:
        sent = self._sent.popleft()
        self.bytes -= sent.bytes
        if not answer.data:
            message = f"{self._link.server}: nobody takes messages for stream {self._link.stream}: it was deleted"
            raise JournalUnavailableError(message)
        acknowledgement = _decode(answer.data)
        if acknowledgement.error is not None:
            raise JournalUnavailableError(self._refusal(acknowledgement.error))
        if acknowledgement.duplicate or acknowledgement.seq != sent.sequence:
            message = (
                f"{self._link.server}: expected message {sent.sequence} of stream {self._link.stream} to be new, got "
                f"{acknowledgement.seq}: somebody deleted from the stream or publishes to it"
            )
            raise JournalUnavailableError(message)
        self.acknowledged_bytes += sent.bytes
        return sent.stamp

    def _refusal(self, error: _Failure) -> str:
        stream = f"{self._link.server}: stream {self._link.stream}"
        if error.err_code == _OUT_OF_STEP:
            return f"{stream}: somebody else publishes to it, going on from its end ({error.description})"
        return (
            f"{stream} takes no more: {error.description} ({error.err_code}): raise its limits or the server's, or let "
            "loaders and retention empty it; until then the collector's spool grows"
        )
