"""What a JetStream journal does at its edges: long lines, limits, retention, strangers, faults."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec
import pytest
from nats.js.api import DiscardPolicy, StreamConfig, StreamState
from nats.js.errors import NotFoundError

from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.domain.errors import JournalError, JournalUnavailableError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.journal.jetstream.address import stream_name, subject_of
from orderflow_recorder.journal.jetstream.blocks import Stamp
from orderflow_recorder.journal.jetstream.forwarder import BLOCK_BYTES, SPOOL_SINK
from orderflow_recorder.journal.jetstream.link import Link
from orderflow_recorder.journal.jetstream.outbox import Outbox
from orderflow_recorder.journal.jetstream.progress import passed
from orderflow_recorder.journal.jetstream.retention import purge_passed
from orderflow_recorder.journal.lines import header_line
from orderflow_recorder.journal.retention import read_sink_positions
from orderflow_recorder.journal.segments import find_segments
from tests.support.jetstream import ForwarderThread, end_of, new_instance, on_server, open_reader, read_stream
from tests.support.journal import FRAME, open_writer, read_all, read_journal
from tests.support.nats_server import NatsServer
from tests.support.processes import wait_until

HOUR_NS = 3_600_000_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
def instance() -> str:
    return new_instance()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def write(spool: Path, *frames: bytes, run_id: str = "run-1") -> None:
    """Write frames into a segment of their own."""
    with closing(open_writer(spool, run_id=run_id)) as writer:
        for number, frame in enumerate(frames, start=1):
            writer.append_frame(number, Market.SPOT, 0, frame)


def forward(spool: Path, server: NatsServer, instance: str) -> None:
    """Publish all of the spool."""
    with ForwarderThread(spool, server.url, instance) as forwarder:
        forwarder.settle()


def state_of(server: NatsServer, instance: str) -> StreamState:
    return on_server(server.url, instance, lambda link: link.state())


async def passed_by_postgres(link: Link) -> int:
    """Return the last message that the sink has passed; -1 while it has no consumer."""
    try:
        return passed(await link.manager.consumer_info(link.stream, "sink-postgres"))
    except NotFoundError:
        return -1


def acknowledged(server: NatsServer, instance: str) -> int:
    return on_server(server.url, instance, passed_by_postgres)


def purge(server: NatsServer, instance: str, *, now_ns: int) -> int:
    return on_server(
        server.url,
        instance,
        lambda link: purge_passed(link, sinks=("postgres",), now_ns=now_ns, retention_hours=1),
    )


async def make_small_stream(link: Link, max_bytes: int) -> None:
    await link.manager.add_stream(small_stream(link, max_bytes))


async def enlarge_stream(link: Link) -> None:
    await link.manager.update_stream(small_stream(link, -1))


def small_stream(link: Link, max_bytes: int) -> StreamConfig:
    return StreamConfig(
        name=link.stream, subjects=[link.subject], max_bytes=max_bytes, discard=DiscardPolicy.NEW, duplicate_window=0.1
    )


def test_lines_longer_than_a_message_get_through_also_where_a_limit_stops_in_their_middle(
    server: NatsServer, instance: str, spool: Path
) -> None:
    long = b'{"long":"%b"}' % (b"x" * (5 * BLOCK_BYTES))
    write(spool, FRAME, long, FRAME, long)
    on_server(server.url, instance, lambda link: make_small_stream(link, 3 * BLOCK_BYTES))
    with ForwarderThread(spool, server.url, instance) as forwarder:
        wait_until(lambda: "takes no more" in forwarder.figures.last_error, within_s=10, what="the limit is met")
        assert "maximum bytes exceeded" in forwarder.figures.last_error
        assert read_stream(server.url, instance)[0].payload == FRAME
    assert state_of(server, instance).messages >= 2, "it stopped within the first long line"
    on_server(server.url, instance, enlarge_stream)
    forward(spool, server, instance)
    assert read_stream(server.url, instance) == [
        msgspec.structs.replace(entry, instance="main") for entry in read_journal(spool)
    ]


def test_positions_are_those_of_the_files(server: NatsServer, instance: str, spool: Path) -> None:
    for run in range(3):
        write(spool, *[FRAME] * 5000, run_id=f"run-{run}")
    forward(spool, server, instance)
    entries = read_journal(spool)
    for place in (0, 1, 4999, 5000, 7777, 14_998):
        with closing(open_reader(server.url, instance, entries[place].end)) as reader:
            assert reader.read(1)[0] == entries[place + 1]
        with closing(open_reader(server.url, instance, entries[-1].end)) as reader:
            assert reader.read(1) == []
            assert reader.lag_bytes() == 0
    with closing(open_reader(server.url, instance)) as reader:
        read_all(reader)
        reader.publish(entries[-1].end)
        wait_until(
            lambda: acknowledged(server, instance) == state_of(server, instance).last_seq,
            within_s=5,
            what="all is told",
        )


def test_what_is_damaged_or_put_together_by_hand_reads_as_from_files(
    server: NatsServer, instance: str, spool: Path
) -> None:
    write(spool, FRAME)
    header = header_line(time=1, instance="main", run_id="run-by-hand", segment=1)
    with find_segments(spool)[1].open("ab") as file:
        file.write(b"no line at all\n" + header + b'{"t":2,"k":"ws","market":"spot","c":0,"d":{}}\n\xff\xff\n')
    write(spool, FRAME)
    forward(spool, server, instance)
    entries = read_stream(server.url, instance)
    assert entries == read_journal(spool)
    assert [entry.run_id for entry in entries] == ["run-1", "", "run-by-hand", "", "run-1"]


def test_a_reader_that_waits_gets_what_comes(server: NatsServer, instance: str, spool: Path) -> None:
    with closing(open_reader(server.url, instance)) as reader:
        assert reader.read(1) == []
        assert "is not there yet" in reader.trouble
        write(spool, FRAME)
        forward(spool, server, instance)
        wait_until(lambda: reader.trouble == "", within_s=5, what="the stream is found")
        assert len(read_all(reader)) == 1


def test_messages_are_deleted_once_they_are_loaded_and_old_never_the_newest(
    server: NatsServer, instance: str, spool: Path
) -> None:
    write(spool, *[FRAME] * 10_000)
    forward(spool, server, instance)
    later = SystemClock().now_ns() + 2 * HOUR_NS
    assert purge(server, instance, now_ns=later) == 0, "no sink has told anything"
    with closing(open_reader(server.url, instance)) as reader:
        entries = read_all(reader)
        last = state_of(server, instance).last_seq
        assert last >= 4
        reader.publish(entries[-1].end)
        wait_until(lambda: acknowledged(server, instance) == last, within_s=5, what="all is told")
        assert purge(server, instance, now_ns=SystemClock().now_ns()) == 0, "nothing is old"
        assert purge(server, instance, now_ns=later) == last - 1
        assert state_of(server, instance).messages == 1
        write(spool, FRAME)
        forward(spool, server, instance)
        (entry,) = read_all(reader)
        assert reader.take_skipped() == []
    assert read_sink_positions(spool)[SPOOL_SINK] == entry.end == end_of(spool)
    with closing(open_reader(server.url, instance, entries[-1].end)) as reader:
        assert read_all(reader) == [entry]
        assert reader.take_skipped() == []
    with closing(open_reader(server.url, instance, entries[0].end)) as reader:
        read_all(reader)
        assert reader.take_skipped() == [1], "this one was deleted unread"


class AheadClock(SystemClock):
    """A clock that can be put forward."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return super().monotonic() + self.ahead_s


