"""Parameters that mean harm or make no sense: a 4xx that says why, never a 5xx, and nothing changed."""

import base64
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.app.subscriptions import RecorderSubscriptions
from tests.support.api import KEY, ApiServer, Asked, services

SPOT = {"market": "spot", "symbol": "BTCUSDT"}
MANY = 2**63
CURSOR = base64.urlsafe_b64encode(f"[1723118400000000,{2**63}]".encode()).decode().rstrip("=")

EXPECTED = "expected"


@pytest.fixture(scope="module", autouse=True)
def _nothing_was_changed(recorded_url: str) -> Iterator[None]:
    counts = "SELECT (SELECT count(*) FROM trades), (SELECT count(*) FROM gaps), (SELECT count(*) FROM coverage)"
    with psycopg.connect(recorded_url, autocommit=True) as connection:
        before = connection.execute(counts).fetchone()
        yield
        assert connection.execute(counts).fetchone() == before


@pytest.mark.parametrize(
    "symbol",
    [
        "BTCUSDT'; DROP TABLE trades; --",
        "' OR 1=1 --",
        "BTC\0USDT",
        "%00",
        "",
        " ",
        "B",
        "x" * 41,
        "../../etc/passwd",
        "BTC USDT",
        "BTCUSDT\n",
        "\u202eTDSUCTB",
        "${jndi:ldap://x}",
        "<script>",
        "💸💸",
    ],
)
@pytest.mark.parametrize("path", ["/trades", "/candles", "/book", "/gaps", "/coverage", "/instruments"])
def test_bad_symbols_are_refused_with_the_reason(asked: Asked, path: str, symbol: str) -> None:
    assert "symbol: " in asked.detail(422, path, market="spot", symbol=symbol)


@pytest.mark.parametrize("symbol", ["NOSUCH", "ßß", "币安人生USDT", "١٢٣"])
def test_what_is_not_recorded_is_not_found(asked: Asked, symbol: str) -> None:
    for path, more in (
        ("/trades", {}),
        ("/candles", {"date": "2024-08-08"}),
        ("/book", {}),
        ("/book", {"at": "2024-08-09"}),
    ):
        assert EXPECTED in asked.detail(404, path, market="spot", symbol=symbol, **more)
    assert "there is depth@100ms, trade" in asked.detail(404, "/trades", **SPOT, stream="aggTrade")
    assert asked.rows("/gaps", symbol=symbol) == []


@pytest.mark.parametrize(
    ("path", "parameters", "word"),
    [
        ("/trades", {}, "market: expected a value, received none"),
        ("/trades", {**SPOT, "market": "cm"}, "market: expected 'spot' or 'usdm', received 'cm'"),
        ("/trades", {**SPOT, "limit": 0}, "limit: expected"),
        ("/trades", {**SPOT, "limit": -1}, "limit: expected"),
        ("/trades", {**SPOT, "limit": 50_001}, "limit: expected"),
        ("/trades", {**SPOT, "limit": MANY}, "limit: expected"),
        ("/trades", {**SPOT, "limit": "1e3"}, "limit: expected"),
        ("/trades", {**SPOT, "limit": "9" * 5000}, "limit: "),
        ("/trades", {**SPOT, "after": "nonsense"}, "after: expected the `next`"),
        ("/trades", {**SPOT, "after": CURSOR}, "after: expected the `next`"),
        ("/trades", {**SPOT, "after": "x" * 81}, "after: "),
        ("/trades", {**SPOT, "after": "W10"}, "after: expected the `next`"),
        ("/trades", {**SPOT, "stream": "depth"}, "stream: expected 'trade' or 'aggTrade'"),
        ("/trades", {**SPOT, "start": "yesterday"}, "start: expected a datetime or a time like"),
        ("/trades", {**SPOT, "start": "0001-01-01T00:00:00+14:00"}, "start: expected"),
        ("/trades", {**SPOT, "start": "9999-12-31T23:59:59-14:00"}, "start: expected"),
        ("/trades", {**SPOT, "start": "1999-12-31"}, "start: expected a time from 2000 to 2100"),
        ("/trades", {**SPOT, "start": "2024-08-09", "end": "2024-08-08"}, "expected a start before the end"),
        ("/trades", {**SPOT, "end": "\0"}, "end: expected"),
        ("/trades", {**SPOT, "simbol": "BTCUSDT"}, "simbol: expected no such parameter"),
        ("/candles", SPOT, "date, start: expected a day, or a start, received neither"),
        ("/candles", {**SPOT, "date": "2024-08-08", "start": "2024-08-08"}, "received both"),
        ("/candles", {**SPOT, "date": "2024-02-30"}, "date: "),
        ("/candles", {**SPOT, "date": "0001-01-01"}, "date: expected a day from 2000 to 2099"),
        ("/candles", {**SPOT, "date": "9999-12-31"}, "date: expected a day from 2000 to 2099"),
        ("/candles", {**SPOT, "start": "2099-01-01"}, "expected a start before the end"),
        ("/candles", {**SPOT, "date": "2024-08-08", "resolution": "0s"}, "resolution: "),
        ("/candles", {**SPOT, "date": "2024-08-08", "resolution": "-1s"}, "resolution: "),
        ("/candles", {**SPOT, "date": "2024-08-08", "resolution": "1.5s"}, "resolution: "),
        ("/candles", {**SPOT, "date": "2024-08-08", "resolution": "99999999w"}, "interval: expected"),
        ("/candles", {**SPOT, "date": "2024-08-08", "resolution": "100ms"}, "resolution: "),
        (
            "/candles",
            {**SPOT, "start": "2024-01-01", "end": "2024-02-01", "resolution": "1s"},
            "expected at most 1 day, 3:46:40 of candles of 1s, received 31 days, 0:00:00: ask for longer candles",
        ),
        ("/candles", {**SPOT, "start": "2000-01-01", "end": "2100-01-01", "resolution": "90s"}, "at most 2 days"),
        ("/candles", {**SPOT, "start": "2000-01-01", "end": "2100-01-01", "resolution": "1w"}, "at most 366 days"),
        ("/book", {**SPOT, "at": "2024-08-08", "levels": 0}, "levels: expected"),
        ("/book", {**SPOT, "at": "2024-08-08", "levels": 5001}, "levels: expected"),
        ("/book", {**SPOT, "at": "2099-08-08"}, "at: expected an instant that has passed"),
        ("/book", {**SPOT, "at": "now"}, "at: expected"),
        ("/gaps", {"status": "closed"}, "status: expected 'open', 'healed' or 'unrecoverable', received 'closed'"),
        ("/gaps", {"stream": "trade'--"}, "stream: "),
        ("/gaps", {"after": "WzEsMl0"}, "after: expected the `next`"),
        ("/gaps", {"start": "2024-08-09", "end": "2024-08-08"}, "expected a start before the end"),
        ("/coverage", {"stream": "\0"}, "stream: "),
        ("/ticks", {"market": "*"}, "market: expected"),
        ("/ticks/spot/B", {}, "symbol: "),
        ("/ticks/cm/BTCUSDT", {}, "market: expected"),
    ],
)
def test_parameters_out_of_their_bounds_are_refused_with_the_reason(
    asked: Asked, path: str, parameters: dict[str, str | int], word: str
) -> None:
    assert word in asked.detail(422, path, **parameters)


