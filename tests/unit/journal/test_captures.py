"""Captures are journals."""

import gzip
import json
from contextlib import closing
from pathlib import Path

import pytest

from orderflow_recorder.domain.errors import JournalError
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.journal.captures import open_capture
from orderflow_recorder.ports.journal import EntryKind, JournalEntry
from tests.support.captures import NAMES, capture
from tests.support.journal import FRAME, open_writer, read_all

LINE = b'{"t":%d,"k":"ws","market":"spot","d":' + FRAME + b"}\n"


def read_capture(path: Path | list[Path], position: Position = JOURNAL_START) -> list[JournalEntry]:
    """Return every entry from ``position`` on."""
    with closing(open_capture(path, position)) as reader:
        return read_all(reader)


def test_file_without_header_is_read_as_segment_one(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(LINE % 1 + LINE % 2)
    entries = read_capture(tmp_path / "a.jsonl")
    assert [(entry.receive_time, entry.start.segment) for entry in entries] == [(1, 1), (2, 1)]
    assert {(entry.instance, entry.run_id, entry.connection) for entry in entries} == {("", "", None)}


def test_directory_is_read_by_name_and_list_in_its_order(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(LINE % 2))
    (tmp_path / "a.jsonl").write_bytes(LINE % 1)
    (tmp_path / "README.md").write_text("not a capture")
    by_name = read_capture(tmp_path)
    by_list = read_capture([tmp_path / "b.jsonl.gz", tmp_path / "a.jsonl"])
    assert [(entry.receive_time, entry.start.segment) for entry in by_name] == [(1, 1), (2, 2)]
    assert [(entry.receive_time, entry.start.segment) for entry in by_list] == [(2, 1), (1, 2)]


def test_last_line_needs_no_line_break(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes((LINE % 1 + LINE % 2).rstrip())
    entries = read_capture(tmp_path / "a.jsonl")
    assert [entry.receive_time for entry in entries] == [1, 2]
    assert read_capture(tmp_path / "a.jsonl", entries[-1].end) == []


def test_members_of_a_gzip_file_are_one_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(LINE % 1) + gzip.compress(LINE % 2))
    assert len(read_capture(tmp_path / "a.jsonl.gz")) == 2


def test_reading_goes_on_from_a_position(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / f"{name}.jsonl").write_bytes(LINE % 1 + LINE % 2)
    whole = read_capture(tmp_path)
    assert read_capture(tmp_path, whole[0].end) == whole[1:]
    assert read_capture(tmp_path, Position(2, 0)) == whole[2:]


def test_directory_of_a_journal_keeps_its_numbers(tmp_path: Path) -> None:
    (tmp_path / "00000006.jsonl").write_bytes(LINE % 1)
    writer = open_writer(tmp_path)
    writer.close()
    assert [entry.start.segment for entry in read_capture(tmp_path)] == [6]


def test_missing_file_and_empty_directory_are_named(tmp_path: Path) -> None:
    cases: list[Path | list[Path]] = [tmp_path / "nothing.jsonl", tmp_path, [tmp_path / "nothing.jsonl"]]
    for path in cases:
        with pytest.raises(JournalError, match=r"expected a \.jsonl or \.jsonl\.gz file"):
            open_capture(path)


@pytest.mark.parametrize("name", NAMES[1::2])
def test_recorded_capture_is_read_whole_and_exactly(name: str) -> None:
    path = capture(name)
    with gzip.open(path) as file:
        lines = file.read().splitlines()
    entries = read_capture(path)
    assert len(entries) == len(lines)
    assert {entry.kind for entry in entries} == {EntryKind.FRAME, EntryKind.REST}
    for entry, line in zip(entries, lines, strict=True):
        assert line.endswith(b'"d":' + entry.payload + b"}")
    assert json.loads(lines[0])["t"] == entries[0].receive_time
