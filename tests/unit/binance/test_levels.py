"""Levels cut as text, against decoding them."""

import json
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.binance.levels import UncutLevels
from orderflow_recorder.domain.errors import FrameError

Texts = st.from_regex(r"[0-9]{1,6}(\.[0-9]{0,8})?|\.[0-9]{1,4}", fullmatch=True)


Side = st.lists(st.tuples(Texts, Texts), max_size=5)
SIDE = b'[["1.0","2.0"]]'


def cut(*sides: bytes) -> list[Sequence[str]]:
    levels = UncutLevels()
    columns = [column for side in sides for column in levels.add(msgspec.Raw(side))]
    levels.cut()
    return list(columns)


@given(st.lists(Side, max_size=8))
def test_levels_become_columns(sides: list[list[tuple[str, str]]]) -> None:
    texts = [json.dumps(side, separators=(",", ":")).encode() for side in sides]
    expected = [[level[place] for level in side] for side in sides for place in (0, 1)]
    assert cut(*texts) == expected


@given(st.lists(st.lists(st.tuples(st.just("1.25"), st.just("3")), max_size=300), max_size=8))
def test_so_do_many(sides: list[list[tuple[str, str]]]) -> None:
    texts = [json.dumps(side, separators=(",", ":")).encode() for side in sides]
    assert cut(*texts) == [[level[place] for level in side] for side in sides for place in (0, 1)]


@pytest.mark.parametrize(
    "text",
    [
        b"null",
        b"{}",
        b'""',
        b"[0]",
        b"[[]]",
        b'["1.0","2.0"]',
        b'[["1.0","2.0"],5]',
        b'[["1.0","2.0","3.0"]]',
        b'[["1.0"],["2.0"]]',
        b'[["1.0",2.0]]',
        b"[[1.0,2.0]]",
        b'[["1.0", "2.0"]]',
        b'[["1.0","-2.0"]]',
        b'[["1.0","2.0e5"]]',
        b'[["1.0","."]]',
        b'[["","2.0"]]',
        b'[["1","1.2.3"]]',
        b'[["1","1..3"]]',
        b'[["1.0","2.0"]],[["1.0","2.0"]]',
        b'[["1.0","2.0\\u0031"]]',
        b'[[["1.0","2.0"]]]',
        b'[[["1.0","2.0"]],[["1.0","2.0"]]]',
        b'[["' + b"1" * 40_000 + b'","1.0"]]',
    ],
)
def test_what_is_something_else_is_a_frame_error(text: bytes) -> None:
    with pytest.raises(FrameError, match="expected"):
        cut(text, b"[]")
    for sides in ((text, SIDE), (SIDE, text), (b"[]", text), (text, text)):
        with pytest.raises(FrameError, match="expected"):
            cut(*sides)
