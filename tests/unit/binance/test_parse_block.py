"""Blocks against the same lines one by one: the same records, or none at all where one line is odd."""

import json
import random
from collections.abc import Sequence
from contextlib import closing
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.binance.parse import BinanceParser
from orderflow_recorder.binance.parse_block import BlockParser
from orderflow_recorder.binance.parse_frame import parse_frame
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthDiff, MarketRecord
from orderflow_recorder.journal.captures import open_capture
from orderflow_recorder.loader.blocks import parse_block
from orderflow_recorder.loader.parsing import TolerantParser
from tests.support.captures import NAMES, capture
from tests.unit.binance.payloads import (
    AGG_TRADE,
    FORCE,
    MARK,
    RECEIVED,
    SPOT,
    SPOT_DIFF,
    SPOT_TICKER,
    TRADE,
    USDM,
    USDM_DIFF,
    USDM_TICKER,
    USDM_TRADE,
    Json,
)

LEVELS = [["1.50", "2.000"], ["1.49", "0.000"]]
FRAMES: Sequence[tuple[Market, str, Json]] = (
    (SPOT, "btcusdt@trade", TRADE),
    (USDM, "btcusdt@trade", USDM_TRADE),
    (USDM, "btcusdt@trade", {**USDM_TRADE, "p": "0", "q": "0", "X": "NA"}),
    (USDM, "btcusdt@aggTrade", AGG_TRADE),
    (USDM, "btcusdt@aggTrade", {**AGG_TRADE, "st": 2}),
    (USDM, "btcusdt@aggTrade", {**AGG_TRADE, "q": "15", "T": 1_790_000_000_000_001}),
    (SPOT, "btcusdt@depth@100ms", {**SPOT_DIFF, "b": LEVELS, "a": LEVELS[:1]}),
    (SPOT, "btcusdt@depth@100ms", {**SPOT_DIFF, "b": [["1", "2"], ["1.5", "0"]], "a": []}),
    (USDM, "btcusdt@depth@100ms", {**USDM_DIFF, "b": [], "a": LEVELS}),
    (USDM, "btcusdt@depth5@100ms", {**USDM_DIFF, "b": LEVELS, "a": LEVELS}),
    (USDM, "btcusdt@bookTicker", {"e": "bookTicker", **USDM_TICKER}),
    (USDM, "btcusdt@markPrice@1s", MARK),
    (USDM, "btcusdt@forceOrder", FORCE),
    (SPOT, "btcusdt@bookTicker", SPOT_TICKER),
    (SPOT, "btcusdt@depth5@100ms", {"lastUpdateId": 7, "bids": LEVELS, "asks": []}),
)


def frame(stream: str, data: object) -> bytes:
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":")).encode()


def line(market: Market, text: bytes, receive_time: int = RECEIVED) -> bytes:
    return b'{"t":%d,"k":"ws","market":"%b","c":1,"d":%b}\n' % (receive_time, market.encode(), text)


def alone(market: Market, text: bytes, receive_time: int = RECEIVED) -> Sequence[MarketRecord] | None:
    """Return what a frame by itself says; none where it is refused."""
    try:
        return parse_frame(market, text, receive_time)
    except FrameError:
        return None


def test_a_block_of_everything_says_what_its_lines_say() -> None:
    frames = [(market, frame(stream, data)) for market, stream, data in FRAMES]
    parsed = BlockParser().parse(b"".join(line(*one, RECEIVED + place) for place, one in enumerate(frames)))
    assert parsed is not None
    expected = [record for place, one in enumerate(frames) for record in alone(*one, RECEIVED + place) or ()]
    assert parsed.records == expected
    assert parsed.receive_time == RECEIVED + len(frames) - 1
    assert len(expected) == len(frames) - 1, "the COIN-M row is none"


@pytest.mark.parametrize("name", NAMES)
def test_captures_say_the_same_in_blocks_and_entry_by_entry(name: str) -> None:
    parser = TolerantParser(BinanceParser(), instance="main", now_ns=lambda: 0)
    whole = 0
    with closing(open_capture(capture(name))) as reader, closing(open_capture(capture(name))) as other:
        for block in islice(iter(lambda: reader.read_block(1 << 18), None), 12):
            parts = list(parse_block(block, parser, reader))
            singly = [record for entry in other.entries(block) for record in parser.parse(entry)[0]]
            assert [record for part in parts for record in part.records] == singly
            whole += parts[0].origin == block
    assert whole or name == "spot_two_symbols_2021-04-04", "where klines nobody asked for are in every block"