def test_the_spool_keeps_for_a_while_what_the_server_may_not_have_synced(
    server: NatsServer, instance: str, spool: Path
) -> None:
    write(spool, FRAME)
    clock = AheadClock()
    with ForwarderThread(spool, server.url, instance, clock=clock, synced_after_s=300) as forwarder:
        forwarder.settle()
        clock.ahead_s += 2
        wait_until(lambda: forwarder.figures.bytes > 0, within_s=5, what="it reports")
        assert read_sink_positions(spool) == {}
        clock.ahead_s += 301
        wait_until(lambda: read_sink_positions(spool) == {SPOOL_SINK: end_of(spool)}, within_s=5, what="it may go")


def test_a_sink_that_begins_again_keeps_its_messages(server: NatsServer, instance: str, spool: Path) -> None:
    write(spool, FRAME)
    forward(spool, server, instance)
    for position in (end_of(spool), JOURNAL_START):
        with closing(open_reader(server.url, instance, position)) as reader:
            reader.read(1)
            floor = 0 if position == JOURNAL_START else 1
            wait_until(lambda: acknowledged(server, instance) == floor, within_s=5, what="it is told")  # noqa: B023  # asked at once


def test_segments_that_were_gone_before_they_were_published_are_told(
    server: NatsServer, instance: str, spool: Path
) -> None:
    write(spool, FRAME)
    forward(spool, server, instance)
    with closing(open_reader(server.url, instance)) as reader:
        assert len(read_all(reader)) == 1
        for _ in range(3):
            write(spool, FRAME)
        segments = find_segments(spool)
        segments[2].unlink()
        segments[3].unlink()
        forward(spool, server, instance)
        assert [entry.start.segment for entry in read_all(reader)] == [4]
        assert reader.take_skipped() == [1, 2, 3], "1 may have been longer"


