"""Lines: composed and decoded without changing a byte of what is in them."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.journal.lines import (
    bad_line,
    bad_payload,
    decode_line,
    event_line,
    frame_lines,
    header_line,
    on_one_line,
    rest_line,
)
from orderflow_recorder.ports.venue import RestAnswer


def test_lines_are_those_of_the_architecture_page() -> None:
    header = header_line(time=5, instance="main", run_id="run-1", segment=12)
    event = event_line(RecorderEvent(7, EventKind.CONNECTED, market=Market.SPOT, connection=3, detail={"route": ""}))
    rest = rest_line(RestAnswer(Market.USDM, "/fapi/v1/depth", {"limit": "5"}, "BTCUSDT", 6, b'{"bids":[]}'))
    assert header == b'{"t":5,"k":"header","version":1,"instance":"main","run":"run-1","segment":12}\n'
    assert frame_lines(9, Market.SPOT, 3, [b'{"e":1}', b"[\n]"]) == (
        b'{"t":9,"k":"ws","market":"spot","c":3,"d":{"e":1}}\n{"t":9,"k":"ws","market":"spot","c":3,"d":[ ]}\n'
    )
    assert event == (
        b'{"t":7,"k":"event","event":"connected","market":"spot","symbol":null,"c":3,"epoch":null,"d":{"route":""}}\n'
    )
    assert rest == (
        b'{"t":6,"k":"rest","market":"usdm","symbol":"BTCUSDT","path":"/fapi/v1/depth",'
        b'"params":{"limit":"5"},"d":{"bids":[]}}\n'
    )
    assert bad_line(8, Market.SPOT, 3, b"oops", "why") == (
        b'{"t":8,"k":"bad","market":"spot","c":3,"reason":"why","text":"oops"}\n'
    )


@given(st.binary())
def test_bad_frame_comes_back_byte_for_byte(frame: bytes) -> None:
    line = bad_line(1, Market.USDM, 0, frame, "not JSON")
    assert line.count(b"\n") == 1
    assert bad_payload(decode_line(line)) == frame


def test_bad_line_without_a_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="neither"):
        bad_payload(decode_line(b'{"t":1,"k":"bad"}'))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=10,
    ),
    st.sampled_from([None, 1, 4]),
)
def test_document_keeps_its_meaning_on_one_line(document: object, indent: int | None) -> None:
    pretty = json.dumps(document, indent=indent, ensure_ascii=False).encode().replace(b"\n", b"\r\n")
    flat = on_one_line(pretty)
    assert b"\n" not in flat
    assert json.loads(flat) == document


def test_numbers_of_a_pretty_printed_body_keep_their_text() -> None:
    body = b'{\n  "price": 1.10,\r\n  "big": 123456789012345678901234567890,\n  "tiny": 1e-400\n}'
    line = rest_line(RestAnswer(Market.SPOT, "/api/v3/time", {}, None, 1, body))
    assert line.count(b"\n") == 1
    payload = bytes(decode_line(line).d)
    assert payload.split() == body.split()


def test_time_that_no_clock_shows_is_refused() -> None:
    for time in ("-1", "9223372036854775808", "1.5", '"1"', "null"):
        with pytest.raises(msgspec.ValidationError):
            decode_line(f'{{"t":{time},"k":"ws"}}'.encode())
