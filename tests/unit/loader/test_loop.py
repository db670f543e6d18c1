"""The loop: a real journal, a real reader, a sink that can be switched off."""

import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from math import inf
from pathlib import Path

import msgspec
import pytest

from orderflow_recorder.core.backoff import Backoff
from orderflow_recorder.core.batching import BatchPolicy
from orderflow_recorder.domain.errors import FrameError, JournalError, SinkRefusedError
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.domain.records import Record, Trade
from orderflow_recorder.journal.reader import FileJournalReader
from orderflow_recorder.journal.segments import segment_path
from orderflow_recorder.journal.writer import FileJournalWriter
from orderflow_recorder.loader.books import LocalBooks
from orderflow_recorder.loader.flight import Start  # noqa: TC001  # as the other imports, not apart
from orderflow_recorder.loader.health import LoaderHealth  # noqa: TC001  # as the other imports, not apart
from orderflow_recorder.loader.loop import Loader
from orderflow_recorder.ports.journal import JournalEntry
from orderflow_recorder.ports.sink import Batch, ParsedLines, WriteResult
from tests.support import records as build
from tests.support.futures import at_once
from tests.support.journal import open_writer, read_journal
from tests.support.manual_clock import ManualClock
from tests.support.memory_books import MemoryBooks
from tests.support.memory_sink import MemorySink, MemoryStore

POLICY = BatchPolicy(max_rows=100, max_bytes=50_000, max_age_s=0.25)


class TradeParser:
    """Reads ``{"id": 5}`` as trade 5; refuses what has no id; has a bug on id 13."""

    def parse(self, entry: JournalEntry) -> Sequence[Record]:
        """Return one trade."""
        frame = msgspec.json.decode(entry.payload)
        if "id" not in frame:
            message = "expected an id"
            raise FrameError(message)
        if frame["id"] == 13:
            message = "unlucky"
            raise ZeroDivisionError(message)
        return [build.trade(frame["id"], **{key: value for key, value in frame.items() if key != "id"})]

    def parse_block(self, text: bytes) -> ParsedLines | None:
        """Return the trades of lines that have nothing but an id."""
        found = re.findall(rb'{"t":(\d+),.*"d":{"id":(\d+)}}\n', text)
        if len(found) < text.count(b"\n") or b"13" in dict(found).values():
            return None
        return ParsedLines([build.trade(int(number)) for _, number in found], int(found[-1][0]))