def test_another_spool_under_the_same_name_is_refused(server: NatsServer, instance: str, tmp_path: Path) -> None:
    write(tmp_path / "one", FRAME, FRAME)
    forward(tmp_path / "one", server, instance)
    write(tmp_path / "two", FRAME.replace(b"btc", b"eth"), FRAME)
    with ForwarderThread(tmp_path / "two", server.url, instance) as forwarder:
        wait_until(
            lambda: "another collector uses this INSTANCE_ID" in forwarder.figures.last_error, within_s=5, what="x"
        )
    assert state_of(server, instance).last_seq == 1


def test_a_stream_that_is_deleted_is_filled_again_from_the_spool(
    server: NatsServer, instance: str, spool: Path
) -> None:
    write(spool, FRAME, FRAME)
    with ForwarderThread(spool, server.url, instance) as forwarder, ExitStack() as stack:
        forwarder.settle()
        reader = stack.enter_context(closing(open_reader(server.url, instance)))
        assert len(read_all(reader)) == 2
        on_server(server.url, instance, lambda link: link.manager.delete_stream(link.stream))
        write(spool, FRAME)
        forwarder.settle()
        found = wait_until(lambda: reader.read(1), within_s=10, what="the reader has found its place")
        assert [entry.start.segment for entry in found] == [2]
        assert reader.take_skipped() == []
    assert len(read_stream(server.url, instance)) == 3


def test_a_message_that_does_not_follow_the_newest_is_refused(server: NatsServer, instance: str, spool: Path) -> None:
    write(spool, FRAME)
    forward(spool, server, instance)

    async def publish_too_late(link: Link) -> None:
        outbox = await Outbox.open(link, 0)
        end = end_of(spool)
        await outbox.publish(Stamp(end, Position(1, end.offset + 1), end, instance, "run-1", 1), b"\n", 0)
        await outbox.wait(5)
        outbox.take_acknowledged(0)

    with pytest.raises(JournalUnavailableError, match="somebody else publishes to it"):
        on_server(server.url, instance, publish_too_late)
    assert state_of(server, instance).last_seq == 1


def test_a_stranger_s_message_is_refused(server: NatsServer, instance: str, spool: Path) -> None:
    write(spool, FRAME)
    forward(spool, server, instance)
    on_server(server.url, instance, lambda link: link.client.publish(subject_of(instance), b"hello"))
    with closing(open_reader(server.url, instance)) as reader, pytest.raises(JournalError, match="somebody else"):
        wait_until(lambda: not reader.read(1) and None, within_s=5, what="it is met")


def test_a_user_with_few_permissions_suffices(tmp_path: Path) -> None:
    configuration = """jetstream { store_dir: STORE }
    authorization { users: [{ user: me, password: secret, permissions: {
        publish: ["$JS.API.>", "$JS.ACK.>", "orderflow.>"], subscribe: "_INBOX.>" } }] }"""
    with NatsServer(tmp_path / "nats", configuration, "me:secret") as server:
        write(tmp_path / "spool", FRAME)
        forward(tmp_path / "spool", server, "main")
        with closing(open_reader(server.url, "main")) as reader:
            (entry,) = read_all(reader)
            reader.publish(entry.end)
            wait_until(lambda: acknowledged(server, "main") == 1, within_s=5, what="it is told")


def test_names() -> None:
    assert stream_name("main") == "ORDERFLOW_main"
    assert Position(1, 2) < Position(2, 0)
