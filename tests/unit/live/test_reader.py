"""One reader's queue."""

import asyncio
from typing import Any

import msgspec

from orderflow_recorder.live.reader import MOST_AT_ONCE_BYTES, Chunk, Message, Reader, Topic, message_of

TRADES: Topic = ("trades", "spot", "BTCUSDT")
CANDLES: Topic = ("candles", "spot", "BTCUSDT")


def chunk(first: int, last: int, topic: Topic = TRADES) -> Chunk:
    body = b",".join(str(number).encode() for number in range(first, last + 1))
    return Chunk(topic, body, last - first + 1, first, last)


def lost(first: int, last: int) -> Chunk:
    return Chunk(TRADES, b"", last - first + 1, first, last)


def message(first: int, last: int) -> Message:
    return message_of([chunk(first, last)])


def taken(reader: Reader) -> Any:  # noqa: ANN401  # JSON
    text = reader.take()
    return None if text is None else msgspec.json.decode(text)


def test_what_waits_comes_at_once() -> None:
    reader = Reader()
    assert taken(reader) is None
    reader.offer(message(1, 3))
    assert taken(reader) == [1, 2, 3]
    reader.offer(message(4, 5))
    reader.reply({"a": 1})
    reader.offer(message(6, 6))
    assert taken(reader) == [4, 5, {"a": 1}, 6]
    assert taken(reader) is None


def test_much_that_waits_comes_in_parts() -> None:
    reader = Reader(limit_bytes=10 * MOST_AT_ONCE_BYTES)
    big = Message("[" + "1," * (MOST_AT_ONCE_BYTES // 4) + "1]", MOST_AT_ONCE_BYTES // 2 + 3, [])
    for _ in range(5):
        reader.offer(big)
    parts = []
    while (text := reader.take()) is not None:
        parts.append(len(text))
    assert len(parts) == 5


def test_what_does_not_fit_is_missed_up_to_where_the_reader_takes_again() -> None:
    reader = Reader(limit_bytes=20)
    reader.offer(message(1, 5))
    reader.offer(message(6, 15))
    reader.offer(message(16, 16))
    reader.offer(message_of([chunk(17, 20), Chunk(CANDLES, b"0", 1)]))
    assert taken(reader) == [1, 2, 3, 4, 5]
    reader.offer(message(21, 21))
    assert taken(reader) == [
        {"type": "missed", "channel": "trades", "market": "spot", "symbol": "BTCUSDT"}
        | {"count": 16, "first_id": 6, "last_id": 21},
        {"type": "missed", "channel": "candles", "market": "spot", "symbol": "BTCUSDT"}
        | {"count": 1, "first_id": None, "last_id": None},
    ]
    reader.offer(message(22, 22))
    assert taken(reader) == [22]


def test_what_was_lost_for_everybody_is_missed() -> None:
    reader = Reader()
    reader.offer(message_of([chunk(1, 2), lost(3, 5)]))
    reader.offer(message(6, 6))
    assert taken(reader) == [1, 2]
    assert taken(reader)[0]["count"] == 4
    reader.offer(message_of([lost(7, 8)]))
    assert taken(reader)[0] | {"first_id": 7, "last_id": 8} == taken_of(7, 8)


def taken_of(first: int, last: int) -> dict[str, Any]:
    return {
        "type": "missed",
        "channel": "trades",
        "market": "spot",
        "symbol": "BTCUSDT",
        "count": last - first + 1,
        "first_id": first,
        "last_id": last,
    }


def test_an_answer_is_never_dropped() -> None:
    reader = Reader(limit_bytes=10)
    for number in range(20):
        reader.reply(number)
    assert taken(reader) == list(range(20))


async def test_a_reader_waits_until_there_is_something() -> None:
    reader = Reader()
    waiting = asyncio.create_task(reader.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    reader.offer(message(1, 1))
    assert await waiting == "[1]"


async def test_whoever_asks_too_much_waits_until_the_answers_are_taken() -> None:
    reader = Reader(limit_bytes=10)
    await reader.room()
    reader.reply("0123456789")
    waiting = asyncio.create_task(reader.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    reader.take()
    await waiting
