"""REST against a real HTTP server on this machine."""

import json
import socket
from collections.abc import AsyncIterator

import msgspec
import pytest

from orderflow_recorder.binance.endpoints import ENDPOINTS
from orderflow_recorder.binance.rest import BinanceVenue, default_budget
from orderflow_recorder.core.budget import RequestBudget
from orderflow_recorder.core.shards import MOST_SHARDS
from orderflow_recorder.domain.errors import FrameError, RateLimitedError, VenueRefusedError, VenueUnreachableError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.venue import RestAnswer, Venue
from tests.unit.binance.support import HttpResponder, JumpingClock, plain_server

BOOK = b'{"lastUpdateId":7,"bids":[["1.10","2"]],"asks":[]}'
TIME = b'{"serverTime":1790000000000}'


def venue_at(url: str, clock: JumpingClock, market: Market = Market.SPOT, timeout_s: float = 5.0) -> Venue:
    return BinanceVenue(
        market,
        url,
        clock=clock,
        budget=default_budget(market, clock.monotonic()),
        verify=True,
        timeout_s=timeout_s,
        random=lambda: 0.0,
    )


@pytest.fixture
async def spot(responder: HttpResponder, clock: JumpingClock) -> AsyncIterator[Venue]:
    venue = venue_at(responder.url + "/", clock)
    yield venue
    await venue.close()


@pytest.fixture
async def usdm(responder: HttpResponder, clock: JumpingClock) -> AsyncIterator[Venue]:
    venue = venue_at(responder.url, clock, Market.USDM)
    yield venue
    await venue.close()


async def test_a_spot_snapshot_asks_for_5000_levels_in_microseconds(
    spot: Venue, responder: HttpResponder, clock: JumpingClock
) -> None:
    responder.prepare(200, BOOK + b"\n")
    answer = await spot.snapshot("BTCUSDT")
    assert responder.requests[0].startswith("GET /api/v3/depth?symbol=BTCUSDT&limit=5000 ")
    assert "x-mbx-time-unit: microsecond" in responder.requests[0].lower()
    params = {"symbol": "BTCUSDT", "limit": "5000"}
    assert answer == RestAnswer(Market.SPOT, "/api/v3/depth", params, "BTCUSDT", clock.now_ns(), BOOK)
    assert spot.snapshot_id(answer) == 7


async def test_a_usdm_snapshot_asks_for_1000_levels_and_encodes_its_symbol(
    usdm: Venue, responder: HttpResponder
) -> None:
    responder.prepare(200, BOOK)
    await usdm.snapshot("币USDT")
    assert responder.requests[0].startswith("GET /fapi/v1/depth?symbol=%E5%B8%81USDT&limit=1000 ")
    assert "x-mbx-time-unit" not in responder.requests[0].lower()


async def test_exchange_info_gives_instruments(usdm: Venue, responder: HttpResponder) -> None:
    row = {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT", "filters": []}
    responder.prepare(200, json.dumps({"symbols": [row]}).encode())
    answer = await usdm.exchange_info()
    assert (answer.path, answer.symbol, answer.params) == ("/fapi/v1/exchangeInfo", None, {})
    assert [instrument.symbol for instrument in usdm.instruments(answer)] == ["BTCUSDT"]
    with pytest.raises(FrameError, match="lastUpdateId"):
        usdm.snapshot_id(answer)


TRADE_ROWS = b'[{"id":41,"price":"1","qty":"1","time":1790000000000,"isBuyerMaker":true}]'
AGG_ROWS = b'[{"a":42,"p":"1","q":"1","f":1,"l":2,"T":1790000000000,"m":true}]'


@pytest.mark.parametrize(
    ("stream", "body", "request_line", "newest"),
    [
        ("depth@100ms", BOOK, "GET /fapi/v1/depth?symbol=BTCUSDT&limit=5 ", 7),
        ("depth5@500ms", BOOK, "GET /fapi/v1/depth?symbol=BTCUSDT&limit=5 ", 7),
        ("bookTicker", BOOK, "GET /fapi/v1/depth?symbol=BTCUSDT&limit=5 ", 7),
        ("trade", TRADE_ROWS, "GET /fapi/v1/trades?symbol=BTCUSDT&limit=1 ", 41),
        ("aggTrade", AGG_ROWS, "GET /fapi/v1/aggTrades?symbol=BTCUSDT&limit=1 ", 42),
        ("aggTrade", b"[]", "GET /fapi/v1/aggTrades?symbol=BTCUSDT&limit=1 ", None),
    ],
)
async def test_the_newest_id_of_a_stream(  # a table's columns
    usdm: Venue, responder: HttpResponder, stream: str, body: bytes, request_line: str, newest: int | None
) -> None:
    responder.prepare(200, body)
    assert await usdm.latest_id("BTCUSDT", stream) == newest
    assert responder.requests[0].startswith(request_line)


async def test_past_trades_are_asked_for_by_id(spot: Venue, usdm: Venue, responder: HttpResponder) -> None:
    responder.prepare(200, TRADE_ROWS)
    trades = await spot.historical_trades("BTCUSDT", 41, 7)
    responder.prepare(200, AGG_ROWS)
    agg_trades = await usdm.agg_trades("BTCUSDT", 42, 1000)
    assert [request.split(" HTTP")[0] for request in responder.requests] == [
        "GET /api/v3/historicalTrades?symbol=BTCUSDT&fromId=41&limit=7",
        "GET /fapi/v1/aggTrades?symbol=BTCUSDT&fromId=42&limit=1000",
    ]
    assert (trades.symbol, spot.trade_ids(trades), usdm.trade_ids(agg_trades)) == ("BTCUSDT", [41], [42])
    with pytest.raises(FrameError, match="historicalTrades"):
        spot.trade_ids(msgspec.structs.replace(trades, body=b"{}"))


async def test_the_past_waits_where_snapshots_do_not(
    spot: Venue, responder: HttpResponder, clock: JumpingClock
) -> None:
    for _ in range(12):  # 12 x 250 of 4800: two fifths stay free after this
        responder.prepare(200, BOOK)
        await spot.snapshot("BTCUSDT")
    responder.prepare(200, BOOK)
    await spot.snapshot("BTCUSDT")
    assert clock.slept == []
    responder.prepare(200, TRADE_ROWS)
    await spot.historical_trades("BTCUSDT", 41, 7)
    assert clock.slept != []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (401, b'{"code":-2014,"msg":"API-key format invalid."}'),
        (404, b'{"code":0,"msg":"no such path"}'),
        (408, b'{"code":-1007,"msg":"Timeout waiting for response."}'),
        (400, b'{"code":-1008,"msg":"overloaded"}'),
        (400, b"{}"),
        (404, b"<html>not here</html>"),
    ],
)
async def test_a_host_without_past_trades_is_named_with_its_setting(
    spot: Venue, responder: HttpResponder, status: int, body: bytes
) -> None:
    responder.prepare(status, body)
    with pytest.raises(VenueUnreachableError, match=r"BINANCE_REST_SPOT_BASE_URL .* https://api\.binance\.com"):
        await spot.historical_trades("BTCUSDT", 41, 7)


