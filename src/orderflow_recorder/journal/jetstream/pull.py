"""Fetches messages from a place on, a bounded number of bytes ahead of who takes them.

A consumer of the server's own naming, made for one connection: it begins where the reader stands, and nobody
else can move it. It needs no acknowledgements.
"""

import json
from typing import Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy, Header

from orderflow_recorder.domain.errors import JournalUnavailableError
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.journal.jetstream.link import Link

_EXPIRES_S: Final = 5
_PATIENCE_S: Final = 5
_FORGOTTEN_AFTER_S: Final = 300.0
"""A reader that waits for its database asks for nothing."""

_EXPIRED: Final = ("404", "408")


class Pull:
    """Asks for messages and returns them one by one."""

    def __init__(self, link: Link, consumer: str, inbox: Subscription) -> None:
        """Use `open`."""
        self._link = link
        self._consumer = consumer
        self._inbox = inbox
        self._due = 0

    @classmethod
    async def open(cls, link: Link, next_sequence: int) -> "Pull":
        """Make a consumer.

        Args:
            link: The stream.
            next_sequence: The first message wanted; it need not be there yet.
        """
        info = await link.manager.add_consumer(
            link.stream,
            ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=max(next_sequence, 1),
                ack_policy=AckPolicy.NONE,
                inactive_threshold=_FORGOTTEN_AFTER_S,
            ),
        )
        return cls(link, info.name, await link.client.subscribe(link.client.new_inbox()))

    @property
    def is_due(self) -> bool:
        """Say whether messages that were asked for may still come."""
        return self._due > 0

    async def next(self, room: int) -> Msg | None:
        """Return the next message; none after some seconds without one.

        Args:
            room: How many messages may be asked for, at least 1.

        Raises:
            JournalUnavailableError: The server does not answer, or the consumer is gone.
        """
        if self._due == 0:
            await self._link.client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._link.stream}.{self._consumer}",
                json.dumps({"batch": room, "expires": _EXPIRES_S * 1_000_000_000}).encode(),
                reply=self._inbox.subject,
            )
            self._due = room
        try:
            message = await self._inbox.next_msg(_EXPIRES_S + _PATIENCE_S)
        except NatsTimeoutError:
            text = f"{self._link.server}: no answer within {_EXPIRES_S + _PATIENCE_S} s"
            raise JournalUnavailableError(text) from None
        if message.reply:
            self._due -= 1
            return message
        self._due = 0
        headers = message.headers or {}
        if headers.get(Header.STATUS) in _EXPIRED:
            return None
        text = (
            f"{self._link.server}: the reader's consumer is gone: {headers.get(Header.DESCRIPTION, 'no reason given')}"
        )
        raise JournalUnavailableError(text)

    async def close(self) -> None:
        """Delete the consumer."""
        await self._link.manager.delete_consumer(self._link.stream, self._consumer)


async def find(link: Link, position: Position) -> int:
    """Return the first message that has something behind ``position``; the next to come where none has.

    Args:
        link: The stream.
        position: Where a reader stands.
    """
    state = await link.state()
    if not state.messages:
        return state.last_seq + 1
    if position == JOURNAL_START:
        return state.first_seq
    return await link.first_where(state.first_seq, state.last_seq + 1, lambda stamp: stamp.end > position)
