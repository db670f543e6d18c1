"""Frames to records, both dialects."""

import json

import pytest

from orderflow_recorder.binance.parse_frame import parse_frame
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import (
    AggTrade,
    BookTicker,
    BookTop,
    DepthDiff,
    Liquidation,
    MarketRecord,
    MarkPrice,
    SpentTradeId,
    Trade,
)
from tests.unit.binance.payloads import (
    AGG_TRADE,
    FORCE,
    MARK,
    MS_NS,
    ORDER,
    RECEIVED,
    SPOT,
    SPOT_DIFF,
    SPOT_TICKER,
    TRADE,
    US_NS,
    USDM,
    USDM_DIFF,
    USDM_TICKER,
    USDM_TRADE,
    Json,
)


def one(market: Market, stream: str, data: Json) -> MarketRecord:
    records = parse_frame(market, json.dumps({"stream": stream, "data": data}).encode(), RECEIVED)
    assert len(records) == 1
    return records[0]


def nothing(market: Market, frame: object) -> bool:
    return list(parse_frame(market, json.dumps(frame).encode(), RECEIVED)) == []


def test_spot_trade_in_microseconds() -> None:
    expected = Trade(SPOT, "BTCUSDT", 5, "1.50", "2", True, US_NS, US_NS, RECEIVED)  # noqa: FBT003  # a wire value
    assert one(SPOT, "btcusdt@trade", TRADE) == expected


def test_usdm_trade_keeps_every_execution_type_with_a_price() -> None:
    for execution in ["MARKET", "INSURANCE_FUND", "ADL", "NA", "SOMETHING_NEW"]:
        record = one(USDM, "btcusdt@trade", {**USDM_TRADE, "X": execution})
        assert isinstance(record, Trade)
        assert (record.price, record.trade_time) == ("1.50", MS_NS)


@pytest.mark.parametrize("zero", ["0", "0.00", "0.00000000"])
def test_usdm_trade_without_a_price_spends_its_id(zero: str) -> None:
    record = one(USDM, "btcusdt@trade", {**USDM_TRADE, "p": zero, "q": "0", "X": "NA"})
    assert record == SpentTradeId(USDM, "BTCUSDT", 5, MS_NS, MS_NS, RECEIVED)


def test_agg_trade_of_2026() -> None:
    expected = AggTrade(USDM, "BTCUSDT", 7, 3, 5, "1.50", "2", False, MS_NS, MS_NS, RECEIVED)  # noqa: FBT003  # a wire value
    assert one(USDM, "btcusdt@aggTrade", AGG_TRADE) == expected


def test_spot_diff_has_no_previous_id_and_no_transaction_time() -> None:
    record = one(SPOT, "btcusdt@depth@100ms", SPOT_DIFF)
    assert record == DepthDiff(
        SPOT, "BTCUSDT", 1, 4, None, US_NS, None, RECEIVED, ["1.0"], ["0.0"], [], [], "depth@100ms"
    )


def test_usdm_diff_has_both() -> None:
    record = one(USDM, "btcusdt@depth", USDM_DIFF)
    levels = (["1.0"], ["0"], ["2", "4"], ["3", "5"])
    assert record == DepthDiff(USDM, "BTCUSDT", 1, 4, 0, MS_NS, MS_NS - 1_000_000, RECEIVED, *levels, "depth")


def test_spot_partial_depth_takes_its_symbol_from_the_stream() -> None:
    record = one(SPOT, "btcusdt@depth5@100ms", {"lastUpdateId": 9, "bids": [["1", "2"]], "asks": [["3", "4"]]})
    assert record == BookTop(SPOT, "BTCUSDT", 9, "stream", None, RECEIVED, ["1"], ["2"], ["3"], ["4"], "depth5@100ms")


def test_usdm_partial_depth_is_told_from_a_diff_by_its_name() -> None:
    record = one(USDM, "btcusdt@depth20", USDM_DIFF)
    levels = (["1.0"], ["0"], ["2", "4"], ["3", "5"])
    assert record == BookTop(USDM, "BTCUSDT", 4, "stream", MS_NS, RECEIVED, *levels, "depth20")


def test_book_tickers_of_both_markets() -> None:
    prices = ("1.0", "2.0", "3.0", "4.0")
    expected = BookTicker(SPOT, "BTCUSDT", 9, *prices, None, None, RECEIVED)
    assert one(SPOT, "btcusdt@bookTicker", SPOT_TICKER) == expected
    expected = BookTicker(USDM, "BTCUSDT", 9, *prices, MS_NS, MS_NS - 1_000_000, RECEIVED)
    assert one(USDM, "btcusdt@bookTicker", USDM_TICKER) == expected


def test_a_one_sided_spot_book_has_zeros() -> None:
    record = one(SPOT, "chipusd1@bookTicker", {**SPOT_TICKER, "s": "CHIPUSD1", "a": "0.00000000", "A": "0.00000000"})
    assert isinstance(record, BookTicker)
    assert (record.ask_price, record.ask_quantity) == ("0.00000000", "0.00000000")


def test_mark_price_of_2026() -> None:
    record = one(USDM, "btcusdt@markPrice@1s", MARK)
    prices = ("1.1", "1.2", "1.3", "1.4", "-0.00010000")
    assert record == MarkPrice(USDM, "BTCUSDT", *prices, MS_NS, MS_NS, RECEIVED, "markPrice@1s")


def test_mark_price_without_funding_and_new_fields() -> None:
    old = {key: value for key, value in MARK.items() if key not in {"ap", "st", "P"}}
    record = one(USDM, "btcusdt@markPrice", {**old, "T": 0, "r": ""})
    expected = MarkPrice(USDM, "BTCUSDT", "1.1", None, "1.3", None, None, None, MS_NS, RECEIVED, "markPrice")
    assert record == expected


