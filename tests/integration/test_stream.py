"""The WebSocket stream over a real server: the protocol, clients that do wrong, and clients that take nothing."""

from collections.abc import Iterator

import msgspec
import pytest
from fastapi import WebSocketException
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from orderflow_recorder.api.stream import MOST_MESSAGE_BYTES, MOST_TOPICS
from orderflow_recorder.domain.market import Market
from orderflow_recorder.live import Hub, TickStore
from tests.support.eventually import eventually
from tests.support.records import book_snapshot, depth_diff, trade
from tests.support.stream_server import StreamServer, connected, serving

TRADES = {"channel": "trades", "market": "spot", "symbol": "BTCUSDT"}
QUEUE_BYTES = 1 << 17


@pytest.fixture
def store() -> TickStore:
    return TickStore()


@pytest.fixture
def server(store: TickStore) -> Iterator[StreamServer]:
    with serving(Hub(store), most_readers=3, queue_bytes=QUEUE_BYTES) as served:
        yield served


async def test_a_client_subscribes_and_unsubscribes(server: StreamServer, store: TickStore) -> None:
    async with connected(server.url) as client:
        await client.say(op="subscribe", id=1, **TRADES)
        assert await client.hear("subscribed") == {"type": "subscribed", "id": 1, **TRADES}
        store.take([trade(1), trade(2, symbol="ETHUSDT")])
        assert (await client.hear("trade"))["trade_id"] == 1
        await client.say(op="unsubscribe", id="x", **TRADES)
        assert await client.hear("unsubscribed") == {"type": "unsubscribed", "id": "x", **TRADES}
        store.take([trade(3)])
        await client.say(op="ping", id=2)
        assert await client.hear("pong") == {"type": "pong", "id": 2}
        assert [event["trade_id"] for event in client.events if event["type"] == "trade"] == [1]


@pytest.mark.parametrize("size", [1, 62, 63, 64, 65, 400, 10_000, 30_000])
async def test_messages_of_any_length_arrive_as_they_are(size: int) -> None:
    hub = Hub(TickStore())
    with serving(hub) as server:
        async with connected(server.url, max_size=None) as client:
            await client.say(op="subscribe", channel="gaps", market="*", symbol="*")
            await client.hear("subscribed")
            hub.tell_gap(Market.SPOT, "币安", 1, {"text": "币" * size + "x" * (size % 3)})
            assert (await client.hear("gap"))["text"] == "币" * size + "x" * (size % 3)
            await client.say(op="ping")
            await client.hear("pong")


async def test_a_symbol_may_be_in_lower_case_and_twice_is_once(server: StreamServer, store: TickStore) -> None:
    async with connected(server.url) as client:
        for symbol in ("btcusdt", "BTCUSDT", "*"):
            await client.say(op="subscribe", channel="trades", market="spot", symbol=symbol)
            await client.hear("subscribed")
        assert [event["symbol"] for event in client.events] == ["BTCUSDT", "BTCUSDT", "*"]
        store.take([trade(1)])
        await client.hear("trade")
        await client.say(op="ping")
        await client.hear("pong")
        assert [event["type"] for event in client.events].count("trade") == 1


async def test_whoever_follows_a_book_is_told_how_it_is_now(server: StreamServer, store: TickStore) -> None:
    store.take([book_snapshot(1), depth_diff(1, 2)])
    async with connected(server.url) as client:
        await client.say(op="subscribe", channel="tops", market="spot", symbol="BTCUSDT")
        assert (await client.hear("top"))["last_update_id"] == 2
        await client.say(op="subscribe", channel="tops", market="spot", symbol="NONE")
        assert (await client.hear("top"))["bids"] == []