@pytest.mark.parametrize(
    "path",
    [
        *("/%00", "/..%2f..%2fetc/passwd", "/" + "x" * 3000, "/api/v1/nothing", "/api/v2/trades", "/docs", "/redoc"),
        *("/api/v1/ticks/spot/BTCUSDT/more", "/css", "/%ff%fe", "/..;/"),
    ],
)
def test_paths_that_are_none_are_not_found(asked: Asked, path: str) -> None:
    answer = asked.client.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_methods_that_a_path_has_not_are_refused(asked: Asked) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "HEAD"):
        answer = asked.client.request(method, "/api/v1/trades")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET"


def test_nothing_acceptable_is_said_so(asked: Asked) -> None:
    answer = asked.get("/trades", "text/html", **SPOT)
    assert answer.status_code == 406
    assert "expected application/json or text/csv" in answer.json()["detail"]
    assert asked.get("/status", "text/csv").status_code == 406
    assert asked.get("/trades", "text/html, */*;q=0.1", **SPOT).headers["content-type"] == "application/json"


def test_bodies_beyond_the_limit_are_refused_whether_they_say_their_length_or_not(asked: Asked) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(100):
            yield b"x" * 10_000

    for content in (b"x" * 70_000, endless()):
        try:
            answer = asked.client.post("/api/v1/trades", content=content)
        except httpx.WriteError:
            continue  # it was refused before everything was sent
        assert answer.status_code in {405, 413}


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"", b"null", b"[" * 60_000, b'{"market":1}', b"{}", b'{"market":"\\ud800"}', b"NaN"]
)
def test_bodies_that_are_none_are_refused(body: bytes, tmp_path: Path) -> None:
    control = RecorderSubscriptions(load_settings(env_file=None, data_dir=tmp_path), SystemClock(), patience_s=0)
    with ApiServer(services(subscriptions=control)) as running, running.client(**{"X-API-Key": KEY}) as client:
        answer = client.post("/api/v1/subscriptions", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code == 422
        assert "expected" in answer.json()["detail"]


@pytest.mark.parametrize(
    "request_lines",
    [
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /api/v1/ticks HTTP/1.1\r\nHost: [\r\nX-API-Key: " + KEY.encode() + b"\r\n\r\n",
        b"GET /api/v1/ticks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /api/v1/ticks HTTP/1.1\r\nHost: x\r\nCookie: orderflow_session=" + b"9" * 4000 + b".x\r\n\r\n",
        b"GET /api/v1/ticks HTTP/1.1\r\nHost: x\r\nX-API-Key: " + b"k" * 4000 + b"\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_requests_that_are_hardly_any_get_an_answer_that_is_no_failure(server: ApiServer, request_lines: bytes) -> None:
    host, port = server.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(request_lines)
        status = line.recv(65_536).split(b" ")[1]
    assert status[:1] in {b"2", b"4"}
