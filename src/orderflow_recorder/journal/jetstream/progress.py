"""How far a sink is, told to the server: a durable consumer, acknowledged after each commit.

The sink's database is the truth, and readers begin where it says. The consumer is for people and for retention:
`nats consumer info` shows how far a sink lags behind, and what it has acknowledged may be deleted.
It gets messages without their data.
"""

import json
from typing import Final

from loguru import logger
from nats.aio.subscription import Subscription
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js.api import AckPolicy, ConsumerConfig, ConsumerInfo, DeliverPolicy
from nats.js.errors import NotFoundError

from orderflow_recorder.journal.jetstream.address import consumer_name
from orderflow_recorder.journal.jetstream.link import Link

_LARGEST_BATCH: Final = 500
"""Half of what a server lets a consumer leave unacknowledged."""

_EXPIRES_NS: Final = 1_000_000_000
_ANSWER_S: Final = 2.0


class SinkProgress:
    """The durable consumer of one sink, over one connection."""

    def __init__(self, link: Link, sink: str, inbox: Subscription, delivered: int) -> None:
        """Use `open`."""
        self._link = link
        self._name = consumer_name(sink)
        self._inbox = inbox
        self._delivered = delivered

    @classmethod
    async def open(cls, link: Link, sink: str, next_sequence: int) -> "SinkProgress":
        """Find the consumer or make it; one that is elsewhere than the sink is made again.

        Args:
            link: The stream.
            sink: Name of the sink.
            next_sequence: First message that the sink does not have.
        """
        name = consumer_name(sink)
        try:
            info = await link.manager.consumer_info(link.stream, name)
            ahead = passed(info) >= next_sequence
            if ahead:
                logger.warning("sink {} begins again at message {}: what follows is kept for it", sink, next_sequence)
            if ahead or info.num_ack_pending:  # an earlier loader ended before it could acknowledge
                await link.manager.delete_consumer(link.stream, name)
                info = await cls._create(link, name, sink, next_sequence)
        except NotFoundError:
            info = await cls._create(link, name, sink, next_sequence)
        delivered = info.delivered.stream_seq if info.delivered is not None else 0
        inbox = await link.client.subscribe(link.client.new_inbox())
        return cls(link, sink, inbox, delivered)

    @staticmethod
    async def _create(link: Link, name: str, sink: str, next_sequence: int) -> ConsumerInfo:
        return await link.manager.add_consumer(
            link.stream,
            ConsumerConfig(
                durable_name=name,
                description=f"How far the sink {sink} has loaded",
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
                opt_start_seq=max(next_sequence, 1),
                ack_policy=AckPolicy.ALL,
                headers_only=True,
            ),
        )

    async def advance(self, sequence: int) -> bool:
        """Acknowledge everything up to message ``sequence``; return False where the consumer must be opened anew."""
        while self._delivered < sequence:
            batch = min(sequence - self._delivered, _LARGEST_BATCH)
            await self._link.client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._link.stream}.{self._name}",
                json.dumps({"batch": batch, "expires": _EXPIRES_NS}).encode(),
                reply=self._inbox.subject,
            )
            for _ in range(batch):
                try:
                    message = await self._inbox.next_msg(_ANSWER_S)
                except NatsTimeoutError:
                    return False
                if not message.reply:  # a status: the consumer is gone, or has not so many
                    return False
                self._delivered = max(self._delivered, message.metadata.sequence.stream)
            await self._link.client.publish(message.reply, b"+ACK")
        return True


async def waiting_bytes(link: Link, sink: str) -> int:
    """Return about how many bytes of the stream ``sink`` has not acknowledged."""
    state = await link.state()
    try:
        info = await link.manager.consumer_info(link.stream, consumer_name(sink))
    except NotFoundError:
        return state.bytes
    return share(state.bytes, state.messages, state.last_seq - max(passed(info), state.first_seq - 1))


def passed(consumer: ConsumerInfo) -> int:
    """Return the last message that a sink has passed."""
    # A new consumer has acknowledged nothing, and was given to understand where it begins.
    place = consumer.ack_floor if consumer.num_ack_pending else consumer.delivered
    return place.stream_seq if place is not None else 0


def share(total_bytes: int, messages: int, waiting: int) -> int:
    """Return about how many bytes ``waiting`` of ``messages`` have."""
    return total_bytes * max(waiting, 0) // max(messages, 1)