class Rig:
    """A loader with everything around it; ``steps`` run one at each wait, then it is asked to stop."""

    def __init__(self, directory: Path) -> None:
        """Use the journal in ``directory``."""
        self.directory = directory
        self.clock = ManualClock()
        self.sink = MemorySink(MemoryStore())
        self.steps: list[Callable[[], object]] = []
        self.waits: list[float] = []
        self.published: list[Position] = []
        self.health: list[LoaderHealth] = []
        self.readers: list[FileJournalReader] = []
        self.publish: Callable[[Position], None] = self.published.append
        self.start: Start = at_once

    def run(self, policy: BatchPolicy = POLICY, *, drain_s: float = 10) -> None:
        """Run a new loader until the steps are done and the journal is drained."""
        Loader(
            self._open_reader,
            TradeParser(),
            self.sink,
            policy,
            books=LocalBooks(MemoryBooks(self.sink.store), top_levels=0),
            instance="main",
            clock=self.clock,
            wait=self._wait,
            backoff=Backoff(1.0, 8.0, lambda: 0.0),
            publish=self.publish,
            observe=self.health.append,
            drain_s=drain_s,
            start=self.start,
        ).run()

    def trades(self) -> list[int]:
        """Return the ids in the sink."""
        return [record.trade_id for record in self.sink.rows("trades") if isinstance(record, Trade)]

    def events(self) -> list[RecorderEvent]:
        """Return the events in the sink."""
        return [record for record in self.sink.rows("sync_events") if isinstance(record, RecorderEvent)]

    def _open_reader(self, position: Position) -> FileJournalReader:
        self.readers.append(FileJournalReader(self.directory, position))
        return self.readers[-1]

    def _wait(self, seconds: float) -> bool:
        if seconds == 0:
            return not self.steps
        self.waits.append(seconds)
        self.clock.elapsed_s += seconds
        if self.steps:
            self.steps.pop(0)()
        return not self.steps


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Return a rig on an empty journal."""
    return Rig(tmp_path)


def append(writer: FileJournalWriter, *frames: bytes) -> None:
    """Append and flush frames, 1 ms apart."""
    for number, frame in enumerate(frames):
        writer.append_frame(1_000_000 * (number + 1), Market.SPOT, 2, frame)
    writer.flush()


def entries_bytes(directory: Path) -> int:
    """Return the size of the first segment without its header."""
    header, *entries = segment_path(directory, 1).read_bytes().splitlines(keepends=True)
    assert b'"k":"header"' in header
    return sum(map(len, entries))


def ids(*numbers: int) -> list[bytes]:
    """Return frames of trades."""
    return [b'{"id":%d}' % number for number in numbers]


def nothing() -> None:
    """Let one wait pass."""


def test_journal_is_loaded_to_its_end_and_the_position_published(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    append(writer, *ids(*range(20, 300)))
    rig.run()
    end = read_journal(rig.directory)[-1].end
    assert rig.trades() == []  # asked to stop before it began
    rig.steps = [nothing]
    rig.run()
    assert rig.trades() == list(range(20, 300))
    assert rig.published[-1] == rig.sink.store.positions["main"] == end
    assert [len(batch.records) for batch in rig.sink.batches] == [100, 100, 80]
    writer.close()


def test_batches_join_without_a_hole(rig: Rig) -> None:
    writer = open_writer(rig.directory, segment_bytes=700)
    for number in range(20, 200):
        append(writer, *ids(number))
    rig.steps = [nothing]
    rig.run(BatchPolicy(max_rows=7, max_bytes=10_000, max_age_s=1))
    places = [(batch.start, batch.end) for batch in rig.sink.batches]
    assert places[0][0] == JOURNAL_START
    assert all(before[1] == after[0] for before, after in pairwise(places))
    assert rig.trades() == list(range(20, 200))
    writer.close()


def test_memory_holds_one_batch_of_a_long_journal(rig: Rig) -> None:
    writer = open_writer(rig.directory, segment_bytes=1_000_000)
    append(writer, *ids(*range(100, 100_100)))
    writer.close()
    rig.steps = [nothing]
    rig.run(BatchPolicy(max_rows=5000, max_bytes=100_000, max_age_s=10))
    assert len(rig.trades()) == 100_000
    sizes = [batch.end.offset - batch.start.offset for batch in rig.sink.batches if batch.start.segment]
    assert max(sizes) < 101_000
    assert max(len(batch.records) for batch in rig.sink.batches) <= 5000


def test_few_entries_wait_for_the_age_of_the_batch(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    append(writer, *ids(20))
    seen: list[list[int]] = []
    rig.steps = [lambda: seen.append(rig.trades())] * 7
    rig.run()
    assert seen[:5] == [[]] * 5
    assert seen[6] == [20]
    assert rig.waits[:5] == pytest.approx([0.05] * 5)
    writer.close()


def test_young_batches_make_it_look_at_the_journal_more_often(rig: Rig) -> None:
    rig.steps = [nothing] * 3
    rig.run(BatchPolicy(max_rows=100, max_bytes=1000, max_age_s=0.02))
    assert rig.waits == pytest.approx([0.004] * 3)


def test_what_cannot_be_parsed_is_registered_and_the_rest_is_loaded(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    append(writer, *ids(11, 12), b'{"no":"id"}', *ids(13, 14))
    writer.append_bad(9, Market.SPOT, 2, b"{oops", "not JSON")
    writer.flush()
    with segment_path(rig.directory, 1).open("ab") as file:
        file.write(b"garbage\n")
    rig.steps = [nothing]
    rig.run()
    assert rig.trades() == [11, 12, 14]
    reasons = [event.detail["reason"] for event in rig.events()]
    assert reasons[:3] == ["expected an id", "parser failed: ZeroDivisionError('unlucky')", "not JSON"]
    assert len(reasons) == 4
    assert {event.event for event in rig.events()} == {EventKind.UNPARSABLE_FRAME}
    assert rig.health[-1].unparsable == 4
    writer.close()


def test_record_that_the_sink_refuses_is_registered_with_its_place(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    append(writer, *ids(11), b'{"id":12,"price":"1.2.3"}', *ids(14))
    rig.steps = [nothing]
    rig.run()
    (event,) = rig.events()
    place = read_journal(rig.directory)[1].start
    assert rig.trades() == [11, 14]
    assert (event.detail["segment"], event.detail["offset"]) == (place.segment, place.offset)
    assert (event.symbol, event.run_id, rig.health[-1].rejected) == ("BTCUSDT", "run-1", 1)
    writer.close()


def test_refused_record_is_registered_even_if_the_sink_is_lost_in_between(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    append(writer, b'{"id":12,"price":"1.2.3"}')

    def lose() -> None:
        rig.sink.unavailable = True

    def recover() -> None:
        rig.sink.unavailable = False

    rig.publish = lambda _: lose()
    rig.steps = [*[nothing] * 13, recover, *[nothing] * 10]
    rig.run()
    assert rig.sink.store.positions["main"] == read_journal(rig.directory)[-1].end
    assert len(rig.events()) == 1
    writer.close()


def test_sink_that_is_down_is_tried_again_with_back_off_while_the_journal_grows(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    rig.sink.unavailable = True

    def recover() -> None:
        rig.sink.unavailable = False

    rig.steps = [lambda: append(writer, *ids(20, 21)), lambda: append(writer, *ids(22)), nothing, nothing, recover]
    rig.steps += [nothing]
    rig.run()
    assert rig.waits[:5] == [0.5, 1.0, 2.0, 4.0, 4.0]
    assert rig.trades() == [20, 21, 22]
    down = [health for health in rig.health if not health.connected]
    assert down[0].last_error == "the memory sink is switched off"
    assert rig.health[-1].reconnects == 5
    writer.close()


def test_commit_whose_answer_was_lost_is_not_written_twice(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    append(writer, *ids(*range(20, 220)))
    rig.sink.lose_answer = True
    rig.steps = [nothing] * 4
    rig.run()
    assert rig.trades() == list(range(20, 220))
    assert rig.health[-1].duplicates == 0
    assert [len(batch.records) for batch in rig.sink.batches] == [100, 100]
    writer.close()


def test_another_loader_of_the_same_journal_makes_it_read_on_from_there(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    append(writer, *ids(20, 21))
    end = read_journal(rig.directory)[-1].end

    def other_loader() -> None:
        other = MemorySink(rig.sink.store)
        start = other.open("main")
        other.write(Batch("main", start, end, [build.trade(20), build.trade(21)]))

    rig.steps = [other_loader, *[nothing] * 8, lambda: append(writer, *ids(22)), nothing]
    rig.run()
    assert rig.trades() == [20, 21, 22]
    assert rig.health[-1].duplicates == 0
    writer.close()


class GatedSink(MemorySink):
    """A sink whose writes wait for a gate."""

    def __init__(self, store: MemoryStore) -> None:
        """Start with a closed gate."""
        super().__init__(store)
        self.gate = threading.Event()

    def write(self, batch: Batch) -> WriteResult:
        """Write once the gate is open."""
        assert self.gate.wait(30)
        return super().write(batch)


def test_one_batch_is_written_while_the_next_is_read(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    append(writer, *ids(*range(20, 120)))
    sink = rig.sink = GatedSink(MemoryStore())
    positions: list[int] = []

    def look() -> None:
        positions.append(rig.readers[-1].lag_bytes())

    rig.steps = [lambda: append(writer, *ids(*range(120, 150))), look, look, sink.gate.set, nothing, nothing]
    with ThreadPoolExecutor(1) as executor:
        rig.start = executor.submit
        rig.run()
    assert positions == [0, 0], "the journal was read on while the first batch waited at the gate"
    assert rig.trades() == list(range(20, 150))
    assert rig.published[-1] == rig.health[-1].position == rig.sink.store.positions["main"]
    writer.close()


def test_a_batch_under_way_when_the_journal_fails_arrives_before_the_sink_is_closed(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    append(writer, *ids(*range(20, 120)))
    writer.close()
    sink = rig.sink = GatedSink(MemoryStore())

    def fail() -> None:
        sink.gate.set()
        message = "the journal is damaged"
        raise JournalError(message)

    rig.steps = [nothing, fail, nothing]
    with ThreadPoolExecutor(1) as executor:
        rig.start = executor.submit
        with pytest.raises(JournalError, match="damaged"):
            rig.run()
    assert rig.trades() == list(range(20, 120))
    assert rig.published == []


def test_stop_drains_what_was_written_until_then(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    rig.steps = [nothing, lambda: append(writer, *ids(*range(20, 1020)))]
    rig.run()
    assert len(rig.trades()) == 1000
    assert rig.health[-1].connected is False
    writer.close()


def test_stop_ends_at_its_deadline_and_the_next_run_goes_on(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    append(writer, *ids(*range(20, 2020)))

    def slow(position: Position) -> None:
        rig.published.append(position)
        rig.steps.clear()
        rig.clock.elapsed_s += 3

    rig.publish = slow
    rig.steps = [nothing]
    rig.run(BatchPolicy(max_rows=100, max_bytes=2000, max_age_s=1), drain_s=4)
    loaded = len(rig.trades())
    assert 0 < loaded < 2000
    rig.publish = rig.published.append
    rig.steps = [nothing]
    rig.run()
    assert rig.trades() == list(range(20, 2020))
    writer.close()


def test_stop_while_the_sink_is_down_ends_at_once(rig: Rig) -> None:
    rig.sink.unavailable = True
    rig.steps = [nothing]
    rig.run()
    assert rig.waits == [0.5]
    assert not rig.health[-1].connected


def test_who_must_come_to_the_end_opens_a_lost_sink_again_although_asked_to_stop(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    append(writer, *ids(*range(20, 320)))
    writer.close()
    rig.steps = [nothing]
    rig.sink.lose_answer = True
    failures = iter([True, False, True])

    def publish(position: Position) -> None:
        rig.published.append(position)
        rig.sink.lose_answer = next(failures, False)

    rig.publish = publish
    rig.run(drain_s=inf)
    assert rig.trades() == list(range(20, 320))
    assert rig.health[-1].reconnects > 1


def test_sink_that_a_person_must_mend_ends_the_loader(rig: Rig) -> None:
    class Refusing(MemorySink):
        def write(self, batch: Batch) -> WriteResult:
            message = f"no permission for {len(batch.records)} records"
            raise SinkRefusedError(message)

    writer = open_writer(rig.directory)
    append(writer, *ids(20))
    rig.sink = Refusing(MemoryStore())
    rig.steps = [nothing] * 20
    with pytest.raises(SinkRefusedError, match="no permission"):
        rig.run()
    writer.close()


def test_full_disk_that_prevents_publishing_does_not_stop_loading(rig: Rig) -> None:
    def fail(_: Position) -> None:
        message = "No space left on device"
        raise OSError(message)

    writer = open_writer(rig.directory)
    append(writer, *ids(20, 21))
    rig.publish = fail
    rig.steps = [nothing]
    rig.run()
    assert rig.trades() == [20, 21]
    assert rig.health[-1].last_error == "cannot publish the position: No space left on device"
    writer.close()


def test_segments_that_are_gone_are_registered(rig: Rig) -> None:
    for number in (20, 21, 22):
        writer = open_writer(rig.directory)
        append(writer, *ids(number))
        writer.close()
    rig.sink.store.positions["main"] = read_journal(rig.directory)[0].end
    for segment in (1, 2):
        segment_path(rig.directory, segment).unlink()
    rig.steps = [nothing]
    rig.run()
    (event,) = rig.events()
    assert (event.event, event.detail) == (EventKind.SEGMENTS_SKIPPED, {"first_segment": 1, "last_segment": 2})
    assert rig.trades() == [22]


def test_health_tells_how_far_behind_the_sink_is(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    append(writer, *ids(20, 21))
    rig.steps = [nothing] * 60
    rig.run(BatchPolicy(max_rows=1, max_bytes=1000, max_age_s=1))
    last = rig.health[-1]
    assert (last.rows, last.batches, last.lag_bytes, last.lag_seconds) == (2, 2, 0, 0.0)
    assert last.position == rig.sink.store.positions["main"]
    assert last.last_written_at == 2_000_000
    assert last.loaded_bytes == entries_bytes(rig.directory)
    assert len(rig.health) < 10  # once a second, not at every look
    writer.close()


def test_health_tells_what_waits_to_become_a_batch(rig: Rig) -> None:
    writer = open_writer(rig.directory)
    append(writer, *ids(20, 21))
    rig.steps = [nothing] * 60
    rig.run(BatchPolicy(max_rows=100, max_bytes=50_000, max_age_s=2.5))
    waiting = [one for one in rig.health if one.pending_rows]
    assert {one.pending_rows for one in waiting} == {2}
    assert {one.pending_bytes for one in waiting} == {entries_bytes(rig.directory)}
    writer.close()


def test_idle_loader_writes_no_empty_batches(rig: Rig) -> None:
    rig.steps = [nothing] * 50
    rig.run()
    assert rig.sink.batches == []
    assert rig.published == []
