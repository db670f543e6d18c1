"""The writer is killed again and again; what it had flushed is read, each entry once, and nothing else."""

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

import msgspec
import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import JOURNAL_START
from orderflow_recorder.journal.reader import FileJournalReader
from orderflow_recorder.journal.segments import find_segments
from orderflow_recorder.ports.journal import EntryKind, JournalEntry, JournalReader
from tests.support.jetstream import ForwarderThread, open_reader
from tests.support.journal import FRAME, open_writer, read_all
from tests.support.nats_server import NatsServer

ROUNDS = 8
WRITER = """
import sys
from pathlib import Path
from orderflow_recorder.domain.market import Market
from tests.support.journal import FRAME, open_writer

writer = open_writer(Path(sys.argv[1]), run_id=sys.argv[2], segment_bytes=200_000)
number = 0
while True:
    for _ in range(37):
        number += 1
        writer.append_frame(number, Market.SPOT, 0, b'{"n":%d,"d":%b}' % (number, FRAME))
    writer.flush()
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def start(directory: Path, run_id: str) -> subprocess.Popen[str]:
    """Start a writer process."""
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), run_id],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": "src:."},
    )


def kill_after(
    process: subprocess.Popen[str], output: IO[str], flushes: int, reader: JournalReader
) -> tuple[int, list[JournalEntry]]:
    """Read the journal while it is written, then kill; return the last number flushed for sure, and what was read."""
    entries: list[JournalEntry] = []
    for _ in range(flushes):
        flushed = int(output.readline())
        entries += reader.read(1 << 20)
    process.send_signal(signal.SIGKILL)
    rest = output.read().split("\n")[:-1]
    process.wait()
    return max([flushed, *map(int, rest)]), entries


class Journal(msgspec.Struct, frozen=True):
    """A journal as the test uses it.

    Attributes:
        directory: Where the writer writes.
        open_reader: Reads it from its beginning.
        settle: Waits until the readers can have what was written.
    """

    directory: Path
    open_reader: Callable[[], JournalReader]
    settle: Callable[[], None]


@pytest.fixture(params=["files", "jetstream"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    """Give each journal there is."""
    if request.param == "files":
        yield Journal(tmp_path, lambda: FileJournalReader(tmp_path, JOURNAL_START), lambda: None)
        return
    directory = tmp_path / "spool"
    with (
        NatsServer(tmp_path / "nats") as server,
        ForwarderThread(directory, server.url, "main") as forwarder,
    ):
        yield Journal(directory, lambda: open_reader(server.url, "main"), forwarder.settle)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_writers_lose_nothing_that_was_flushed_and_repeat_nothing(journal: Journal, seed: int) -> None:
    choose = random.Random(seed)  # noqa: S311  # a reproducible test, no secret
    with closing(journal.open_reader()) as reader:
        for turn in range(ROUNDS):
            process = start(journal.directory, f"run-{turn}")
            assert process.stdout is not None
            with process.stdout as output:
                flushed, entries = kill_after(process, output, choose.randint(1, 60), reader)
            journal.settle()
            entries += read_all(reader)
            numbers = [msgspec.json.decode(entry.payload)["n"] for entry in entries]
            assert numbers == list(range(1, len(numbers) + 1))
            assert len(numbers) >= flushed
            assert {entry.run_id for entry in entries} == {f"run-{turn}"}
        assert reader.take_skipped() == []


def test_torn_tail_of_a_killed_writer_is_cut_and_the_reader_goes_on(journal: Journal) -> None:
    whole = open_writer(journal.directory)
    whole.append_frame(1, Market.SPOT, 0, FRAME)
    whole.close()
    journal.settle()
    newest = find_segments(journal.directory)[1]
    with closing(journal.open_reader()) as reader:
        assert len(read_all(reader)) == 1
        with newest.open("ab") as file:
            file.write(b'{"t":2,"k":"ws","market":"spot","c":0,"d":{"stre')
        assert read_all(reader) == []
        following = open_writer(journal.directory, run_id="run-2")
        assert following.torn is not None
        assert following.torn.bytes == 48
        following.append_frame(3, Market.SPOT, 0, FRAME)
        following.close()
        journal.settle()
        (entry,) = read_all(reader)
    assert (entry.kind, entry.run_id, entry.receive_time) == (EntryKind.FRAME, "run-2", 3)
    with closing(journal.open_reader()) as reader:
        assert [entry.receive_time for entry in read_all(reader)] == [1, 3]
