"""What may be deleted: passed by every sink, and old."""

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.domain.positions import Position
from orderflow_recorder.journal.retention import (
    JournalSize,
    SinkPositions,
    delete_expired,
    expired_segments,
    forget_sink,
    journal_size,
    read_sink_positions,
)
from orderflow_recorder.journal.segments import find_segments, segment_path

HOUR = 3_600 * 10**9
NOW = 100 * HOUR


def expired(
    positions: dict[str, Position], *, hours: float = 2, required: tuple[str, ...] = ("postgres",)
) -> list[int]:
    """Decide about segments 1 to 5, the last written now, the others an hour apart."""
    written_at = {number: NOW - (5 - number) * HOUR for number in range(1, 6)}
    return expired_segments(written_at, positions, required=required, now_ns=NOW, retention_hours=hours)


def test_segment_goes_when_it_is_passed_and_old() -> None:
    assert expired({"postgres": Position(5, 0)}) == [1, 2]
    assert expired({"postgres": Position(2, 10)}) == [1]
    assert expired({"postgres": Position(1, 10)}) == []


def test_slowest_sink_decides_and_sinks_that_are_not_required_do_not() -> None:
    positions = {"postgres": Position(5, 0), "archive": Position(2, 0), "retired": Position(1, 0)}
    assert expired(positions, required=("postgres", "archive")) == [1]


def test_required_sink_that_never_reported_keeps_everything() -> None:
    assert expired({"postgres": Position(5, 0)}, required=("postgres", "archive")) == []


def test_without_required_sinks_age_decides() -> None:
    assert expired({}, required=()) == [1, 2]


def test_newest_segment_stays_even_if_all_have_passed_it() -> None:
    assert expired({"postgres": Position(9, 0)}, hours=-100) == [1, 2, 3, 4]


@given(st.dictionaries(st.integers(1, 20), st.integers(0, NOW)), st.integers(0, 25), st.floats(0, 100))
def test_nothing_a_sink_still_needs_is_deleted(written_at: dict[int, int], segment: int, hours: float) -> None:
    deleted = expired_segments(
        written_at, {"postgres": Position(segment, 1)}, required=["postgres"], now_ns=NOW, retention_hours=hours
    )
    assert all(number < segment and number < max(written_at) for number in deleted)


def test_position_is_published_and_read_back(tmp_path: Path) -> None:
    postgres = SinkPositions(tmp_path, "postgres")
    postgres.publish(Position(3, 70))
    postgres.publish(Position(3, 70))
    SinkPositions(tmp_path, "archive").publish(Position(1, 5))
    assert read_sink_positions(tmp_path) == {"archive": Position(1, 5), "postgres": Position(3, 70)}


def test_sink_that_begins_again_gets_its_segments_kept(tmp_path: Path) -> None:
    postgres = SinkPositions(tmp_path, "postgres")
    postgres.publish(Position(3, 70))
    postgres.publish(Position(0, 0))
    assert read_sink_positions(tmp_path) == {"postgres": Position(0, 0)}


@pytest.mark.parametrize("damage", [b"", b"{", b'{"segment":"x"}', b"\x00\x00"])
def test_damaged_position_counts_as_none(tmp_path: Path, damage: bytes) -> None:
    SinkPositions(tmp_path, "postgres").publish(Position(3, 70))
    (tmp_path / "sinks" / "postgres.json").write_bytes(damage)
    assert read_sink_positions(tmp_path) == {}


def test_expired_files_are_deleted_in_both_forms(tmp_path: Path) -> None:
    for number in range(1, 5):
        segment_path(tmp_path, number).write_bytes(b"x\n")
        os.utime(segment_path(tmp_path, number), ns=(0, NOW - 50 * HOUR))
    with gzip.open(tmp_path / "00000001.jsonl.gz", "wb") as file:
        file.write(b"x\n")
    SinkPositions(tmp_path, "postgres").publish(Position(3, 0))
    assert delete_expired(tmp_path, required=["postgres"], now_ns=NOW, retention_hours=24) == [1, 2]
    assert list(find_segments(tmp_path)) == [3, 4]
    assert delete_expired(tmp_path, required=["postgres"], now_ns=NOW, retention_hours=24) == []


def test_size_counts_files_bytes_and_age(tmp_path: Path) -> None:
    assert journal_size(tmp_path, now_ns=NOW) == JournalSize(segments=0, bytes=0, oldest_age_s=0.0)
    for number in (1, 2):
        segment_path(tmp_path, number).write_bytes(b"123\n")
        os.utime(segment_path(tmp_path, number), ns=(0, NOW - (3 - number) * HOUR))
    assert journal_size(tmp_path, now_ns=NOW) == JournalSize(segments=2, bytes=8, oldest_age_s=7200.0)


def test_a_sink_that_is_forgotten_keeps_everything_until_it_says_anew_where_it_stands(tmp_path: Path) -> None:
    SinkPositions(tmp_path, "postgres.1of2").publish(Position(3, 1))
    SinkPositions(tmp_path, "postgres.2of2").publish(Position(4, 1))
    assert read_sink_positions(tmp_path).keys() == {"postgres.1of2", "postgres.2of2"}
    forget_sink(tmp_path, "postgres.1of2")
    forget_sink(tmp_path, "postgres.1of2")
    assert read_sink_positions(tmp_path) == {"postgres.2of2": Position(4, 1)}