async def test_ids_that_the_venue_refuses_are_a_refusal(usdm: Venue, responder: HttpResponder) -> None:
    responder.prepare(400, b'{"code":-4188,"msg":"fromId is too old."}')
    with pytest.raises(VenueRefusedError, match="too old"):
        await usdm.agg_trades("BTCUSDT", 1, 7)


@pytest.mark.parametrize("stream", ["markPrice@1s", "forceOrder"])
async def test_streams_without_ids_are_not_asked_for(usdm: Venue, responder: HttpResponder, stream: str) -> None:
    assert await usdm.latest_id("BTCUSDT", stream) is None
    assert responder.requests == []


async def test_server_time_in_ms_and_us(spot: Venue, responder: HttpResponder) -> None:
    responder.prepare(200, TIME)
    responder.prepare(200, b'{"serverTime":1790000000000001}')
    assert await spot.server_time() == 1_790_000_000_000_000_000
    assert await spot.server_time() == 1_790_000_000_000_001_000


async def test_a_body_over_many_lines_is_put_on_one_with_its_digits_unchanged(
    spot: Venue, responder: HttpResponder
) -> None:
    responder.prepare(200, b'{\r\n  "lastUpdateId": 7,\n  "bids": [["1.10", "2"]],\n "asks": []}')
    assert (await spot.snapshot("BTCUSDT")).body == BOOK


@pytest.mark.parametrize(("status", "default_s"), [(429, 60.0), (418, 120.0)])
@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        ("-5", 1.0),
        ("0", 1.0),
        ("999999999", 259_200.0),
        ("inf", 259_200.0),
        ("nan", None),
        ("soon", None),
        (None, None),
    ],
)
async def test_a_rate_limit_stops_all_requests_as_long_as_told(  # a table's columns
    spot: Venue,
    responder: HttpResponder,
    clock: JumpingClock,
    status: int,
    default_s: float,
    header: str | None,
    seconds: float | None,
) -> None:
    expected = default_s if seconds is None else seconds
    responder.prepare(status, b'{"code":-1003,"msg":"Too many"}', {"Retry-After": header} if header else {})
    responder.prepare(200, TIME)
    with pytest.raises(RateLimitedError) as caught:
        await spot.server_time()
    assert (caught.value.status, caught.value.retry_after_s) == (status, expected)
    await spot.server_time()
    assert clock.slept == [expected]


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (500, b"<html>oops</html>", "HTTP 500"),
        (503, b'{"code":-1008,"msg":"overloaded"}', "HTTP 503"),
        (403, b"<html>WAF</html>", "HTTP 403 .*firewall"),
        (451, b"<html></html>", "HTTP 451 .*location"),
        (404, b"", "HTTP 404 .*base URL"),
        (302, b"", "HTTP 302"),
        (200, b"<html>welcome</html>", "expected JSON"),
        (200, b"", "expected JSON"),
        (200, b'{"a":"\xff"}', "UTF-8"),
        (200, b"[" * 200 + b"]" * 200, "brackets"),
        (200, b'{"serverTime":"now"}', "expected a time body"),
    ],
)
async def test_an_answer_that_cannot_be_used_says_what_came(
    spot: Venue, responder: HttpResponder, status: int, body: bytes, told: str
) -> None:
    responder.prepare(status, body)
    with pytest.raises(VenueUnreachableError, match=told):
        await spot.server_time()


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (400, b'{"code":-1121,"msg":"Invalid symbol."}', -1121, "Invalid symbol."),
        (451, b'{"code":0,"msg":"restricted location"}', 0, "restricted location"),
        (403, b"{}", None, "HTTP 403"),
    ],
)
async def test_a_refusal_carries_the_venues_own_words(  # a table's columns
    spot: Venue, responder: HttpResponder, status: int, body: bytes, code: int | None, message: str
) -> None:
    responder.prepare(status, body)
    with pytest.raises(VenueRefusedError, match=message) as caught:
        await spot.snapshot("NOPE")
    assert (caught.value.status, caught.value.code) == (status, code)


