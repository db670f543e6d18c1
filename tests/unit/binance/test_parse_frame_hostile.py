"""Frames that nobody should send: nothing but `FrameError` comes of them, and its text can be stored."""

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.binance.parse_frame import parse_frame
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.market import Market
from tests.unit.binance.payloads import EXAMPLES, RECEIVED, Json


@given(st.sampled_from(Market), st.binary(max_size=200))
def test_no_bytes_raise_anything_but_frame_error(market: Market, frame: bytes) -> None:
    with contextlib.suppress(FrameError):
        parse_frame(market, frame, RECEIVED)


ODD = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.lists(st.text()), max_size=2)


@given(st.sampled_from(EXAMPLES), st.data())
def test_no_value_in_any_field_raises_anything_but_frame_error(
    example: tuple[Market, str, Json], data: st.DataObject
) -> None:
    market, stream, payload = example
    key = data.draw(st.sampled_from(sorted(payload)))
    frame = json.dumps({"stream": f"btcusdt@{stream}", "data": {**payload, key: data.draw(ODD)}})
    try:
        parse_frame(market, frame.encode(), RECEIVED)
    except FrameError as error:
        assert error.reason.isprintable()  # noqa: PT017  # either outcome is right; the text must be storable


@given(st.sampled_from(EXAMPLES), st.integers(0, 400), st.binary(max_size=4), st.integers(0, 4))
def test_damaged_frames_raise_nothing_but_frame_error(
    example: tuple[Market, str, Json], at: int, junk: bytes, cut: int
) -> None:
    market, stream, payload = example
    frame = json.dumps({"stream": f"btcusdt@{stream}", "data": payload}).encode()
    try:
        parse_frame(market, frame[:at] + junk + frame[at + cut :], RECEIVED)
    except FrameError as error:
        assert error.reason.isprintable()  # noqa: PT017  # either outcome is right; the text must be storable
