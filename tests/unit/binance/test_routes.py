"""Routes and URLs."""

from urllib.parse import unquote

import pytest

from orderflow_recorder.binance.routes import MAX_URL_CHARACTERS, route_of, stream_url
from orderflow_recorder.domain.errors import UnknownStreamError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream


@pytest.mark.parametrize("name", ["trade", "aggTrade", "depth@100ms", "depth5", "bookTicker"])
def test_spot_has_one_route(name: str) -> None:
    assert route_of(Stream(Market.SPOT, "BTCUSDT", name)) == ""


@pytest.mark.parametrize(
    ("name", "route"),
    [
        ("trade", "/public"),
        ("depth", "/public"),
        ("depth@100ms", "/public"),
        ("depth@0ms", "/public"),
        ("depth20@500ms", "/public"),
        ("bookTicker", "/public"),
        ("aggTrade", "/market"),
        ("markPrice", "/market"),
        ("markPrice@1s", "/market"),
        ("forceOrder", "/market"),
    ],
)
def test_usdm_has_a_route_per_kind(name: str, route: str) -> None:
    assert route_of(Stream(Market.USDM, "BTCUSDT", name)) == route


def test_an_unknown_stream_has_no_route() -> None:
    with pytest.raises(UnknownStreamError, match="kline_1m"):
        route_of(Stream(Market.SPOT, "BTCUSDT", "kline_1m"))


def test_spot_urls_ask_for_microseconds_and_forgive_a_trailing_slash() -> None:
    names = ["btcusdt@trade", "btcusdt@depth@100ms"]
    url, rest = stream_url(Market.SPOT, "wss://stream.binance.com:9443/ ", "", names)
    expected = "wss://stream.binance.com:9443/stream?streams=btcusdt@trade/btcusdt@depth@100ms&timeUnit=MICROSECOND"
    assert (url, rest) == (expected, [])


def test_usdm_urls_have_the_route_and_no_time_unit() -> None:
    url, rest = stream_url(Market.USDM, "wss://fstream.binance.com", "/market", ["btcusdt@aggTrade"])
    assert (url, rest) == ("wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade", [])


def test_symbols_beyond_ascii_are_percent_encoded_and_the_rest_stays_literal() -> None:
    url, _ = stream_url(Market.USDM, "wss://host", "/public", ["币安usdt@trade", "btcusdt_210625@trade"])
    assert url == "wss://host/public/stream?streams=%E5%B8%81%E5%AE%89usdt@trade/btcusdt_210625@trade"


def test_a_url_without_streams_has_no_empty_parameter() -> None:
    assert stream_url(Market.USDM, "wss://host", "/public", [])[0] == "wss://host/public/stream"
    assert stream_url(Market.SPOT, "wss://host", "", [])[0] == "wss://host/stream?timeUnit=MICROSECOND"


@pytest.mark.parametrize("market", list(Market))
@pytest.mark.parametrize("symbol", ["x{}usdt", "牛来{}usdt"])
def test_what_does_not_fit_into_the_url_is_left_over_in_order(market: Market, symbol: str) -> None:
    names = [symbol.format(number) + "@depth@100ms" for number in range(1_000)]
    url, rest = stream_url(market, "wss://host", "", names)
    asked = unquote(url.partition("streams=")[2].partition("&")[0]).split("/")
    assert len(url) <= MAX_URL_CHARACTERS
    assert len(url) > MAX_URL_CHARACTERS - 100
    assert asked + rest == names
