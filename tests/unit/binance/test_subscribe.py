"""Control frames."""

import json
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.binance.subscribe import MAX_FRAME_BYTES, MAX_FRAME_NAMES, control_frames
from orderflow_recorder.domain.errors import SettingsError


def test_a_frame_is_what_the_venue_documents() -> None:
    frames = control_frames("SUBSCRIBE", ["btcusdt@trade", "币安usdt@trade"], count(7))
    assert frames == ['{"method":"SUBSCRIBE","params":["btcusdt@trade","币安usdt@trade"],"id":7}'.encode()]


def test_no_names_are_no_frames() -> None:
    assert control_frames("UNSUBSCRIBE", [], count(1)) == []


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300), max_size=400))
def test_frames_stay_small_and_carry_every_name_once_in_order(names: list[str]) -> None:
    frames = control_frames("SUBSCRIBE", names, count(1))
    decoded = [json.loads(frame) for frame in frames]
    assert [name for frame in decoded for name in frame["params"]] == names
    assert [frame["id"] for frame in decoded] == list(range(1, len(frames) + 1))
    assert all(len(frame) <= MAX_FRAME_BYTES for frame in frames)
    assert all(1 <= len(frame["params"]) <= MAX_FRAME_NAMES for frame in decoded)


def test_short_names_fill_frames_of_a_hundred() -> None:
    frames = control_frames("SUBSCRIBE", [f"x{number}@trade" for number in range(250)], count(1))
    assert [len(json.loads(frame)["params"]) for frame in frames] == [100, 100, 50]


def test_bytes_count_and_not_characters() -> None:
    # 100 names of 34 characters would fit, of 70 bytes they do not.
    frames = control_frames("SUBSCRIBE", ["我" * 18 + f"{number:03}usdt@depth" for number in range(100)], count(1))
    assert len(frames) == 2


def test_a_name_larger_than_a_frame_is_refused() -> None:
    with pytest.raises(SettingsError, match="4001 bytes"):
        control_frames("SUBSCRIBE", ["ok@trade", "x" * 4001], count(1))
