"""Forwarder and server are killed again and again; the server's stream still holds each line once, in order."""

import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec
import pytest
from nats.js.api import DiscardPolicy, StreamConfig

from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.domain.market import Market
from orderflow_recorder.journal.jetstream.address import stream_name, subject_of
from orderflow_recorder.journal.jetstream.blocks import Stamp
from orderflow_recorder.journal.jetstream.link import Link
from orderflow_recorder.journal.writer import FileJournalWriter
from orderflow_recorder.ports.journal import JournalEntry, JournalReader
from tests.support.jetstream import ForwarderThread, on_server, open_reader, quick_backoff, read_stream
from tests.support.journal import FRAME, open_writer, read_all
from tests.support.nats_server import NatsServer
from tests.support.processes import wait_until

FORWARDER = """
import asyncio, sys
from pathlib import Path
from tests.support.jetstream import make_forwarder

def observe(figures):
    sys.stdout.write(f"{figures.position.segment} {figures.position.offset}\\n")
    sys.stdout.flush()

asyncio.run(make_forwarder(Path(sys.argv[1]), sys.argv[2], "main", observe).run(asyncio.Event()))
"""
SHORT_WINDOW_S = 0.1
"""The server forgets message ids after that time: what is published again would be stored again."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer(tmp_path / "nats") as server:
        yield server


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


class Numbered:
    """Writes frames that are numbered from 1."""

    def __init__(self, writer: FileJournalWriter) -> None:
        """Write with ``writer``."""
        self.writer = writer
        self.count = 0

    def write(self, frames: int) -> None:
        for _ in range(frames):
            self.count += 1
            self.writer.append_frame(self.count, Market.SPOT, 0, b'{"n":%d,"d":%b}' % (self.count, FRAME))
        self.writer.flush()


def numbers(entries: Sequence[JournalEntry]) -> list[int]:
    return [msgspec.json.decode(entry.payload)["n"] for entry in entries]


def read_until(reader: JournalReader, entries: int) -> list[JournalEntry]:
    """Return what a reader gives until it was at least so much."""
    found: list[JournalEntry] = []

    def has_all() -> bool:
        found.extend(read_all(reader))
        return len(found) >= entries

    wait_until(has_all, within_s=20, what=f"{entries} entries are read")
    return found


def assert_unbroken(server: NatsServer) -> None:
    """Check that each message of the stream begins where the one before ended."""

    async def stamps(link: Link) -> list[Stamp]:
        return [await link.stamp(sequence) for sequence in range(1, (await link.state()).last_seq + 1)]

    found = on_server(server.url, "main", stamps)
    assert [stamp.after for stamp in found[1:]] == [stamp.end for stamp in found[:-1]]
    assert all(stamp.start == stamp.after or stamp.start.segment == stamp.after.segment + 1 for stamp in found)


async def make_stream(link: Link) -> None:
    await link.manager.add_stream(
        StreamConfig(
            name=stream_name("main"),
            subjects=[subject_of("main")],
            duplicate_window=SHORT_WINDOW_S,
            discard=DiscardPolicy.NEW,
        )
    )


def test_a_forwarder_that_is_killed_again_and_again_makes_no_hole_and_repeats_nothing(
    spool: Path, server: NatsServer
) -> None:
    on_server(server.url, "main", make_stream)
    choose = random.Random(3)  # noqa: S311  # a reproducible test, no secret
    with closing(open_writer(spool, segment_bytes=400_000)) as writer:
        numbered = Numbered(writer)
        for _ in range(6):
            with subprocess.Popen(
                [sys.executable, "-c", FORWARDER, str(spool), server.url],
                stdout=subprocess.PIPE,
                text=True,
                env={"PYTHONPATH": "src:."},
            ) as process:
                assert process.stdout is not None
                process.stdout.readline()
                for _ in range(choose.randint(1, 30)):
                    numbered.write(choose.randint(1, 3000))
                    process.stdout.readline()
                process.send_signal(signal.SIGKILL)
    with ForwarderThread(spool, server.url, "main") as forwarder:
        forwarder.settle()
    assert numbers(read_stream(server.url, "main")) == list(range(1, numbered.count + 1))
    assert_unbroken(server)


def test_killing_the_server_loses_nothing_and_repeats_nothing(spool: Path, server: NatsServer) -> None:
    on_server(server.url, "main", make_stream)
    choose = random.Random(4)  # noqa: S311  # as above
    found: list[JournalEntry] = []
    with (
        closing(open_writer(spool, segment_bytes=400_000)) as writer,
        ForwarderThread(spool, server.url, "main") as forwarder,
        closing(open_reader(server.url, "main")) as reader,
    ):
        numbered = Numbered(writer)
        for _ in range(5):
            for _ in range(choose.randint(1, 20)):
                numbered.write(choose.randint(1, 3000))
                found += reader.read(1 << 20)
            server.kill()
            numbered.write(1000)
            found += read_all(reader)
            server.start()
        forwarder.settle()
        found += read_until(reader, numbered.count - len(found))
        assert reader.take_skipped() == []
    assert numbers(found) == list(range(1, numbered.count + 1))
    assert numbers(read_stream(server.url, "main")) == list(range(1, numbered.count + 1))
    assert_unbroken(server)


@pytest.mark.parametrize("first", ["reader", "forwarder"])
def test_a_server_that_lost_its_newest_messages_gets_them_again_and_a_reader_sees_them_once(
    tmp_path: Path, spool: Path, server: NatsServer, first: str
) -> None:
    """As after a power failure: the store is an older one than what a reader has had."""
    store, copy = tmp_path / "nats" / "store", tmp_path / "copy"
    backoff = quick_backoff() if first == "reader" else Backoff(2, 2, lambda: 1.0)
    with closing(open_writer(spool)) as writer, ExitStack() as stack:
        numbered = Numbered(writer)
        with ForwarderThread(spool, server.url, "main") as forwarder:
            reader = stack.enter_context(closing(open_reader(server.url, "main", backoff=backoff)))
            numbered.write(5000)
            forwarder.settle()
            assert numbers(read_all(reader)) == list(range(1, 5001))
            server.kill()
            shutil.copytree(store, copy)
            server.start()
            forwarder.settle()
            for _ in range(30):
                numbered.write(300)
                forwarder.settle()
            found = read_until(reader, 9000)
            assert numbers(found) == list(range(5001, 14_001))
            server.kill()
        shutil.rmtree(store)
        copy.rename(store)
        server.start()
        if first == "reader":
            wait_until(lambda: reader.read(1) == [] and not reader.trouble, within_s=10, what="the reader is back")
        with ForwarderThread(spool, server.url, "main") as forwarder:
            forwarder.settle()
            numbered.write(1000)
            forwarder.settle()
            assert numbers(read_until(reader, 1000)) == list(range(14_001, 15_001))
        assert reader.take_skipped() == []
    assert numbers(read_stream(server.url, "main")) == list(range(1, 15_001))
    assert_unbroken(server)


def test_two_forwarders_of_one_spool_do_not_repeat_each_other(spool: Path, server: NatsServer) -> None:
    on_server(server.url, "main", make_stream)
    with closing(open_writer(spool, segment_bytes=400_000)) as writer, ExitStack() as stack:
        numbered = Numbered(writer)
        forwarders = [stack.enter_context(ForwarderThread(spool, server.url, "main")) for _ in range(2)]
        for _ in range(50):
            numbered.write(500)
            forwarders[0].settle()
    assert numbers(read_stream(server.url, "main")) == list(range(1, numbered.count + 1))
    assert_unbroken(server)
