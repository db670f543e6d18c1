"""The writer: what is flushed is in the file, whole lines only, also on a full disk."""

import errno
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from orderflow_recorder.domain.errors import DiskFullError, JournalError, JournalLockedError
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.journal.retention import SinkPositions
from orderflow_recorder.journal.segments import TornTail, find_segments, segment_path
from orderflow_recorder.journal.writer import FileJournalWriter
from orderflow_recorder.ports.journal import EntryKind
from orderflow_recorder.ports.venue import RestAnswer
from tests.support.journal import FRAME, open_writer, read_journal
from tests.support.manual_clock import ManualClock
from tests.support.small_disk import small_disk

DISK_FULL = RecorderEvent(9, EventKind.DISK_FULL, detail={"path": "x", "free_bytes": 0})


def fill(writer: FileJournalWriter) -> None:
    """Write frames until the disk is full."""
    for time in range(100_000):
        writer.append_frame(time, Market.SPOT, 0, FRAME)
        writer.flush()


def texts(directory: Path) -> list[bytes]:
    """Return the text of every segment."""
    return [path.read_bytes() for path in find_segments(directory).values()]


def test_nothing_is_written_before_flush_and_everything_after(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.append_frame(1, Market.SPOT, 3, FRAME)
    before = read_journal(tmp_path)
    writer.flush()
    (entry,) = read_journal(tmp_path)
    assert before == []
    assert entry.payload == FRAME
    writer.close()


def test_large_buffer_is_written_without_waiting_for_flush(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    for time in range(4000):
        writer.append_frame(time, Market.SPOT, 3, FRAME)
    assert writer.bytes_written > 256 * 1024
    assert len(read_journal(tmp_path)) > 2000
    writer.close()


def test_every_kind_of_entry_is_read_back(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.append_frame(1, Market.SPOT, 3, FRAME)
    writer.append_bad(2, Market.USDM, 4, b"\xff{", "not UTF-8")
    writer.append_rest(RestAnswer(Market.USDM, "/fapi/v1/depth", {"limit": "5"}, "BTCUSDT", 3, b'{\n "bids": []\n}'))
    writer.append_event(RecorderEvent(4, EventKind.CONNECTED, market=Market.SPOT, connection=3))
    writer.flush()
    frame, bad, rest, event = read_journal(tmp_path)
    assert (frame.kind, frame.instance, frame.run_id) == (EntryKind.FRAME, "main", "run-1")
    assert (bad.payload, bad.reason) == (b"\xff{", "not UTF-8")
    assert (rest.symbol, msgspec.json.decode(rest.payload)) == ("BTCUSDT", {"bids": []})
    assert msgspec.json.decode(event.payload)["event"] == "connected"
    writer.close()


def test_pretty_printed_frame_stays_one_line(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.append_frame(1, Market.SPOT, 3, b'{\r\n  "p": 1.10\r\n}')
    writer.close()
    (entry,) = read_journal(tmp_path)
    assert entry.payload.split() == [b"{", b'"p":', b"1.10", b"}"]


def test_frames_of_one_read_are_the_lines_that_each_would_be(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    for frames in ([], [FRAME], [FRAME, b"{\r\n}", b'"a\\n"']):
        writer.append_frames(5, Market.USDM, 3, frames)
        for frame in frames:
            writer.append_frame(5, Market.USDM, 3, frame)
    writer.close()
    lines = texts(tmp_path)[0].splitlines()[1:]
    assert [lines.count(line) for line in lines] == [4, 4, 4, 2, 2, 4, 2, 2]


def test_frames_of_one_read_that_do_not_fit_are_kept_as_far_as_they_do(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        writer = open_writer(disk / "journal")
        with pytest.raises(DiskFullError):
            writer.append_frames(1, Market.SPOT, 0, [FRAME] * 100_000)
        assert {entry.payload for entry in read_journal(disk / "journal")} == {FRAME}
        with pytest.raises(DiskFullError):
            writer.append_frames(1, Market.SPOT, 0, [FRAME])
        writer.close()


def test_second_writer_is_refused_until_the_first_closes(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    with pytest.raises(JournalLockedError, match=str(os.getpid())):
        open_writer(tmp_path)
    writer.close()
    writer.close()
    open_writer(tmp_path).close()


def test_each_run_begins_a_new_segment(tmp_path: Path) -> None:
    for run in ("run-1", "run-2"):
        writer = open_writer(tmp_path, run_id=run)
        writer.append_frame(1, Market.SPOT, 0, FRAME)
        writer.close()
    entries = read_journal(tmp_path)
    assert [(entry.start.segment, entry.run_id) for entry in entries] == [(1, "run-1"), (2, "run-2")]


def test_torn_tail_of_the_run_before_is_cut_and_reported(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.append_frame(1, Market.SPOT, 0, FRAME)
    writer.close()
    whole = segment_path(tmp_path, 1).read_bytes()
    segment_path(tmp_path, 1).write_bytes(whole + b'{"t":2,"k":"ws"')
    following = open_writer(tmp_path)
    assert writer.torn is None
    assert following.torn == TornTail(segment=1, offset=len(whole), bytes=15)
    assert segment_path(tmp_path, 1).read_bytes() == whole
    following.close()


def test_compressed_newest_segment_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "00000007.jsonl.gz").write_bytes(b"anything")
    writer = open_writer(tmp_path)
    assert (writer.segment, writer.torn) == (8, None)
    writer.close()


def test_number_of_a_deleted_segment_where_a_sink_stands_is_not_used_again(tmp_path: Path) -> None:
    SinkPositions(tmp_path, "postgres").publish(Position(12, 500))
    writer = open_writer(tmp_path)
    assert writer.segment == 13
    writer.close()


def test_segment_switches_at_its_size(tmp_path: Path) -> None:
    writer = open_writer(tmp_path, segment_bytes=500)
    for time in range(10):
        writer.append_frame(time, Market.SPOT, 0, FRAME)
        writer.flush()
    written = writer.bytes_written
    writer.close()
    segments = texts(tmp_path)
    assert len(segments) > 2
    assert all(text.startswith(b'{"t":') and b'"k":"header"' in text.split(b"\n")[0] for text in segments)
    assert written == sum(map(len, segments))
    assert [entry.receive_time for entry in read_journal(tmp_path)] == list(range(10))


def test_segment_switches_at_its_age_but_never_without_entries(tmp_path: Path) -> None:
    clock = ManualClock()
    writer = open_writer(tmp_path, clock, segment_seconds=60)
    clock.elapsed_s = 1000
    writer.flush()
    assert writer.segment == 1
    writer.append_frame(1, Market.SPOT, 0, FRAME)
    writer.flush()
    assert writer.segment == 2
    clock.elapsed_s = 1059
    writer.append_frame(2, Market.SPOT, 0, FRAME)
    writer.flush()
    assert writer.segment == 2
    writer.close()


def test_closed_writer_refuses_entries(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    writer.close()
    writer.flush()
    writer.sync()
    writer.append_last_words(DISK_FULL)
    with pytest.raises(JournalError, match="closed"):
        writer.append_frame(1, Market.SPOT, 0, FRAME)


def test_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="file/journal"):
        open_writer(tmp_path / "file" / "journal")


def test_sync_may_run_in_another_thread_while_segments_switch(tmp_path: Path) -> None:
    writer = open_writer(tmp_path, segment_bytes=300)
    stop = threading.Event()
    errors: list[Exception] = []

    def sync() -> None:
        while not stop.is_set():
            try:
                writer.sync()
            except Exception as error:  # noqa: BLE001  # whatever it is, the test must fail with it
                errors.append(error)

    thread = threading.Thread(target=sync)
    thread.start()
    for time in range(200):
        writer.append_frame(time, Market.SPOT, 0, FRAME)
        writer.flush()
    stop.set()
    thread.join()
    writer.close()
    assert errors == []
    assert len(read_journal(tmp_path)) == 200


def test_full_disk_keeps_whole_lines_and_last_words_and_resumes(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        journal = disk / "journal"
        (disk / "ballast").write_bytes(b"x" * 500_000)
        writer = open_writer(journal)
        with pytest.raises(DiskFullError) as caught:
            fill(writer)
        flushed = len(read_journal(journal))
        assert caught.value.path == str(journal)
        with pytest.raises(DiskFullError):
            writer.append_frame(1, Market.SPOT, 0, FRAME)
        with pytest.raises(DiskFullError):
            writer.flush()
        writer.append_last_words(DISK_FULL)
        *frames, last = read_journal(journal)
        assert flushed > 1000
        assert [entry.receive_time for entry in frames] == list(range(flushed))
        assert last.kind is EntryKind.EVENT
        assert segment_path(journal, 1).read_bytes().endswith(b"\n")

        assert not writer.resume()
        (disk / "ballast").unlink()
        assert writer.resume()
        assert writer.resume()
        writer.append_frame(7, Market.SPOT, 0, FRAME)
        writer.flush()
        entry = read_journal(journal)[-1]
        assert (entry.start.segment, entry.receive_time) == (2, 7)
        writer.close()


def test_full_disk_refuses_to_open_and_leaves_no_segment_and_no_lock(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        (disk / "journal").mkdir()
        status = os.statvfs(disk)
        (disk / "ballast").write_bytes(b"x" * (status.f_bavail * status.f_frsize))
        for _ in range(2):
            with pytest.raises(DiskFullError):
                open_writer(disk / "journal")
        assert find_segments(disk / "journal") == {}
        (disk / "ballast").unlink()
        open_writer(disk / "journal").close()


def test_low_space_stops_ingestion_after_the_buffer_is_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = open_writer(tmp_path, min_free_bytes=1000)
    writer.append_frame(1, Market.SPOT, 0, FRAME)
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_blocks=10**9, f_bavail=999, f_frsize=1))
    with pytest.raises(DiskFullError):
        writer.flush()
    assert not writer.resume()
    writer.append_last_words(DISK_FULL)
    writer.close()
    kinds = [entry.kind for entry in read_journal(tmp_path)]
    assert kinds == [EntryKind.FRAME, EntryKind.EVENT]


def test_close_on_a_full_disk_says_so_and_releases_everything(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        writer = open_writer(disk / "journal")
        (disk / "ballast").write_bytes(b"x" * (os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
        for time in range(1000):
            writer.append_frame(time, Market.SPOT, 0, FRAME)
        with pytest.raises(DiskFullError):
            writer.close()
        writer.close()
        (disk / "ballast").unlink()
        open_writer(disk / "journal").close()


def test_broken_disk_is_an_error_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    writer = open_writer(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(JournalError, match="Input/output error"):
            writer.sync()
    writer.close()
