"""What every journal must do: whatever is appended and flushed is read back, in order, byte for byte."""

from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.journal.reader import FileJournalReader
from orderflow_recorder.ports.journal import EntryKind, JournalEntry, JournalReader, JournalWriter
from orderflow_recorder.ports.venue import RestAnswer
from tests.support.journal import open_writer, read_all

JsonDocument = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
).map(msgspec.json.encode)
Times = st.integers(1, 2**63 - 1)
Markets = st.sampled_from(Market)
Connections = st.integers(0, 10_000)

Frames = st.tuples(st.just("frame"), Times, Markets, Connections, JsonDocument)
ManyFrames = st.tuples(st.just("frames"), Times, Markets, Connections, st.lists(JsonDocument, max_size=4))
BadFrames = st.tuples(st.just("bad"), Times, Markets, Connections, st.binary())
Answers = st.tuples(st.just("rest"), Times, Markets, st.none() | st.text(), JsonDocument)
Events = st.tuples(st.just("event"), Times, st.sampled_from(EventKind), st.none() | Markets)
Flush = st.just(("flush",))
Steps = st.lists(Frames | ManyFrames | BadFrames | Answers | Events | Flush, max_size=30)


def append(writer: JournalWriter, step: tuple[object, ...]) -> None:
    """Carry out one step."""
    match step:
        case ("frame", int(time), Market() as market, int(connection), bytes(frame)):
            writer.append_frame(time, market, connection, frame)
        case ("frames", int(time), Market() as market, int(connection), list(frames)):
            writer.append_frames(time, market, connection, frames)
        case ("bad", int(time), Market() as market, int(connection), bytes(frame)):
            writer.append_bad(time, market, connection, frame, "a reason")
        case ("rest", int(time), Market() as market, (None | str()) as symbol, bytes(body)):
            writer.append_rest(RestAnswer(market, "/api/v3/depth", {"limit": "5"}, symbol, time, body))
        case ("event", int(time), EventKind() as kind, (None | Market()) as market):
            writer.append_event(RecorderEvent(time, kind, market=market, detail={"reason": "\n\u2028"}))
        case _:
            writer.flush()


def entries_of(step: tuple[object, ...]) -> list[tuple[object, ...]]:
    """Return what the entries that ``step`` appends must say: frames as if each had been appended by itself."""
    match step:
        case ("frames", time, market, connection, list(frames)):
            return [("frame", time, market, connection, frame) for frame in frames]
        case ("flush",):
            return []
        case _:
            return [step]


def says(entry: JournalEntry) -> tuple[object, ...]:
    """Return the step that ``entry`` came from."""
    match entry.kind:
        case EntryKind.FRAME:
            return ("frame", entry.receive_time, entry.market, entry.connection, entry.payload)
        case EntryKind.BAD:
            return ("bad", entry.receive_time, entry.market, entry.connection, entry.payload)
        case EntryKind.REST:
            return ("rest", entry.receive_time, entry.market, entry.symbol, entry.payload)
        case _:
            event = msgspec.json.decode(entry.payload)
            return ("event", entry.receive_time, EventKind(event["event"]), entry.market)


OpenWriter = Callable[[], JournalWriter]
OpenReader = Callable[[Position], JournalReader]


class JournalContract:
    """The tests; each example runs on the journal that the examples before left behind."""

    @pytest.fixture
    def make_writer(self) -> OpenWriter:
        """Return what opens the journal for writing, with small segments."""
        raise NotImplementedError

    @pytest.fixture
    def make_reader(self) -> OpenReader:
        """Return what opens the journal for reading."""
        raise NotImplementedError

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
    @given(steps=Steps, max_bytes=st.integers(1, 3000))
    def test_what_is_flushed_is_read_in_order_by_a_reader_that_follows(
        self, make_writer: OpenWriter, make_reader: OpenReader, steps: list[tuple[object, ...]], max_bytes: int
    ) -> None:
        """Read after each flush; nothing is early, late, twice, or missing."""
        with closing(make_reader(JOURNAL_START)) as reader:
            read_all(reader)
            unread: list[tuple[object, ...]] = []
            with closing(make_writer()) as writer:
                for step in [*steps, ("flush",)]:
                    append(writer, step)
                    if step == ("flush",):
                        assert [says(entry) for entry in read_all(reader, max_bytes=max_bytes)] == unread
                        unread = []
                    else:
                        unread += entries_of(step)
            assert read_all(reader) == []

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
    @given(steps=Steps)
    def test_each_end_is_where_the_next_entry_is_found_again(
        self, make_writer: OpenWriter, make_reader: OpenReader, steps: list[tuple[object, ...]]
    ) -> None:
        """Open a new reader at the end of each of the last entries."""
        with closing(make_writer()) as writer:
            for step in steps:
                append(writer, step)
        with closing(make_reader(JOURNAL_START)) as reader:
            appended = sum(len(entries_of(step)) for step in steps)
            entries = read_all(reader)[-appended:] if appended else []
        for before, after in pairwise(entries):
            with closing(make_reader(before.end)) as reader:
                assert reader.read(1)[0] == after
        assert [entry.end for entry in entries] == sorted(entry.end for entry in entries)


class TestFileJournal(JournalContract):
    """`JournalContract` on files."""

    @pytest.fixture
    def make_writer(self, tmp_path: Path) -> OpenWriter:
        """Return what opens the writer."""
        return lambda: open_writer(tmp_path, segment_bytes=2000)

    @pytest.fixture
    def make_reader(self, tmp_path: Path) -> OpenReader:
        """Return what opens a reader."""
        return lambda position: FileJournalReader(tmp_path, position)
