"""REST answers as functions of the truth."""

import json
from typing import Any

import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim import rest
from orderflow_recorder.sim.frames import PlayedFrame
from orderflow_recorder.sim.instruments import SimInstrument
from orderflow_recorder.sim.truth import Truth
from tests.unit.sim.tools import SPOT, USDM, depth, played, snapshot, trade

PATHS = {SPOT: "/api/v3/", USDM: "/fapi/v1/"}
HOUR_MS = 3_600_000


def asked(truth: Truth, path: str, headers: dict[str, str] | None = None, **params: object) -> tuple[int, Any]:
    query = rest.parse_query(path, {name: str(value) for name, value in params.items()}, headers or {})
    assert query is not None
    instruments = [SimInstrument(query.market, "BTCUSDT", "0.01", "0.001")]
    view = rest.RestView(truth=truth, instruments=instruments, now=truth.time(query.market) or 5_000_000)
    reply = rest.answer(query, view)
    return reply.status, json.loads(reply.body)


def agg(market: Market, number: int, time: int) -> PlayedFrame:
    payload = {"e": "aggTrade", "E": time, "s": "BTCUSDT", "a": number, "p": "10.0", "q": "2", "f": number * 2}
    return played(market, "btcusdt@aggTrade", payload | {"l": number * 2 + 1, "T": time, "m": False})


@pytest.fixture
def truth() -> Truth:
    made = Truth(
        [snapshot(market, 5, bids=[["10.50", "1.0"], ["10.40", "2"]], asks=[["11", "3"]]) for market in (SPOT, USDM)]
    )
    for market in (SPOT, USDM):
        for number in range(100, 120):
            made.apply(trade(market, number, price="0" if number == 105 else "10.00"))
        for number in range(10):
            made.apply(agg(market, number + 50, 1_700_000_000_000 + number * 1000))
    return made


def test_spot_depth(truth: Truth) -> None:
    status, body = asked(truth, "/api/v3/depth", symbol="BTCUSDT", limit=1)
    assert (status, body) == (200, {"lastUpdateId": 5, "bids": [["10.50", "1.0"]], "asks": [["11", "3"]]})


def test_futures_depth_has_times_and_takes_only_some_limits(truth: Truth) -> None:
    truth.apply(depth(USDM, 4, 9, 3, asks=[["11", "0.000"], ["12.5", "1"]]))
    status, body = asked(truth, "/fapi/v1/depth", symbol="BTCUSDT", limit=5)
    assert (status, body["lastUpdateId"], body["asks"]) == (200, 9, [["12.5", "1"]])
    assert body["E"] == 1_700_000_000_009
    assert asked(truth, "/fapi/v1/depth", symbol="BTCUSDT", limit=7) == (
        400,
        {"code": -4021, "msg": "7 is not valid depth limit."},
    )


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("/api/v3/depth", {}, 400, -1102),
        ("/api/v3/depth", {"symbol": "NOSUCH"}, 400, -1121),
        ("/fapi/v1/aggTrades", {"symbol": "btcusdt"}, 400, -1121),
        ("/api/v3/depth", {"symbol": "BTCUSDT", "limit": "many"}, 400, -1130),
        ("/api/v3/trades", {"symbol": "BTCUSDT", "limit": 1001}, 400, -1130),
        ("/fapi/v1/trades", {"symbol": "BTCUSDT", "limit": 0}, 400, -1130),
        ("/api/v3/aggTrades", {"symbol": "BTCUSDT", "startTime": 9, "endTime": 8}, 400, -1130),
        ("/fapi/v1/aggTrades", {"symbol": "BTCUSDT", "fromId": 9, "endTime": 8}, 408, -1007),
        ("/fapi/v1/aggTrades", {"symbol": "BTCUSDT", "startTime": 0, "endTime": HOUR_MS}, 400, -1127),
        ("/fapi/v1/historicalTrades", {"symbol": "BTCUSDT"}, 401, -2014),
        ("/api/v3/exchangeInfo", {"symbol": "NOSUCH"}, 400, -1121),
    ],
)
def test_errors_are_the_venues(truth: Truth, path: str, params: dict[str, object], status: int, code: int) -> None:
    answered, body = asked(truth, path, None, **params)
    assert (answered, body["code"]) == (status, code)


def test_recent_trades(truth: Truth) -> None:
    _, spot = asked(truth, "/api/v3/trades", symbol="BTCUSDT", limit=2)
    assert spot[-1] == {
        "id": 119,
        "price": "10.00",
        "qty": "0.500",
        "quoteQty": "5.00000000",
        "time": 1_700_000_000_119,
        "isBuyerMaker": True,
        "isBestMatch": True,
    }
    _, futures = asked(truth, "/fapi/v1/trades", symbol="BTCUSDT")
    assert [each["id"] for each in futures] == [*range(100, 105), *range(106, 120)], "the spent id is left out"
    assert futures[0]["isRPITrade"] is False
    assert "isBestMatch" not in futures[0]


