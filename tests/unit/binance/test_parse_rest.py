"""REST bodies to records."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.binance.parse_rest import (
    newest_agg_trade_id,
    newest_trade_id,
    parse_instruments,
    parse_rest,
    server_time,
    snapshot_id,
)
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import AggTrade, BookSnapshot, Instrument, SpentTradeId, Trade

SPOT, USDM = Market.SPOT, Market.USDM
RECEIVED = 1_790_000_000_123_456_789
MS, US = 1_790_000_000_000, 1_790_000_000_000_001

ROW: dict[str, Any] = {
    "id": 28457,
    "price": "4.00000100",
    "qty": "12.00000000",
    "quoteQty": "48.000012",
    "time": US,
    "isBuyerMaker": True,
    "isBestMatch": True,
}
AGG_ROW: dict[str, Any] = {"a": 26129, "p": "0.01633102", "q": "4.7", "f": 27781, "l": 27782, "T": MS, "m": True}
SYMBOL: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "pricePrecision": 2,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "minQty": "1", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "stepSize": "5"},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
    ],
}


def body(value: object) -> bytes:
    return json.dumps(value).encode()


def test_a_spot_snapshot() -> None:
    document = body({"lastUpdateId": 7, "bids": [["2", "1"]], "asks": [["3", "4"], ["5", "6"]]})
    expected = BookSnapshot(SPOT, "BTCUSDT", 7, "rest", RECEIVED, ["2"], ["1"], ["3", "5"], ["4", "6"])
    assert list(parse_rest(SPOT, "/api/v3/depth", "btcusdt", document, RECEIVED)) == [expected]
    assert snapshot_id(document) == 7


def test_a_usdm_snapshot_has_times_that_are_not_needed() -> None:
    document = body({"lastUpdateId": 7, "E": MS, "T": MS, "bids": [], "asks": []})
    expected = BookSnapshot(USDM, "BTCUSDT", 7, "rest", RECEIVED, [], [], [], [])
    assert list(parse_rest(USDM, "/fapi/v1/depth", "BTCUSDT", document, RECEIVED)) == [expected]


@pytest.mark.parametrize("path", ["/api/v3/trades", "/api/v3/historicalTrades"])
def test_trades_have_no_event_time(path: str) -> None:
    expected = Trade(SPOT, "BTCUSDT", 28457, "4.00000100", "12.00000000", True, US * 1_000, None, RECEIVED)  # noqa: FBT003  # a wire value
    assert list(parse_rest(SPOT, path, "BTCUSDT", body([ROW]), RECEIVED)) == [expected]


def test_a_usdm_row_without_a_price_spends_its_id() -> None:
    document = body([{**ROW, "price": "0", "time": MS, "isRPITrade": False}])
    expected = SpentTradeId(USDM, "BTCUSDT", 28457, MS * 1_000_000, None, RECEIVED)
    assert list(parse_rest(USDM, "/fapi/v1/trades", "BTCUSDT", document, RECEIVED)) == [expected]


def test_agg_trades_of_both_dialects() -> None:
    document = body([AGG_ROW, {**AGG_ROW, "a": 26130, "nq": "1.0", "m": False}])
    records = parse_rest(USDM, "/fapi/v1/aggTrades", "BTCUSDT", document, RECEIVED)
    time = MS * 1_000_000
    assert list(records) == [
        AggTrade(USDM, "BTCUSDT", 26129, 27781, 27782, "0.01633102", "4.7", True, time, None, RECEIVED),  # noqa: FBT003  # a wire value
        AggTrade(USDM, "BTCUSDT", 26130, 27781, 27782, "0.01633102", "4.7", False, time, None, RECEIVED),  # noqa: FBT003  # a wire value
    ]


def test_instruments_have_tick_and_step_from_their_filters() -> None:
    document = body({"timezone": "UTC", "rateLimits": [], "symbols": [SYMBOL]})
    expected = Instrument(SPOT, "BTCUSDT", "TRADING", "BTC", "USDT", None, "0.10", "0.001", RECEIVED)
    assert list(parse_rest(SPOT, "/api/v3/exchangeInfo", None, document, RECEIVED)) == [expected]


def test_futures_instruments_have_a_contract_type_and_coin_margined_ones_are_left_out() -> None:
    rows = [
        {**SYMBOL, "contractType": "PERPETUAL", "filters": []},
        {**SYMBOL, "symbol": "BTCUSD_PERP", "st": 2},
        {**SYMBOL, "symbol": "币安人生USDT", "contractType": "", "status": "PENDING_TRADING"},
    ]
    records = parse_instruments(USDM, body({"symbols": rows}), RECEIVED)
    assert [(record.symbol, record.contract_type, record.tick_size) for record in records] == [
        ("BTCUSDT", "PERPETUAL", None),
        ("币安人生USDT", None, "0.10"),
    ]


@pytest.mark.parametrize("path", ["/api/v3/time", "/api/v3/klines", "/fapi/v1/openInterest", ""])
def test_other_paths_say_nothing(path: str) -> None:
    assert list(parse_rest(SPOT, path, None, b"not even JSON", RECEIVED)) == []


@pytest.mark.parametrize(
    ("path", "symbol", "document", "told"),
    [
        ("/api/v3/depth", None, b"{}", "symbol"),
        ("/api/v3/depth", "BTCUSDT", b"{}", "lastUpdateId"),
        ("/api/v3/depth", "BTCUSDT", b'{"lastUpdateId":1,"bids":[["1","x"]],"asks":[]}', "decimal text"),
        ("/api/v3/trades", "BTCUSDT", b'{"code":-1121,"msg":"Invalid symbol."}', "array"),
        ("/api/v3/aggTrades", "BTCUSDT", body([{**AGG_ROW, "T": 5 * 10**13}]), "between 1970 and 2200"),
        ("/api/v3/exchangeInfo", None, b"[]", "object"),
        ("/api/v3/exchangeInfo", None, body({"symbols": [{**SYMBOL, "status": "A\x00"}]}), "printable"),
    ],
)
def test_other_bodies_are_refused_with_path_and_reason(
    path: str, symbol: str | None, document: bytes, told: str
) -> None:
    with pytest.raises(FrameError, match=told) as caught:
        parse_rest(SPOT, path, symbol, document, RECEIVED)
    assert caught.value.reason.startswith(path)


def test_newest_ids_and_server_time() -> None:
    assert newest_trade_id(body([ROW, {**ROW, "id": 3}])) == 28457
    assert newest_agg_trade_id(body([AGG_ROW])) == 26129
    assert newest_trade_id(b"[]") is None
    assert newest_agg_trade_id(b"[]") is None
    assert server_time(body({"serverTime": US})) == US * 1_000


@pytest.mark.parametrize("read", [snapshot_id, newest_trade_id, newest_agg_trade_id, server_time])
@pytest.mark.parametrize("document", [b"", b"null", b"<html>", b'{"a":1}', b"[1]", b"\xff"])
def test_answers_that_are_something_else_are_refused(read: Any, document: bytes) -> None:  # noqa: ANN401  # any of them
    with pytest.raises(FrameError, match="expected"):
        read(document)


PATHS = st.sampled_from(["depth", "trades", "historicalTrades", "aggTrades", "exchangeInfo", "time"])


@given(st.sampled_from(Market), PATHS, st.none() | st.text(max_size=5), st.binary(max_size=100))
def test_no_bytes_raise_anything_but_frame_error(
    market: Market, path: str, symbol: str | None, document: bytes
) -> None:
    try:
        parse_rest(market, path, symbol, document, RECEIVED)
    except FrameError as error:
        assert error.reason.isprintable()  # noqa: PT017  # either outcome is right; the text must be storable