@pytest.mark.parametrize(
    ("message", "reason", "number"),
    [
        ("nonsense", "JSON is malformed", None),
        (b"\xff\xfe", "expected subscribe, unsubscribe or ping", None),
        ("[]", "Expected `object`", None),
        ('{"op":"dance","id":3}', "Invalid value 'dance'", 3),
        ('{"op":"subscribe","id":"a"}', "missing required field `channel`", "a"),
        ('{"op":"ping","id":1.5}', "Expected `int | str | null`", None),
        ('{"op":"ping","id":"' + "x" * 65 + '"}', "length <= 64", None),
        ('{"op":"subscribe","channel":"trades","market":"bond","symbol":"X","id":1}', "Invalid enum value 'bond'", 1),
        ('{"op":"subscribe","channel":"trades","market":"spot","symbol":"B*","id":1}', "received 'B*'", 1),
        ('{"op":"subscribe","channel":"trades","market":"spot","symbol":"","id":1}', "expected a symbol", 1),
        ('{"op":"ping","extra":1}', "unknown field `extra`", None),
        ("[" * 2000, "received [[[", None),
        (" " * (MOST_MESSAGE_BYTES + 1), f"expected a message of at most {MOST_MESSAGE_BYTES} bytes", None),
    ],
)
async def test_what_a_client_does_wrong_is_answered(
    server: StreamServer, message: str | bytes, reason: str, number: object
) -> None:
    async with connected(server.url) as client:
        await client.connection.send(message)
        answer = await client.hear("error")
        assert reason in answer["reason"]
        assert answer["id"] == number
        await client.say(op="ping", id=9)
        assert (await client.hear("pong"))["id"] == 9


async def test_subscriptions_are_bounded(server: StreamServer) -> None:
    async with connected(server.url) as client:
        for number in range(MOST_TOPICS):
            await client.say(op="subscribe", channel="trades", market="spot", symbol=f"A{number}")
        await client.say(op="subscribe", id=1, **TRADES)
        answer = await client.hear("error")
        assert (answer["id"], answer["reason"]) == (1, "expected at most 1000 subscriptions, received one more")


async def test_readers_are_bounded(server: StreamServer) -> None:
    async with connected(server.url) as one, connected(server.url) as two, connected(server.url) as three:
        for client in (one, two, three):
            await client.say(op="ping")
            await client.hear("pong")
        async with connected(server.url) as late:
            with pytest.raises(ConnectionClosedError) as refused:
                await late.hear("anything")
        assert refused.value.rcvd is not None
        assert (refused.value.rcvd.code, refused.value.rcvd.reason) == (
            1013,
            "expected at most 3 readers, received one more: try again later",
        )


async def test_whoever_may_not_is_not_let_in() -> None:
    def refuse() -> None:
        raise WebSocketException(1008, "expected a key")

    with serving(Hub(TickStore()), authenticate=refuse) as server, pytest.raises(InvalidStatus) as refused:
        async with connected(server.url):
            pass
    assert refused.value.response.status_code == 403


async def test_a_slow_client_is_told_what_it_missed_and_the_others_miss_nothing(
    server: StreamServer, store: TickStore
) -> None:
    async with connected(server.url, max_queue=1, ping_interval=None) as slow, connected(server.url) as fast:
        for client in (slow, fast):
            await client.say(op="subscribe", **TRADES)
            await client.hear("subscribed")
        slow.connection.transport.pause_reading()
        fast.events.clear()
        number = 0
        while number < 40_000:
            store.take(trade(one) for one in range(number, number + 500))
            number += 500
            while len(fast.events) < number:
                fast.events += msgspec.json.decode(await fast.connection.recv())
        assert [event["trade_id"] for event in fast.events] == list(range(number))
        slow.connection.transport.resume_reading()
        missed = await slow.hear("missed")
        assert missed["last_id"] == number - 1
        got = [event["trade_id"] for event in slow.events if event["type"] == "trade"]
        assert got == list(range(missed["first_id"]))
        assert missed["count"] == number - len(got)
        store.take([trade(number)])
        assert (await slow.hear("trade"))["trade_id"] == number


async def test_a_client_that_takes_nothing_is_closed_when_it_answers_no_ping() -> None:
    store = TickStore()
    with serving(Hub(store), ping_s=0.5) as server:
        await stall(server, store)


async def stall(server: StreamServer, store: TickStore) -> None:
    async with connected(server.url, ping_interval=None) as client:
        await client.say(op="subscribe", **TRADES)
        await client.hear("subscribed")
        client.connection.transport.pause_reading()
        numbers = iter(range(0, 1 << 30, 500))

        def fed_until_closed() -> bool:
            begin = next(numbers)
            store.take(trade(number) for number in range(begin, begin + 500))
            return not server.server.server_state.connections

        await eventually(fed_until_closed, what="the connection is cut")
        client.connection.transport.resume_reading()
        with pytest.raises(ConnectionClosed):
            await client.hear("nothing of the kind")
