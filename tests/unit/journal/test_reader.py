"""The reader: follows a journal that grows, switches, is compressed, repaired or deleted."""

import gzip
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderflow_recorder.domain.errors import JournalError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.journal.reader import FileJournalReader
from orderflow_recorder.journal.segments import segment_path
from orderflow_recorder.ports.journal import EntryKind, JournalEntry
from orderflow_recorder.ports.venue import RestAnswer
from tests.support.journal import FRAME, open_writer, read_all, read_journal

OpenReader = Callable[..., FileJournalReader]


@pytest.fixture
def open_reader(tmp_path: Path) -> Iterator[OpenReader]:
    """Return what opens a reader of ``tmp_path``; all of them are closed in the end."""
    readers: list[FileJournalReader] = []

    def make(
        position: Position = JOURNAL_START, directory: Path = tmp_path, last_segment: int | None = None
    ) -> FileJournalReader:
        readers.append(FileJournalReader(directory, position, last_segment=last_segment))
        return readers[-1]

    yield make
    for reader in readers:
        reader.close()


def write_run(directory: Path, *times: int, run_id: str = "run-1") -> Path:
    """Write one segment with a frame per time; return its path."""
    writer = open_writer(directory, run_id=run_id)
    for time in times:
        writer.append_frame(time, Market.SPOT, 0, FRAME)
    writer.close()
    return segment_path(directory, writer.segment)


def compress(path: Path) -> None:
    """Do what gzip does."""
    path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def times(entries: Sequence[JournalEntry]) -> list[int]:
    """Return the receive times."""
    return [entry.receive_time for entry in entries]


def test_missing_and_empty_directories_are_waited_for(tmp_path: Path, open_reader: OpenReader) -> None:
    reader = open_reader(directory=tmp_path / "journal")
    assert reader.read(1000) == []
    (tmp_path / "journal").mkdir()
    assert reader.read(1000) == []
    write_run(tmp_path / "journal", 1)
    assert times(read_all(reader)) == [1]
    assert reader.take_skipped() == []


def test_growing_file_is_followed_over_switches_of_segment(tmp_path: Path, open_reader: OpenReader) -> None:
    writer = open_writer(tmp_path, segment_bytes=400)
    reader = open_reader()
    seen: list[int] = []
    for time in range(50):
        writer.append_frame(time, Market.SPOT, 0, FRAME)
        writer.flush()
        seen += times(read_all(reader))
        assert seen == list(range(time + 1))
        assert reader.lag_bytes() <= 100  # the header of a segment just begun
    assert writer.segment > 5
    writer.close()


def test_what_is_written_between_the_end_and_the_switch_is_not_missed(tmp_path: Path, open_reader: OpenReader) -> None:
    writer = open_writer(tmp_path, segment_bytes=400)
    reader = open_reader()
    for time in range(48):
        writer.append_frame(time, Market.SPOT, 0, FRAME)
        writer.flush()
        if time % 7 == 0:
            assert times(reader.read(10**6)[-1:]) == [time]
    assert times(read_all(reader))[-1] == 47
    writer.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(max_bytes=st.integers(1, 600), restart=st.integers(0, 12))
def test_reading_can_stop_at_any_entry_and_go_on_from_its_end(tmp_path: Path, max_bytes: int, restart: int) -> None:
    journal = tmp_path / "journal"
    if not journal.exists():
        write_run(journal, 0, 1, 2, 3, 4)
        compress(write_run(journal, 5, 6, 7, run_id="run-2"))
        write_run(journal, 8, 9, 10, 11, run_id="run-3")
    whole = read_journal(journal)
    position = ([JOURNAL_START] + [entry.end for entry in whole])[restart]
    with closing(FileJournalReader(journal, position)) as reader:
        assert read_all(reader, max_bytes=max_bytes) == whole[restart:]
        assert reader.take_skipped() == []
        assert reader.lag_bytes() == 0


def test_torn_line_is_never_returned_and_read_once_it_is_whole(tmp_path: Path, open_reader: OpenReader) -> None:
    text = write_run(tmp_path / "source", 1, 2, 3).read_bytes()
    path = segment_path(tmp_path, 1)
    for size in range(len(text) + 1):
        path.write_bytes(text[:size])
        reader = open_reader()
        before = read_all(reader)
        assert len(before) == max(0, text[:size].count(b"\n") - 1)
        path.write_bytes(text)
        assert times(before + read_all(reader)) == [1, 2, 3]


def test_torn_tail_of_an_older_segment_is_passed_over(tmp_path: Path, open_reader: OpenReader) -> None:
    path = write_run(tmp_path, 1)
    compress(write_run(tmp_path, 2))
    path.write_bytes(path.read_bytes() + b'{"t":9,"k":"ws"')
    reader = open_reader()
    assert times(read_all(reader)) == [1, 2]
    assert reader.lag_bytes() == 0


def test_torn_tail_that_is_cut_while_it_is_waited_for_does_no_harm(tmp_path: Path, open_reader: OpenReader) -> None:
    path = write_run(tmp_path, 1)
    path.write_bytes(path.read_bytes() + b'{"t":9,"k":"ws"')
    reader = open_reader()
    assert times(read_all(reader)) == [1]
    write_run(tmp_path, 2, run_id="run-2")
    (entry,) = read_all(reader)
    assert (entry.receive_time, entry.run_id) == (2, "run-2")


