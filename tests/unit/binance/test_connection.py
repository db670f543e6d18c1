"""One open socket, against a real one on this machine."""

import asyncio
import json
from itertools import count

import pytest
from websockets.asyncio.client import connect

from orderflow_recorder.binance.connection import BinanceConnection
from orderflow_recorder.binance.frame_socket import FrameSocket
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.ports.feed import FeedClosedError
from tests.unit.binance.support import JumpingClock, VenueSocket

STREAMS = [Stream(Market.SPOT, f"X{number}USDT", "trade") for number in range(250)]


async def opened(venue: VenueSocket, clock: JumpingClock) -> BinanceConnection:
    socket = await connect(venue.url, create_connection=FrameSocket.stamped_by(clock))
    assert isinstance(socket, FrameSocket)
    return BinanceConnection(socket, venue.url, clock=clock, request_ids=count(1), control_interval_s=0.5)


async def received(connection: BinanceConnection, count: int) -> list[bytes]:
    """Return the next frames; the reads that bring them must bring no more."""
    frames: list[bytes] = []
    while len(frames) < count:
        frames += (await connection.recv()).frames
    assert len(frames) == count
    return frames


async def test_frames_come_as_bytes_whether_text_or_binary(venue: VenueSocket, clock: JumpingClock) -> None:
    connection = await opened(venue, clock)
    server = await venue.connected.get()
    await server.send('{"stream":"币@trade"}')
    await server.send(b"\xff\x00")
    await server.send(b"\xff not UTF-8", text=True)
    assert await received(connection, 3) == ['{"stream":"币@trade"}'.encode(), b"\xff\x00", b"\xff not UTF-8"]
    await connection.close()


async def test_control_frames_are_text_paced_and_numbered(venue: VenueSocket, clock: JumpingClock) -> None:
    connection = await opened(venue, clock)
    assert await connection.subscribe(STREAMS) == [1, 2, 3]
    assert await connection.unsubscribe(STREAMS[:1]) == [4]
    frames = [await venue.received.get() for _ in range(4)]
    assert all(isinstance(frame, str) for frame in frames)
    decoded = [json.loads(frame) for frame in frames]
    assert [frame["method"] for frame in decoded] == ["SUBSCRIBE"] * 3 + ["UNSUBSCRIBE"]
    assert [frame["id"] for frame in decoded] == [1, 2, 3, 4]
    assert [name for frame in decoded[:3] for name in frame["params"]] == [stream.wire for stream in STREAMS]
    assert decoded[3]["params"] == ["x0usdt@trade"]
    assert clock.slept == [0.5, 0.5, 0.5]
    await connection.close()


async def test_what_is_given_up_is_not_asked_for_by_what_still_waits(venue: VenueSocket, clock: JumpingClock) -> None:
    connection = await opened(venue, clock)
    connection.subscribe_later([stream.wire for stream in STREAMS])
    await asyncio.sleep(0)
    await connection.unsubscribe(STREAMS[-1:])
    frames = [json.loads(await venue.received.get()) for _ in range(4)]
    assert [frame["method"] for frame in frames] == ["SUBSCRIBE"] * 3 + ["UNSUBSCRIBE"]
    await connection.close()


async def test_the_close_code_and_its_text_are_told(venue: VenueSocket, clock: JumpingClock) -> None:
    connection = await opened(venue, clock)
    await (await venue.connected.get()).close(1008, "Too many requests")
    with pytest.raises(FeedClosedError, match=r"1008.*Too many requests"):
        await connection.recv()
    with pytest.raises(FeedClosedError, match="1008"):
        await connection.subscribe(STREAMS[:1])
    await connection.close()


async def test_a_line_that_is_cut_is_told_too(venue: VenueSocket, clock: JumpingClock) -> None:
    connection = await opened(venue, clock)
    (await venue.connected.get()).transport.abort()
    with pytest.raises(FeedClosedError, match="no close frame"):
        await connection.recv()
    await connection.close()


async def test_a_frame_before_the_close_is_still_delivered(venue: VenueSocket, clock: JumpingClock) -> None:
    connection = await opened(venue, clock)
    server = await venue.connected.get()
    await server.send("last")
    await server.close()
    assert await received(connection, 1) == [b"last"]
    with pytest.raises(FeedClosedError, match="1000"):
        await connection.recv()


async def test_later_subscriptions_do_not_hold_up_frames_and_end_with_the_socket(
    venue: VenueSocket, clock: JumpingClock
) -> None:
    connection = await opened(venue, clock)
    connection.subscribe_later([stream.wire for stream in STREAMS])
    server = await venue.connected.get()
    await server.send("first")
    assert await received(connection, 1) == [b"first"]
    frames = [json.loads(await venue.received.get()) for _ in range(3)]
    assert [len(frame["params"]) for frame in frames] == [100, 100, 50]
    await server.close()
    with pytest.raises(FeedClosedError):
        await connection.recv()
    connection.subscribe_later(["x@trade"])
    await connection.close()
    await connection.close()