async def test_a_timeout_a_hang_up_and_nobody_listening(responder: HttpResponder, clock: JumpingClock) -> None:
    slow = venue_at(responder.url, clock, timeout_s=0.05)
    with pytest.raises(VenueUnreachableError, match="ReadTimeout"):
        await slow.server_time()
    await slow.close()
    responder.hang_up()
    cut = venue_at(responder.url, clock)
    with pytest.raises(VenueUnreachableError, match="disconnected"):
        await cut.server_time()
    await cut.close()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = venue_at(f"http://127.0.0.1:{taken.getsockname()[1]}", clock)
        with pytest.raises(VenueUnreachableError, match=r"/api/v3/time: connection refused"):
            await nobody.server_time()
        await nobody.close()


async def test_tls_to_a_server_without_it(clock: JumpingClock) -> None:
    async with plain_server() as address:
        venue = venue_at(f"https://{address}", clock)
        with pytest.raises(VenueUnreachableError, match="does the server speak TLS"):
            await venue.server_time()
        await venue.close()


@pytest.mark.parametrize("url", ["", "host", "ftp://host", "http://", "http://[", "http://h:port", "http://a..b"])
async def test_a_base_url_that_is_none(clock: JumpingClock, url: str) -> None:
    venue = venue_at(url, clock)
    with pytest.raises(VenueUnreachableError, match="cannot ask"):
        await venue.server_time()
    await venue.close()


async def test_requests_wait_for_budget_before_they_are_sent(
    spot: Venue, responder: HttpResponder, clock: JumpingClock
) -> None:
    for _ in range(20):
        responder.prepare(200, BOOK)
    for _ in range(19):
        await spot.snapshot("BTCUSDT")
    assert clock.slept == []
    await spot.snapshot("BTCUSDT")
    assert clock.slept == [60.0]


async def test_the_venues_own_count_is_believed(spot: Venue, responder: HttpResponder, clock: JumpingClock) -> None:
    responder.prepare(200, TIME, {"X-MBX-USED-WEIGHT-1M": "4790"})
    responder.prepare(200, TIME, {"X-MBX-USED-WEIGHT-1M": "many"})
    responder.prepare(200, BOOK, {"X-MBX-USED-WEIGHT-1M": "9" * 400})
    await spot.server_time()
    await spot.server_time()
    assert clock.slept == []
    await spot.snapshot("BTCUSDT")
    assert clock.slept == [60.0]


@pytest.mark.parametrize(("market", "limit"), [(Market.SPOT, 4_800), (Market.USDM, 1_920)])
def test_the_default_budget_is_four_fifths_of_the_venues(market: Market, limit: int) -> None:
    budget = default_budget(market, 0.0)
    assert isinstance(budget, RequestBudget)
    assert budget.reserve(limit, 0.0) == 0
    assert budget.reserve(1, 0.0) == 60.0


@pytest.mark.parametrize("market", list(Market))
@pytest.mark.parametrize("parts", range(1, MOST_SHARDS + 1))
def test_parts_of_a_budget_are_no_more_than_the_whole_and_pay_for_every_request(market: Market, parts: int) -> None:
    budget, ends = default_budget(market, 0.0, parts=parts), ENDPOINTS[market]
    assert budget.limit * parts <= default_budget(market, 0.0).limit
    dearest = max(getattr(ends, name) for name in ends.__struct_fields__ if name.endswith("_weight"))
    assert budget.reserve(dearest, 0.0) == 0.0


async def test_a_small_part_still_asks_for_the_past(responder: HttpResponder, clock: JumpingClock) -> None:
    budget = default_budget(Market.USDM, clock.monotonic(), parts=MOST_SHARDS)
    venue = BinanceVenue(Market.USDM, responder.url, clock=clock, budget=budget, verify=True, random=lambda: 0.0)
    responder.prepare(200, b"[]")
    await venue.historical_trades("BTCUSDT", 1, 1000)
    await venue.close()
    assert budget.used == 200
