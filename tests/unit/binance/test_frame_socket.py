"""A socket that hands out reads: everything is as the library's own socket would have it, only sooner."""

import asyncio
from collections.abc import Sequence
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN, Event
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from orderflow_recorder.binance.frame_socket import HIGH_BYTES, FrameSocket
from orderflow_recorder.ports.feed import Arrival
from tests.unit.binance.support import JumpingClock

MAX_SIZE = 300


class FakeTransport(asyncio.Transport):
    """Keeps what is written and whether reading is paused."""

    def __init__(self) -> None:
        """Be open."""
        super().__init__()
        self.written = b""
        self.paused: list[bool] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep it."""
        self.written += bytes(data)

    def can_write_eof(self) -> bool:
        """Say that the end of what is written can be told."""
        return True

    def write_eof(self) -> None:
        """Tell nobody."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Need none."""

    def pause_reading(self) -> None:
        """Remember."""
        self.paused.append(True)

    def resume_reading(self) -> None:
        """Remember."""
        self.paused.append(False)


class Reference(ClientConnection):
    """The library's own, with a note of which message was whole when."""

    messages: list[tuple[int, bytes]]
    clock: JumpingClock
    _parts = b""

    def process_event(self, event: Event) -> None:
        """Note messages."""
        super().process_event(event)
        if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._parts += event.data
            if event.fin:
                self.messages.append((self.clock.now_ns(), self._parts))
                self._parts = b""


def started(socket: ClientConnection) -> bytes:
    """Begin the handshake, and return the server's answer, which the socket has not got yet."""
    socket.connection_made(FakeTransport())
    socket.request = socket.protocol.connect()
    socket.protocol.send_request(socket.request)
    socket.send_data()
    server = ServerProtocol()
    server.receive_data(transport_of(socket).written)
    (request,) = server.events_received()
    assert isinstance(request, Request)
    return server.accept(request).serialize()


def transport_of(socket: ClientConnection) -> FakeTransport:
    """Return the transport, which is a fake."""
    assert isinstance(socket.transport, FakeTransport)
    return socket.transport


def said_by(socket: ClientConnection) -> list[Event]:
    """Return the frames that the socket sent of itself."""
    server = ServerProtocol(state=OPEN)
    server.receive_data(transport_of(socket).written.partition(b"\r\n\r\n")[2])
    return server.events_received()


def feed(socket: ClientConnection, clock: JumpingClock, stream: bytes, cuts: Sequence[int]) -> None:
    """Let ``stream`` arrive in pieces, a second between them, and then end."""
    stops = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, stop in pairwise(stops):
        clock.seconds += 1
        socket.data_received(stream[start:stop])
    socket.eof_received()
    socket.connection_lost(None)


async def taken_from(socket: FrameSocket) -> tuple[list[tuple[int, bytes]], ConnectionClosed]:
    """Return all messages with their receive times, and how the connection ended."""
    messages: list[tuple[int, bytes]] = []
    try:
        while True:
            arrival = await socket.next_arrival()
            assert arrival.frames
            messages += [(arrival.receive_time, frame) for frame in arrival.frames]
    except ConnectionClosed as closed:
        return messages, closed


def new_protocol(max_size: int | None = MAX_SIZE) -> ClientProtocol:
    """Return the state of a connection to come."""
    return ClientProtocol(parse_uri("ws://venue/stream"), max_size=max_size)


async def assert_same_as_reference(frames: Sequence[bytes], cuts: Sequence[int]) -> None:
    """Compare messages, their times, answers and the reason of the end with the library's own."""
    clock, reference_clock = JumpingClock(), JumpingClock()
    socket = FrameSocket.stamped_by(clock)(new_protocol())
    assert isinstance(socket, FrameSocket)
    feed(socket, clock, started(socket) + b"".join(frames), cuts)
    reference = Reference(new_protocol(), max_queue=None)
    reference.messages, reference.clock = [], reference_clock
    feed(reference, reference_clock, started(reference) + b"".join(frames), cuts)
    messages, closed = await taken_from(socket)
    assert messages == reference.messages
    assert said_by(socket) == said_by(reference)
    assert repr(closed) == repr(reference.close_exc)
    assert repr(closed.__cause__) == repr(reference.close_exc.__cause__)


