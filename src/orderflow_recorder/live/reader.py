"""One reader's queue: bounded in bytes; what does not fit is dropped for this reader alone, and told."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import msgspec

Channel: TypeAlias = Literal["trades", "tops", "candles", "gaps"]
Topic: TypeAlias = tuple[Channel, str, str]
"""Channel, market, symbol; in what a reader asks for, ``*`` stands for every market or symbol."""

QUEUE_BYTES: Final = 1 << 20
MOST_AT_ONCE_BYTES: Final = 1 << 18
"""What waited is sent in parts: a ping can be answered between two."""


class Chunk(msgspec.Struct, frozen=True):
    """Events of one topic, encoded once for all.

    Attributes:
        topic: Channel, market and symbol.
        body: JSON of the events with commas between them; empty where they were lost for everybody.
        count: How many.
        first_id: The lowest of their ids: of trades, book updates or gaps; candles have none.
        last_id: The highest.
    """

    topic: Topic
    body: bytes
    count: int
    first_id: int | None = None
    last_id: int | None = None


class Message(msgspec.Struct, frozen=True):
    """What readers of the same topics get at once.

    Attributes:
        text: A JSON array.
        size: Of it, bytes.
        chunks: What is in it, and what was lost.
    """

    text: str
    size: int
    chunks: Sequence[Chunk]


def message_of(chunks: Sequence[Chunk]) -> Message:
    """Return chunks as one message."""
    body = b"[" + b",".join(chunk.body for chunk in chunks if chunk.body) + b"]"
    return Message(body.decode(), len(body), chunks)


class Missed(msgspec.Struct, tag_field="type", tag="missed"):
    """What a reader did not get of a topic."""

    channel: Channel
    market: str
    symbol: str
    count: int
    first_id: int | None
    last_id: int | None


class Reader:
    """What waits for one reader. For the thread of its event loop alone.

    Attributes:
        topics: What it asked for.
    """

    def __init__(self, limit_bytes: int = QUEUE_BYTES) -> None:
        """Start without topics.

        Args:
            limit_bytes: Of what waits; what is being sent comes on top.
        """
        self.topics: frozenset[Topic] = frozenset()
        self._limit = limit_bytes
        self._queue: deque[Message] = deque()
        self._size = 0
        self._missed: dict[Topic, Missed] = {}
        self._something = asyncio.Event()
        self._taken = asyncio.Event()

    def offer(self, message: Message) -> None:
        """Take a message, or note that it is missed; never waits.

        Once something is missed all is, until the reader has taken what it has: so it misses one stretch, and knows it.
        """
        if self._missed or self._size + message.size > self._limit:
            for chunk in message.chunks:
                self._miss(chunk)
        else:
            for chunk in message.chunks:
                if not chunk.body:
                    self._miss(chunk)
            if len(message.text) > len("[]"):
                self._put(message)
        self._something.set()

    def reply(self, event: object) -> None:
        """Answer what the reader said; never dropped: who hears the reader waits for `room` between answers."""
        body = b"[" + msgspec.json.encode(event) + b"]"
        self._put(Message(body.decode(), len(body), ()))
        self._something.set()

    async def room(self) -> None:
        """Return once a good part of the queue is free."""
        while self._size > self._limit // 2:
            self._taken.clear()
            await self._taken.wait()

    async def wait(self) -> str:
        """Return the next message, once there is one."""
        while (text := self.take()) is None:
            self._something.clear()
            await self._something.wait()
        return text

    def take(self) -> str | None:
        """Return what waits, much of it at once, as a JSON array; what was missed comes last; none of nothing."""
        if self._queue:
            texts: list[str] = []
            size = 0
            while self._queue and (not texts or size + self._queue[0].size <= MOST_AT_ONCE_BYTES):
                message = self._queue.popleft()
                texts.append(message.text)
                size += message.size
            self._size -= size
            self._taken.set()
            return texts[0] if len(texts) == 1 else "[" + ",".join(text[1:-1] for text in texts) + "]"
        if self._missed:
            missed, self._missed = self._missed, {}
            return msgspec.json.encode(list(missed.values())).decode()
        return None

    def _put(self, message: Message) -> None:
        self._queue.append(message)
        self._size += message.size

    def _miss(self, chunk: Chunk) -> None:
        known = self._missed.get(chunk.topic)
        if known is None:
            channel, market, symbol = chunk.topic
            self._missed[chunk.topic] = Missed(channel, market, symbol, chunk.count, chunk.first_id, chunk.last_id)
            return
        known.count += chunk.count
        if chunk.first_id is not None and chunk.last_id is not None:
            known.first_id = min(chunk.first_id, known.first_id or chunk.first_id)
            known.last_id = max(chunk.last_id, known.last_id or chunk.last_id)
