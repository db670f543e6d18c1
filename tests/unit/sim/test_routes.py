"""Paths and routes."""

import pytest

from orderflow_recorder.sim.routes import Endpoint, carries, parse_endpoint
from tests.unit.sim.tools import SPOT, USDM


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/ws", Endpoint(SPOT, "", combined=False, streams=())),
        (
            "/ws/btcusdt@trade/ethusdt@trade",
            Endpoint(SPOT, "", combined=False, streams=("btcusdt@trade", "ethusdt@trade")),
        ),
        ("/stream?streams=btcusdt@trade", Endpoint(SPOT, "", combined=True, streams=("btcusdt@trade",))),
        ("/stream?streams=a%40trade%2Fb%40depth", Endpoint(SPOT, "", combined=True, streams=("a@trade", "b@depth"))),
        ("/stream", Endpoint(SPOT, "", combined=True, streams=())),
        (
            "/ws/a@trade?timeUnit=microsecond",
            Endpoint(SPOT, "", combined=False, streams=("a@trade",), microseconds=True),
        ),
        ("/public/ws/a@depth", Endpoint(USDM, "/public", combined=False, streams=("a@depth",))),
        ("/market/stream?streams=a@aggTrade", Endpoint(USDM, "/market", combined=True, streams=("a@aggTrade",))),
        ("/market/stream?timeUnit=MICROSECOND", Endpoint(USDM, "/market", combined=True, streams=())),
        ("/private/ws", Endpoint(USDM, "/private", combined=False, streams=())),
        ("/ws/%E5%B8%81usdt@trade", Endpoint(SPOT, "", combined=False, streams=("币usdt@trade",))),
        ("/public", None),
        ("/wsx", None),
        ("/", None),
    ],
)
def test_paths_are_the_venues(target: str, expected: Endpoint | None) -> None:
    assert parse_endpoint(target) == expected


@pytest.mark.parametrize(
    ("stream", "route"),
    [
        ("btcusdt@trade", "/public"),
        ("btcusdt@depth@100ms", "/public"),
        ("btcusdt@depth", "/public"),
        ("btcusdt@depth20@500ms", "/public"),
        ("btcusdt@bookTicker", "/public"),
        ("!bookTicker", "/public"),
        ("btcusdt@aggTrade", "/market"),
        ("btcusdt@markPrice@1s", "/market"),
        ("!markPrice@arr@1s", "/market"),
        ("btcusdt@forceOrder", "/market"),
        ("btcusdt@kline_1m", "/market"),
    ],
)
def test_a_futures_stream_is_on_one_route_only(stream: str, route: str) -> None:
    assert [each for each in ("/public", "/market", "/private", "") if carries(USDM, each, stream)] == [route]
    assert carries(SPOT, "", stream)