def test_historical_trades_go_by_id(truth: Truth) -> None:
    _, page = asked(truth, "/api/v3/historicalTrades", symbol="BTCUSDT", fromId=110, limit=3)
    assert [each["id"] for each in page] == [110, 111, 112]
    assert asked(truth, "/api/v3/historicalTrades", symbol="BTCUSDT", fromId=5) == (200, [])
    _, keyed = asked(truth, "/fapi/v1/historicalTrades", {"X-MBX-APIKEY": "any"}, symbol="BTCUSDT", fromId=118)
    assert [each["id"] for each in keyed] == [118, 119]


def test_agg_trades_by_id_and_by_time(truth: Truth) -> None:
    _, by_id = asked(truth, "/fapi/v1/aggTrades", symbol="BTCUSDT", fromId=57, limit=2)
    assert by_id[0] == {
        "a": 57,
        "p": "10.0",
        "q": "2",
        "nq": "2",
        "f": 114,
        "l": 115,
        "T": 1_700_000_007_000,
        "m": False,
    }
    _, timed = asked(
        truth, "/api/v3/aggTrades", symbol="BTCUSDT", startTime=1_700_000_003_000, endTime=1_700_000_005_000
    )
    assert [each["a"] for each in timed] == [53, 54, 55]
    assert timed[0]["M"] is True
    _, newest = asked(truth, "/api/v3/aggTrades", symbol="BTCUSDT", limit=2)
    assert [each["a"] for each in newest] == [58, 59]
    assert asked(truth, "/api/v3/aggTrades", symbol="BTCUSDT", fromId=3) == (200, [])


def test_futures_agg_trades_are_gone_after_48_hours(truth: Truth) -> None:
    truth.apply(agg(USDM, 60, 1_700_000_005_000 + 48 * HOUR_MS))
    _, page = asked(truth, "/fapi/v1/aggTrades", symbol="BTCUSDT", fromId=50)
    assert [each["a"] for each in page] == [55, 56, 57, 58, 59, 60]


def test_age_counts_from_the_symbols_own_newest_trade(truth: Truth) -> None:
    later = 1_700_000_000_000 + 365 * 24 * HOUR_MS
    depth_of_another = {
        "e": "depthUpdate",
        "E": later,
        "T": later,
        "s": "ETHUSDT",
        "U": 1,
        "u": 2,
        "pu": 0,
        "b": [],
        "a": [],
    }
    truth.apply(played(USDM, "ethusdt@depth@100ms", depth_of_another))
    assert truth.time(USDM) == later * 1000
    _, page = asked(truth, "/fapi/v1/aggTrades", symbol="BTCUSDT", fromId=50)
    assert [each["a"] for each in page] == list(range(50, 60)), "recordings of two years, played side by side"


def test_spot_times_come_in_microseconds_on_request(truth: Truth) -> None:
    unit = {"X-MBX-TIME-UNIT": "MICROSECOND"}
    assert asked(truth, "/api/v3/trades", unit, symbol="BTCUSDT", limit=1)[1][0]["time"] == 1_700_000_000_119_000
    assert asked(truth, "/fapi/v1/trades", unit, symbol="BTCUSDT", limit=1)[1][0]["time"] == 1_700_000_000_119
    assert asked(truth, "/api/v3/time", unit)[1] == {"serverTime": 1_700_000_009_000_000}


def test_ping_time_and_exchange_info(truth: Truth) -> None:
    assert asked(truth, "/fapi/v1/ping") == (200, {})
    assert asked(truth, "/fapi/v1/time")[1] == {"serverTime": 1_700_000_009_000}
    assert [each["symbol"] for each in asked(truth, "/api/v3/exchangeInfo")[1]["symbols"]] == ["BTCUSDT"]
    assert len(asked(truth, "/api/v3/exchangeInfo", symbol="BTCUSDT")[1]["symbols"]) == 1


def test_other_paths_are_no_rest() -> None:
    assert rest.parse_query("/api/v1/depth", {}, {}) is None
    assert rest.parse_query("/api/v3/klines", {}, {}) is None
    assert rest.parse_query("/ws/depth", {}, {}) is None


@pytest.mark.parametrize(
    ("path", "limit", "weight"),
    [
        ("/api/v3/depth", None, 5),
        ("/api/v3/depth", 500, 25),
        ("/api/v3/depth", 1000, 50),
        ("/api/v3/depth", 5000, 250),
        ("/api/v3/depth", 9000, 250),
        ("/fapi/v1/depth", 50, 2),
        ("/fapi/v1/depth", 100, 5),
        ("/fapi/v1/depth", None, 10),
        ("/fapi/v1/depth", 1000, 20),
        ("/api/v3/aggTrades", None, 4),
        ("/fapi/v1/aggTrades", None, 20),
        ("/api/v3/exchangeInfo", None, 20),
        ("/fapi/v1/exchangeInfo", None, 1),
    ],
)
def test_weights(path: str, limit: int | None, weight: int) -> None:
    query = rest.parse_query(path, {} if limit is None else {"limit": str(limit)}, {})
    assert query is not None
    assert rest.weight_of(query) == weight