@pytest.mark.parametrize("place", range(len(FRAMES)))
def test_no_damage_makes_a_block_say_what_its_lines_do_not(place: int) -> None:
    market, stream, data = FRAMES[place]
    whole = frame(stream, data)
    dice = random.Random(place)  # noqa: S311  # damage, the same each time
    neighbour = frame("ethusdt@trade", {**TRADE, "s": "ETHUSDT"})
    (other,) = parse_frame(SPOT, neighbour, RECEIVED)
    for _ in range(400):
        damaged = damage(whole, dice)
        parsed = BlockParser().parse(line(SPOT, neighbour) + line(market, damaged) + line(SPOT, neighbour))
        if parsed is not None:
            expected = alone(market, damaged)
            assert expected is not None
            assert parsed.records == [other, *expected, other]


PIECES = (b"", b'"', b",", b"]", b"}", b"{", b"0", b".", b"-", b"e5", b" ", b"null", b"\\n", b"\xff", b'"x":1,')


def damage(text: bytes, dice: random.Random) -> bytes:
    """Return ``text`` with one place of it changed, as a broken line or a changed venue might."""
    place, length = dice.randrange(len(text)), dice.randrange(1, 5)
    piece = dice.choice(
        [b"", b'"', b",", b"]", b"}", b"{", b"0", b".", b"-", b"e5", b" ", b"null", b"\\n", b"\xff", b'"x":1,']
    )
    return text[:place] + piece + text[place + dice.choice([0, length]) :]


Number = st.text("0123456789.", max_size=8) | st.sampled_from(
    ["1.50", "0.000", "5", ".5", "5.", ".", "1.2.3", "-1", "1e5", "\u0661"]
)


@given(bids=st.lists(st.tuples(Number, Number), max_size=3), asks=st.lists(st.tuples(Number, Number), max_size=3))
def test_levels_are_numbers_or_the_block_is_unfit(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> None:
    text = frame("btcusdt@depth@100ms", {**SPOT_DIFF, "b": bids, "a": asks})
    parsed = BlockParser().parse(line(SPOT, text))
    expected = alone(SPOT, text)
    assert (None if parsed is None else parsed.records) == (None if expected is None else list(expected))


@pytest.mark.parametrize(
    "odd",
    [
        b'{"t":5,"k":"event","event":"connected","market":"spot","symbol":null,"c":3,"epoch":null,"d":{}}\n',
        b'{"t":5,"k":"bad","market":"spot","c":3,"reason":"x","text":"y"}\n',
        line(SPOT, b'{"result":null,"id":1}'),
        line(SPOT, frame("btcusdt@kline_1m", {"e": "kline", "E": 1})),
        line(SPOT, frame("btcusdt@depth@9ms", SPOT_DIFF)),
        line(SPOT, frame("btcusdt@aggTrade", TRADE)),
        line(SPOT, frame("ethusdt@trade", TRADE)),
        line(USDM, frame("btcusdt@depth@100ms", SPOT_DIFF)),
        line(SPOT, frame("btcusdt@trade", {**TRADE, "T": -1})),
        line(SPOT, b'{"stream":"btcusdt@trade","data":%b,"code":1}' % json.dumps(TRADE).encode()),
        b"\n",
        b"nonsense\n",
    ],
)
def test_a_line_that_is_no_frame_as_documented_makes_the_block_unfit(odd: bytes) -> None:
    good = line(SPOT, frame("btcusdt@trade", TRADE))
    assert BlockParser().parse(good) is not None
    assert BlockParser().parse(good + odd + good) is None
    assert BlockParser().parse(odd) is None


def test_two_documents_on_a_line_and_one_on_two_are_unfit() -> None:
    good = line(SPOT, frame("btcusdt@trade", TRADE))
    one_on_two_lines = good.replace(b',"data"', b',\n"data"')
    assert BlockParser().parse(good.strip() + b" " + good + one_on_two_lines) is None


def test_a_long_number_is_left_to_the_closer_look() -> None:
    long = frame("btcusdt@depth@100ms", {**SPOT_DIFF, "b": [["1" * 40_000, "1.0"]], "a": []})
    assert BlockParser().parse(line(SPOT, long)) is None
    assert BlockParser().parse(line(SPOT, frame("btcusdt@trade", {**TRADE, "p": "1" * 20_000}))) is None


def test_levels_keep_the_venues_own_digits() -> None:
    text = frame("btcusdt@depth@100ms", {**SPOT_DIFF, "b": [["0.10", "92233720368.54775807"], ["0.09", "0"]], "a": []})
    parsed = BlockParser().parse(line(SPOT, text))
    assert parsed is not None
    (diff,) = parsed.records
    assert isinstance(diff, DepthDiff)
    assert (diff.bid_prices, diff.bid_quantities) == (["0.10", "0.09"], ["92233720368.54775807", "0"])
    assert (diff.ask_prices, diff.ask_quantities) == ([], [])