def test_force_order_is_read_in_full() -> None:
    record = one(USDM, "btcusdt@forceOrder", FORCE)
    words = ("SELL", "LIMIT", "IOC", "9910", "9911", "0.014", "0.013", "0.014", "FILLED")
    assert record == Liquidation(USDM, "BTCUSDT", *words, MS_NS, MS_NS, RECEIVED)


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        ("trade", USDM_TRADE),
        ("aggTrade", AGG_TRADE),
        ("depth", USDM_DIFF),
        ("depth5", USDM_DIFF),
        ("bookTicker", USDM_TICKER),
        ("markPrice", MARK),
        ("forceOrder", FORCE),
        ("forceOrder", {**FORCE, "o": {**ORDER, "st": 2}}),
    ],
)
def test_coin_margined_rows_are_left_out(stream: str, data: Json) -> None:
    row = data if "o" in data and "st" in data["o"] else {**data, "st": 2}
    assert nothing(USDM, {"stream": f"btcusdt@{stream}", "data": row})


@pytest.mark.parametrize(
    "frame",
    [
        {"result": None, "id": 1},
        {"result": [], "id": 1},
        {"code": 2, "msg": "x", "id": 1},
        {"error": {"code": 2, "msg": "x"}, "id": 1},
        {"e": "serverShutdown", "E": 1},
        {"stream": "!serverShutdown", "data": {"e": "serverShutdown", "E": 1}},
        {"stream": "ethusdt@kline_1m", "data": {"e": "kline"}},
        {"stream": "!markPrice@arr@1s", "data": [MARK]},
        {"stream": "ethusdt@blockTrade", "data": {}},
    ],
)
def test_control_frames_and_unasked_streams_say_nothing(frame: Json) -> None:
    assert nothing(SPOT, frame)


def test_symbols_beyond_ascii_pass() -> None:
    record = one(USDM, "币安人生usdt@trade", {**USDM_TRADE, "s": "币安人生USDT"})
    assert isinstance(record, Trade)
    assert record.symbol == "币安人生USDT"


@pytest.mark.parametrize(
    ("stream", "data", "told"),
    [
        ("trade", {**TRADE, "p": "-1"}, "decimal text"),
        ("trade", {**TRADE, "q": 2}, r"Expected `str`, got `int` - at `\$.q`"),
        ("trade", {**TRADE, "t": 2**63}, r"<= 9223372036854775807 - at `\$.t`"),
        ("trade", {**TRADE, "t": -1}, ">= 0"),
        ("trade", {**TRADE, "T": 0}, "between 1970 and 2200"),
        ("trade", {**TRADE, "m": 1}, "Expected `bool`, got `int`"),
        ("trade", {**TRADE, "s": "ETHUSDT"}, "expected symbol BTCUSDT, received 'ETHUSDT'"),
        ("trade", {**TRADE, "e": "aggTrade"}, "Invalid value 'aggTrade'"),
        ("trade", {}, "missing required field `e`"),
        ("trade", [TRADE], "Expected `object`, got `array`"),
        ("aggTrade", {**AGG_TRADE, "f": None}, "got `null`"),
        ("depth", {**SPOT_DIFF, "b": [["1"]]}, "length 2"),
        ("depth", {**SPOT_DIFF, "b": [["1", "2", "3"]]}, "length 2"),
        ("depth", {**SPOT_DIFF, "a": [["1", 2]]}, "got `int`"),
        ("depth", {**SPOT_DIFF, "a": [["1", ""]]}, "decimal text"),
        ("depth", {**SPOT_DIFF, "U": 5}, "U <= u"),
        ("depth5", SPOT_DIFF, "lastUpdateId"),
        ("bookTicker", {**SPOT_TICKER, "A": "1.2.3"}, "1.2.3"),
    ],
)
def test_what_is_not_documented_is_refused_with_stream_expectation_and_payload(
    stream: str, data: object, told: str
) -> None:
    frame = json.dumps({"stream": f"btcusdt@{stream}", "data": data}).encode()
    with pytest.raises(FrameError, match=told) as caught:
        parse_frame(SPOT, frame, RECEIVED)
    assert caught.value.stream == f"btcusdt@{stream}"
    assert caught.value.reason.startswith(f"btcusdt@{stream}: ")
    assert "; received " in caught.value.reason


@pytest.mark.parametrize(
    ("stream", "data", "told"),
    [
        ("depth", {key: value for key, value in USDM_DIFF.items() if key != "pu"}, "`pu`"),
        ("markPrice", {**MARK, "r": "1e5"}, "signed decimal"),
        ("forceOrder", {**FORCE, "o": {**ORDER, "X": "A\x00"}}, "printable"),
        ("forceOrder", {**FORCE, "o": {**ORDER, "S": "HOLD"}}, "HOLD"),
        ("forceOrder", {**FORCE, "o": {**ORDER, "s": "ETHUSDT"}}, "ETHUSDT"),
    ],
)
def test_futures_payloads_are_held_to_their_own_rules(stream: str, data: Json, told: str) -> None:
    with pytest.raises(FrameError, match=told):
        one(USDM, f"btcusdt@{stream}", data)


@pytest.mark.parametrize(
    "frame", [b"", b"null", b"{}", b"[1]", b'{"stream":"btcusdt@trade"}', b"\xff", b'{"e":"trade"}']
)
def test_bytes_that_are_no_frame_are_refused(frame: bytes) -> None:
    with pytest.raises(FrameError, match="expected"):
        parse_frame(SPOT, frame, RECEIVED)
