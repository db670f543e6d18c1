"""What all frames of a read are: whatever they are, the same as each is by itself."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_recorder.binance import glance
from orderflow_recorder.binance.glance import inspect_all
from orderflow_recorder.binance.inspect import inspect
from orderflow_recorder.binance.text import MAX_NESTING
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.ports.feed import Glance

SPOT, USDM = Market.SPOT, Market.USDM


def trade(symbol: str, number: int) -> bytes:
    """Return a plain trade."""
    return b'{"stream":"%b@aggTrade","data":{"e":"aggTrade","a":%d,"p":"1.10"}}' % (symbol.encode(), number)


def diff(symbol: str, first: object, final: object, previous: object = None, levels: int = 2) -> bytes:
    """Return a diff, plain if the ids are."""
    data = {"e": "depthUpdate", "U": first, "u": final, "pu": previous, "b": [["1", "2"]] * levels, "a": []}
    return json.dumps({"stream": f"{symbol}@depth@100ms", "data": data}, separators=(",", ":")).encode()


def nested(levels: int) -> bytes:
    """Return a frame whose deepest value lies in so many brackets."""
    inside = levels - 2
    return b'{"stream":"a@trade","data":{"x":' + b"[" * inside + b"]" * inside + b"}}"


def test_trades_give_their_names_once() -> None:
    frames = [trade("a", 1), trade("b", 1), trade("a", 2)]
    assert inspect_all(SPOT, frames) == Glance({"a@aggTrade", "b@aggTrade"})


def test_diffs_give_their_ids_in_order_by_the_rule_of_the_market() -> None:
    name = "a@depth@100ms"
    frames = [trade("b", 1), diff("a", 1, 2, 0), diff("a", 3, 4, 2)]
    chained = [(name, DepthIds(1, 2, 0)), (name, DepthIds(3, 4, 2))]
    assert inspect_all(USDM, frames) == Glance({name, "b@aggTrade"}, chained)
    assert inspect_all(SPOT, frames) == Glance({name, "b@aggTrade"}, [(name, DepthIds(1, 2)), (name, DepthIds(3, 4))])


def test_what_is_no_market_data_is_told_with_its_place() -> None:
    frames = [trade("a", 1), b'{"result":null,"id":1}', b"nonsense", diff("a", 5, 4, 3)]
    seen = inspect_all(USDM, frames)
    assert seen.wires == {"a@aggTrade"}
    assert seen.others == [(place, inspect(USDM, frames[place])) for place in (1, 2, 3)]


def test_names_without_end_are_told_apart_and_not_kept() -> None:
    for number in range(3):
        names = [f"{number}-{place}" for place in range(8_000)]
        frames = [frame for name in names for frame in (trade(name, 1), diff(name, 1, 2, 0))]
        assert len(inspect_all(USDM, frames).diffs) == 8_000
    assert len(glance._is_diff.__self__) <= 10_000  # type: ignore[attr-defined]  # noqa: SLF001  # no other way to see it


def test_plain_market_data_is_decoded_only_once() -> None:
    for frames in ([trade("a", 1)] * 3, [diff("a", 1, 2, 0, levels=200), trade("b", 1)], [nested(MAX_NESTING)]):
        assert glance._glance(USDM, frames) is not None  # noqa: SLF001  # no other way to see it; speed is its purpose
    assert glance._glance(USDM, [nested(MAX_NESTING + 3)]) is None  # noqa: SLF001  # as above


IDS: st.SearchStrategy[object] = st.integers(-1, 3) | st.sampled_from(
    [None, 2**63 - 1, 2**63, 1.5, 1.0, "1", True, [], {}]
)
SYMBOLS = st.sampled_from(["a", "b", "币"])
PLAIN = st.builds(trade, SYMBOLS, st.integers(0, 9)) | st.builds(diff, SYMBOLS, IDS, IDS, IDS)
ODD = st.sampled_from(
    [
        b"",
        b" ",
        b"{}",
        b'{"stream":"a@trade","data":{}}\n',
        b'{"stream":"a@trade",\r"data":{}}',
        b' {"stream":"a@trade","data":{}} ',
        b'{"stream":"a@trade","data":{}}{"stream":"a@trade","data":{}}',
        b'{"stream":"a@trade","data":{}',
        b'},{"stream":"a@trade","data":{}}',
        b'{"stream":"a@trade","data":{"x":"\xff"}}',
        b'{"stream":"\xff","data":{}}',
        b'{"stream":"a@trade","data":{"x":"\\ud800"}}',
        b'{"stream":"a@trade","data":[]}',
        b'{"stream":"a@depth","data":[]}',
        b'{"stream":"a@trade","data":1}',
        b'{"stream":"a@trade"}',
        b'{"stream":null,"data":{}}',
        b'{"data":{}}',
        b'{"stream":"a@trade","stream":"b@depth","data":{"U":1,"u":2,"pu":0}}',
        b'{"stream":"a@depth","data":[],"data":{"U":1,"u":2,"u":3,"pu":0}}',
        b'{"stream":"a@depth","data":{"U":1,"u":2,"pu":0},"data":[]}',
        b'{"stream":"a@trade","data":{},"id":1.5}',
        b'{"stream":"a@trade","data":{},"id":1,"other":[]}',
        b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}',
        b'{"e":"serverShutdown","E":1}',
        b'{"result":null,"id":1}',
        b'{"error":{"code":3,"msg":"x"},"id":4}',
        nested(MAX_NESTING),
        nested(MAX_NESTING + 1),
        nested(MAX_NESTING + 3),
        nested(100_000),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(Market), st.lists(PLAIN | ODD, min_size=1, max_size=6))
def test_frames_of_all_kinds_are_what_each_is_by_itself(market: Market, frames: list[bytes]) -> None:
    assert inspect_all(market, frames) == Glance.over(inspect(market, frame) for frame in frames)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(Market), st.lists(PLAIN, min_size=1, max_size=4), st.integers(0), st.integers(0), st.binary())
def test_a_frame_with_bytes_gone_wrong_is_what_it_is_by_itself(
    market: Market, frames: list[bytes], which: int, at: int, junk: bytes
) -> None:
    which %= len(frames)
    at %= len(frames[which]) + 1
    frames[which] = frames[which][:at] + junk + frames[which][at + len(junk) // 2 :]
    assert inspect_all(market, frames) == Glance.over(inspect(market, frame) for frame in frames)
