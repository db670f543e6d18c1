"""Names of segments, and torn tails cut at any byte."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderflow_recorder.journal.segments import TornTail, cut_torn_tail, find_segments, segment_path


def test_segments_are_found_by_number_and_nothing_else_is(tmp_path: Path) -> None:
    for name in ("00000010.jsonl", "00000002.jsonl.gz", "lock", "reserve", "1.jsonl", "00000003.jsonl.tmp"):
        (tmp_path / name).touch()
    assert find_segments(tmp_path) == {2: tmp_path / "00000002.jsonl.gz", 10: segment_path(tmp_path, 10)}
    assert list(find_segments(tmp_path)) == [2, 10]


def test_plain_file_counts_while_it_is_being_compressed(tmp_path: Path) -> None:
    for name in ("00000001.jsonl.gz", "00000001.jsonl"):
        (tmp_path / name).touch()
    assert find_segments(tmp_path) == {1: tmp_path / "00000001.jsonl"}


def test_missing_directory_has_no_segments(tmp_path: Path) -> None:
    assert find_segments(tmp_path / "nowhere") == {}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.integers(0, 200_000), max_size=3).map(lambda sizes: b"".join(b"x" * n + b"\n" for n in sizes)),
    tail=st.integers(0, 200_000),
)
def test_exactly_the_incomplete_line_is_cut(tmp_path: Path, lines: bytes, tail: int) -> None:
    path = segment_path(tmp_path, 4)
    path.write_bytes(lines + b"y" * tail)
    torn = cut_torn_tail(4, path)
    assert path.read_bytes() == lines
    assert torn == (TornTail(segment=4, offset=len(lines), bytes=tail) if tail else None)


def test_every_cut_of_a_file_leaves_its_complete_lines(tmp_path: Path) -> None:
    whole = b'{"t":1}\n{"t":22,"d":"\xc3\xa9"}\n\n{"t":333}\n'
    for size in range(len(whole) + 1):
        path = segment_path(tmp_path, 1)
        path.write_bytes(whole[:size])
        cut_torn_tail(1, path)
        assert path.read_bytes() == whole[: whole.rfind(b"\n", 0, size) + 1]