def frame(opcode: Opcode, data: bytes, *, fin: bool = True, mask: bool = False) -> bytes:
    """Return a frame; of a server it has no mask."""
    return Frame(opcode, data, fin).serialize(mask=mask)


NO, YES = st.sampled_from([False]), st.sampled_from([True])
PAYLOADS = st.binary(max_size=6) | st.integers(0, MAX_SIZE).map(lambda length: b"x" * length)
TEXTS = st.builds(frame, st.just(Opcode.TEXT), PAYLOADS)
PINGS = st.builds(frame, st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=10))
INSIDE = st.lists(st.builds(frame, st.just(Opcode.CONT), st.binary(max_size=100), fin=NO) | PINGS, max_size=3).map(
    b"".join
)
FRAGMENTED = st.builds(
    lambda first, inside, last: first + inside + last,
    st.builds(frame, st.sampled_from([Opcode.TEXT, Opcode.BINARY]), st.binary(max_size=100), fin=NO),
    INSIDE,
    st.builds(frame, st.just(Opcode.CONT), st.binary(max_size=100)),
)
SOUND = TEXTS | TEXTS | PINGS | FRAGMENTED | st.builds(frame, st.just(Opcode.BINARY), PAYLOADS)
CLOSES = st.sampled_from([b"", b"\x03\xe8", b"\x03\xf0Too many requests"]).map(lambda data: frame(Opcode.CLOSE, data))
HOSTILE = (
    st.binary(max_size=20)
    | st.builds(frame, st.just(Opcode.TEXT), st.binary(max_size=20), mask=YES)
    | st.builds(frame, st.sampled_from([Opcode.TEXT, Opcode.BINARY]), st.just(b"x" * (MAX_SIZE + 1)))
    | st.builds(frame, st.sampled_from([Opcode.TEXT, Opcode.CONT]), st.binary(max_size=5), fin=st.booleans())
    | st.sampled_from([b"\x81\x7f" + b"\xff" * 8, b"\xc1\x01x", b"\x89\x7e\x00\x80", b"\x88\x01x", b"\x09\x00"])
    | CLOSES
)
CUTS = st.lists(st.integers(0, 100_000), max_size=30)


@settings(max_examples=100, deadline=None)
@given(st.lists(SOUND, max_size=12), CUTS, st.booleans())
def test_whatever_comes_however_cut_is_what_the_library_makes_of_it(
    frames: list[bytes],
    cuts: list[int],
    closes: bool,  # noqa: FBT001  # hypothesis passes it by name
) -> None:
    asyncio.run(assert_same_as_reference([*frames, *([frame(Opcode.CLOSE, b"\x03\xe8")] if closes else [])], cuts))


@settings(max_examples=100, deadline=None)
@given(st.lists(SOUND | HOSTILE, max_size=12), CUTS)
def test_hostile_bytes_are_what_the_library_makes_of_them(frames: list[bytes], cuts: list[int]) -> None:
    asyncio.run(assert_same_as_reference(frames, cuts))


BEGUN = frame(Opcode.TEXT, b"be", fin=False)
ENDED = frame(Opcode.CONT, b"gun")
STREAMS = {
    "mixed": [frame(Opcode.TEXT, b""), frame(Opcode.PING, b"?"), BEGUN, frame(Opcode.PONG, b""), ENDED, b"\x81\x01y"],
    "torn header": [frame(Opcode.TEXT, b"x"), b"\x81\x7e\x00"],
    "torn text": [frame(Opcode.TEXT, b"x"), frame(Opcode.TEXT, b"torn")[:-1]],
    "torn binary": [frame(Opcode.TEXT, b"x"), frame(Opcode.BINARY, b"torn")[:-1]],
    "text inside": [BEGUN, frame(Opcode.TEXT, b"inside"), ENDED, frame(Opcode.TEXT, b"x")],
    "no beginning": [frame(Opcode.TEXT, b"x"), ENDED, frame(Opcode.TEXT, b"x")],
    "closed inside": [BEGUN, frame(Opcode.CLOSE, b"\x03\xe8"), ENDED, frame(Opcode.TEXT, b"x")],
    "behind the close": [frame(Opcode.TEXT, b"x"), frame(Opcode.CLOSE, b"\x03\xe8"), frame(Opcode.TEXT, b"late")],
    "masked": [frame(Opcode.TEXT, b"x"), frame(Opcode.TEXT, b"masked", mask=True), frame(Opcode.TEXT, b"late")],
    "too long": [frame(Opcode.TEXT, b"x" * MAX_SIZE), frame(Opcode.TEXT, b"x" * (MAX_SIZE + 1))],
    "too long together": [BEGUN, frame(Opcode.CONT, b"x" * (MAX_SIZE - 1)), frame(Opcode.TEXT, b"late")],
    "far too long": [frame(Opcode.TEXT, b"x"), b"\x81\x7f" + b"\xff" * 8 + b"late"],
}


