"""What a frame is."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.binance.inspect import inspect
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.ports.feed import AckNote, BadNote, DataNote, FrameNote, RejectNote, ShutdownNote

SPOT, USDM = Market.SPOT, Market.USDM


def test_a_spot_diff_gives_its_ids() -> None:
    frame = b'{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","U":157,"u":160,"b":[["1","2"]],"a":[]}}'
    assert inspect(SPOT, frame) == DataNote("btcusdt@depth@100ms", DepthIds(157, 160))


def test_a_usdm_diff_gives_its_previous_id_too() -> None:
    frame = b'{"stream":"btcusdt@depth","data":{"U":157,"u":160,"pu":149}}'
    assert inspect(USDM, frame) == DataNote("btcusdt@depth", DepthIds(157, 160, 149))


def test_a_stray_pu_on_spot_does_not_invite_the_futures_rule() -> None:
    frame = b'{"stream":"btcusdt@depth","data":{"U":157,"u":160,"pu":149}}'
    assert inspect(SPOT, frame) == DataNote("btcusdt@depth", DepthIds(157, 160))


@pytest.mark.parametrize("stream", ["btcusdt@depth5@100ms", "btcusdt@depth20", "btcusdt@trade", "!markPrice@arr"])
def test_other_streams_give_no_ids(stream: str) -> None:
    frame = json.dumps({"stream": stream, "data": {"e": "depthUpdate", "U": 1, "u": 2, "pu": 0}}).encode()
    assert inspect(USDM, frame) == DataNote(stream)


def test_data_may_be_a_list_and_names_may_be_chinese() -> None:
    assert inspect(USDM, b'{"stream":"!ticker@arr","data":[{}]}') == DataNote("!ticker@arr")
    assert inspect(USDM, '{"stream":"币安usdt@trade","data":{}}'.encode()) == DataNote("币安usdt@trade")


@pytest.mark.parametrize(
    ("frame", "note"),
    [
        (b'{"result":null,"id":1}', AckNote(1)),
        (b'{"result":["btcusdt@trade"],"id":3}', AckNote(3)),
        (b'{"result":null,"id":"a"}', AckNote(None)),
        (b'{"result":null,"id":null}', AckNote(None)),
        (b'{"code":2,"msg":"Invalid request","id":9}', RejectNote(9, 2, "Invalid request")),
        (b'{"error":{"code":3,"msg":"Invalid JSON"},"id":4}', RejectNote(4, 3, "Invalid JSON")),
        (b'{"error":{"code":3,"msg":"a\\u0000b"}}', RejectNote(None, 3, "a\N{REPLACEMENT CHARACTER}b")),
        (b'{"e":"serverShutdown","E":1770123456789}', ShutdownNote()),
        (b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}', ShutdownNote()),
    ],
)
def test_control_frames_are_told_apart(frame: bytes, note: FrameNote) -> None:
    assert inspect(SPOT, frame) == note


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"", "received 0 bytes"),
        (b"null", "object"),
        (b"[]", "object"),
        (b"1", "object"),
        (b"{}", "another object"),
        (b'{"id":1}', "another object"),
        (b'{"e":"trade","s":"BTCUSDT"}', "another object"),
        (b"<html>", "JSON"),
        (b'{"stream":"a@trade","data":{}', "JSON"),
        (b'{"stream":"a@trade","data":{}}x', "JSON"),
        (b'{"stream":1,"data":{}}', "str"),
        (b'{"stream":"a@trade"}', "'data'"),
        (b'{"stream":"a@trade","data":null}', "null"),
        (b'{"stream":"a@trade","data":7}', "'data'"),
        (b'{"stream":"a@trade","data":\n{}}', "line break"),
        (b'{"stream":"a@trade","data":{"x":"\xff"}}', "UTF-8"),
        (b'{"stream":"a\xff@trade","data":{}}', "utf-8"),
        (b'{"stream":"a@trade","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "recursion"),
        (b'{"stream":"a@trade","data":' + b"[" * 150 + b"]" * 150 + b"}", "brackets"),
        (b'{"result":null,"id":1.5}', "id"),
        (b'{"stream":"a@depth","data":{"u":1,"pu":0}}', "`U`"),
        (b'{"stream":"a@depth","data":{"U":1,"pu":0}}', "`u`"),
        (b'{"stream":"a@depth","data":{"U":1,"u":2}}', "pu"),
        (b'{"stream":"a@depth","data":{"U":"1","u":2,"pu":0}}', "got `str`"),
        (b'{"stream":"a@depth","data":{"U":1.0,"u":2,"pu":0}}', "got `float`"),
        (b'{"stream":"a@depth","data":{"U":-1,"u":2,"pu":0}}', ">= 0"),
        (b'{"stream":"a@depth","data":{"U":1,"u":9223372036854775808,"pu":0}}', "<="),
        (b'{"stream":"a@depth","data":{"U":1,"u":' + b"9" * 5_000 + b',"pu":0}}', "range"),
        (b'{"stream":"a@depth","data":{"U":3,"u":2,"pu":0}}', "U <= u"),
        (b'{"stream":"a@depth","data":[]}', "object"),
    ],
)
def test_everything_else_is_bad_and_says_why(frame: bytes, reason: str) -> None:
    note = inspect(USDM, frame)
    assert isinstance(note, BadNote)
    assert reason in note.reason
    assert note.reason.isprintable()


@given(st.sampled_from(Market), st.binary(max_size=200))
def test_no_bytes_make_it_raise(market: Market, frame: bytes) -> None:
    inspect(market, frame)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
FRAME_KEYS = st.sampled_from(["stream", "data", "result", "error", "code", "msg", "id", "e", "x"])
STREAMS = st.sampled_from(["btcusdt@depth", "btcusdt@trade", "!serverShutdown", "@", ""])


@given(
    st.sampled_from(Market),
    st.dictionaries(FRAME_KEYS, JSON_VALUES | STREAMS, max_size=5),
    st.binary(max_size=3),
    st.integers(0, 300),
)
def test_what_is_not_bad_is_one_line_of_json(market: Market, frame: dict[str, object], junk: bytes, at: int) -> None:
    whole = json.dumps(frame, ensure_ascii=False).encode("utf-8", "surrogatepass")
    mutated = whole[:at] + junk + whole[at:]
    note = inspect(market, mutated)
    if not isinstance(note, BadNote):
        assert b"\n" not in mutated
        json.loads(mutated.decode())
