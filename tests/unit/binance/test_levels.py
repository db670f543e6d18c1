"""Levels cut as text, against decoding them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.binance.levels import split_levels_text
from orderflow_recorder.domain.errors import FrameError

Texts = st.from_regex(r"[0-9]{1,6}(\.[0-9]{0,8})?|\.[0-9]{1,4}", fullmatch=True)


Side = st.lists(st.tuples(Texts, Texts), max_size=5)
SIDE = b'[["1.0","2.0"]]'


@given(bids=Side, asks=Side)
def test_levels_become_columns(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> None:
    texts = [json.dumps(side, separators=(",", ":")).encode() for side in (bids, asks)]
    expected = tuple([level[place] for level in side] for side in (bids, asks) for place in (0, 1))
    assert split_levels_text(*texts) == expected


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
        b'[["1.0","2.0\\u0031"]]',
        b'[[["1.0","2.0"]]]',
        b'[[["1.0","2.0"]],[["1.0","2.0"]]]',
        b'[["' + b"1" * 40_000 + b'","1.0"]]',
    ],
)
def test_what_is_something_else_is_a_frame_error(text: bytes) -> None:
    with pytest.raises(FrameError, match="expected"):
        split_levels_text(text, b"[]")
    for sides in ((text, SIDE), (SIDE, text), (b"[]", text), (text, text)):
        with pytest.raises(FrameError, match="expected"):
            split_levels_text(*sides)