@pytest.mark.parametrize("name", STREAMS)
def test_every_single_cut_of_a_stream_comes_to_the_same(name: str) -> None:
    frames = STREAMS[name]

    async def each_cut() -> None:
        for back in range(len(b"".join(frames)) + 4):  # the end of the handshake among them
            await assert_same_as_reference(frames, [-back - 1])

    asyncio.run(each_cut())


@pytest.mark.parametrize(
    "header", [b"\x81\x84", b"\x81\x7e\xff\xff", b"\x81\x7f" + b"\xff" * 8, b"\xc1\x00", b"\x83\x00"]
)
async def test_what_must_be_refused_is_refused_at_its_header(header: bytes) -> None:
    socket = await opened(JumpingClock(), MAX_SIZE)
    socket.data_received(frame(Opcode.TEXT, b"x") + header)
    assert socket.protocol.state is not OPEN
    assert (await socket.next_arrival()).frames == [b"x"]


async def opened(clock: JumpingClock, max_size: int | None = None) -> FrameSocket:
    socket = FrameSocket.stamped_by(clock)(new_protocol(max_size))
    assert isinstance(socket, FrameSocket)
    socket.data_received(started(socket))
    return socket


async def test_all_frames_of_a_read_come_at_once_with_its_time() -> None:
    clock = JumpingClock()
    socket = await opened(clock)
    socket.data_received(frame(Opcode.TEXT, b"first") + frame(Opcode.TEXT, b"second") + b"\x81")
    clock.seconds += 1
    socket.data_received(b"\x05third")
    assert await socket.next_arrival() == Arrival(clock.now_ns() - 1_000_000_000, [b"first", b"second"])
    assert await socket.next_arrival() == Arrival(clock.now_ns(), [b"third"])


async def test_waiting_may_be_cancelled_without_losing_anything() -> None:
    clock = JumpingClock()
    socket = await opened(clock)
    for number in range(2):
        waiting = asyncio.create_task(socket.next_arrival())
        await asyncio.sleep(0)
        if number:
            socket.data_received(frame(Opcode.TEXT, b"kept"))
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert (await socket.next_arrival()).frames == [b"kept"]


async def test_one_who_waits_learns_of_the_end() -> None:
    socket = await opened(JumpingClock())
    waiting = asyncio.create_task(socket.next_arrival())
    await asyncio.sleep(0)
    socket.connection_lost(ConnectionResetError("reset by the venue"))
    with pytest.raises(ConnectionClosed) as closed:
        await waiting
    assert "reset by the venue" in str(closed.value.__cause__)


async def test_a_socket_nobody_takes_from_stops_reading_and_reads_on_when_taken_from() -> None:
    socket = await opened(JumpingClock())
    message = frame(Opcode.TEXT, b"x" * 100_000)
    sent = next(number for number in count(1) if number * len(message) > HIGH_BYTES)
    for _ in range(sent + 2):  # what was on its way when reading was paused
        socket.data_received(message)
    assert transport_of(socket).paused == [True]
    for _ in range(sent + 2):
        assert [len(each) for each in (await socket.next_arrival()).frames] == [100_000]
    assert transport_of(socket).paused == [True, False]


async def test_a_long_message_in_small_pieces_is_put_together_once() -> None:
    socket = await opened(JumpingClock())
    message = frame(Opcode.TEXT, b"x" * 4_000_000)
    for start in range(0, len(message), 100):
        socket.data_received(message[start : start + 100])
    assert [len(each) for each in (await socket.next_arrival()).frames] == [4_000_000]