def test_deleted_segments_are_jumped_over_and_told(tmp_path: Path, open_reader: OpenReader) -> None:
    paths = [write_run(tmp_path, time) for time in range(1, 6)]
    reader = open_reader()
    assert times(reader.read(1)) == [1]
    for path in paths[1:3]:
        path.unlink()
    assert times(read_all(reader)) == [4, 5]
    assert reader.take_skipped() == [2, 3]
    assert reader.take_skipped() == []


def test_deleted_segment_that_a_sink_stood_in_is_told(tmp_path: Path, open_reader: OpenReader) -> None:
    write_run(tmp_path, 1).unlink()
    (tmp_path / "lock").touch()
    writer = open_writer(tmp_path)
    writer.close()
    segment_path(tmp_path, 1).rename(segment_path(tmp_path, 3))
    write_run(tmp_path, 4)
    reader = open_reader(Position(1, 50))
    assert times(read_all(reader)) == [4]
    assert reader.take_skipped() == [1, 2]


def test_new_sink_begins_with_what_is_left_and_misses_nothing(tmp_path: Path, open_reader: OpenReader) -> None:
    write_run(tmp_path, 1)
    write_run(tmp_path, 2)
    segment_path(tmp_path, 1).unlink()
    reader = open_reader()
    assert times(read_all(reader)) == [2]
    assert reader.take_skipped() == []


def test_header_gives_instance_and_run_from_any_position(tmp_path: Path) -> None:
    write_run(tmp_path, 1, 2, run_id="run-7")
    first, second = read_journal(tmp_path)
    (again,) = read_journal(tmp_path, first.end)
    assert again == second
    assert (again.instance, again.run_id) == ("main", "run-7")


def test_position_beyond_the_newest_segment_is_an_error_that_says_what_to_do(
    tmp_path: Path, open_reader: OpenReader
) -> None:
    write_run(tmp_path, 1)
    with pytest.raises(JournalError, match=r"expected segment 9 .* newest is 1: .* empty the sink"):
        open_reader(Position(9, 100)).read(1000)


def test_position_beyond_the_end_of_the_newest_segment_is_an_error(tmp_path: Path, open_reader: OpenReader) -> None:
    size = write_run(tmp_path, 1).stat().st_size
    with pytest.raises(JournalError, match="the file is shorter"):
        open_reader(Position(1, size + 10)).read(1000)


def test_position_beyond_the_end_of_an_older_segment_goes_on_with_the_next(tmp_path: Path) -> None:
    size = write_run(tmp_path, 1).stat().st_size
    write_run(tmp_path, 2)
    assert times(read_journal(tmp_path, Position(1, size + 10))) == [2]


def test_position_within_a_line_is_an_error(tmp_path: Path, open_reader: OpenReader) -> None:
    size = write_run(tmp_path, 1, 2).stat().st_size
    with pytest.raises(JournalError, match="no line begins there"):
        open_reader(Position(1, size - 5)).read(1000)


def test_damaged_gzip_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    path = write_run(tmp_path, 1)
    compress(path)
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(packed.read_bytes()[:-12])
    with pytest.raises(JournalError, match=r"00000001\.jsonl\.gz cannot be read"):
        read_journal(tmp_path)


def test_hostile_lines_become_corrupt_entries_and_reading_goes_on(tmp_path: Path) -> None:
    path = write_run(tmp_path, 1)
    path.write_bytes(path.read_bytes() + b"\x00\xff\n{}\n\n" + b"[" * 50_000 + b"\n")
    write_run(tmp_path, 2)
    kinds = [entry.kind for entry in read_journal(tmp_path)]
    assert kinds == [EntryKind.FRAME, *[EntryKind.CORRUPT] * 4, EntryKind.FRAME]


def test_line_of_twenty_megabytes_is_read_in_one_call(tmp_path: Path, open_reader: OpenReader) -> None:
    body = b'{"symbols":"' + b"x" * 20_000_000 + b'"}'
    writer = open_writer(tmp_path)
    writer.append_rest(RestAnswer(Market.SPOT, "/api/v3/exchangeInfo", {}, None, 5, body))
    writer.append_frame(6, Market.SPOT, 0, FRAME)
    writer.close()
    reader = open_reader()
    assert reader.lag_bytes() > 20_000_000
    rest, frame = read_all(reader, max_bytes=4096)
    assert rest.payload == body
    assert frame.receive_time == 6


def test_lag_counts_what_is_left_in_all_segments(tmp_path: Path, open_reader: OpenReader) -> None:
    write_run(tmp_path, 1, 2)
    packed = write_run(tmp_path, 3)
    size = packed.stat().st_size
    compress(packed)
    first, second = read_journal(tmp_path)[:2]
    assert open_reader(second.end).lag_bytes() == size
    assert open_reader(first.end).lag_bytes() == size + second.end.offset - second.start.offset


def test_what_comes_after_the_last_segment_wanted_does_not_exist(tmp_path: Path, open_reader: OpenReader) -> None:
    for time in (1, 2, 3):
        write_run(tmp_path, time)
    reader = open_reader(last_segment=2)
    assert times(read_all(reader)) == [1, 2]
    assert reader.lag_bytes() == 0
    assert read_all(reader) == []


def test_the_begin_of_a_segment_that_is_not_there_yet_is_a_place_to_wait_at(
    tmp_path: Path, open_reader: OpenReader
) -> None:
    write_run(tmp_path, 1)
    reader = open_reader(Position(2, 0))
    assert reader.read(1000) == []
    assert reader.lag_bytes() == 0
    write_run(tmp_path, 2)
    assert times(read_all(reader)) == [2]
    assert reader.take_skipped() == []
    with pytest.raises(JournalError, match="expected segment 4 in the journal, but the newest is 2"):
        open_reader(Position(4, 0)).read(1000)
