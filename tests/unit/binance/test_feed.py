"""Opening sockets: what is asked for, and every way it can fail."""

import asyncio
import json
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from websockets.asyncio.server import serve

from orderflow_recorder.binance.feed import BinanceFeed
from orderflow_recorder.domain.errors import VenueUnreachableError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds
from orderflow_recorder.domain.streams import Stream
from orderflow_recorder.ports.feed import Arrival, DataNote, Feed, FeedClosedError, Glance
from tests.unit.binance.support import HttpResponder, JumpingClock, VenueSocket, plain_server

TRADES = [Stream(Market.SPOT, "BTCUSDT", "trade")]


def feed(
    url: str,
    clock: JumpingClock,
    market: Market = Market.SPOT,
    ssl_context: ssl.SSLContext | None = None,
    open_timeout_s: float = 5.0,
) -> Feed:
    return BinanceFeed(
        market,
        url,
        clock=clock,
        ssl_context=ssl_context,
        ping_interval_s=20,
        ping_timeout_s=20,
        open_timeout_s=open_timeout_s,
    )


async def test_spot_asks_by_url_without_compression(venue: VenueSocket, clock: JumpingClock) -> None:
    connection = await feed(venue.url + "/", clock).connect("", TRADES)
    assert venue.paths == ["/stream?streams=btcusdt@trade&timeUnit=MICROSECOND"]
    assert venue.extensions == [None]
    assert connection.url == venue.url + venue.paths[0]
    await (await venue.connected.get()).send("frame")
    assert await connection.recv() == Arrival(clock.now_ns(), [b"frame"])
    await connection.close()


async def test_usdm_uses_the_route(venue: VenueSocket, clock: JumpingClock) -> None:
    market_feed = feed(venue.url, clock, Market.USDM)
    stream = Stream(Market.USDM, "币安USDT", "aggTrade")
    connection = await market_feed.connect(market_feed.route_of(stream), [stream])
    assert venue.paths == ["/market/stream?streams=%E5%B8%81%E5%AE%89usdt@aggTrade"]
    await connection.close()


async def test_what_does_not_fit_is_subscribed_to_with_ids_unique_over_sockets(
    venue: VenueSocket, clock: JumpingClock
) -> None:
    market_feed = feed(venue.url, clock, Market.USDM)
    streams = [Stream(Market.USDM, f"X{number}USDT", "depth@100ms") for number in range(500)]
    asked: list[str] = []
    ids: list[int] = []
    for turn in range(2):
        connection = await market_feed.connect("/public", streams)
        names = venue.paths[turn].partition("streams=")[2].split("/")
        while len(names) < len(streams):
            frame = json.loads(await venue.received.get())
            names += frame["params"]
            ids.append(frame["id"])
        asked += names
        await connection.close()
    assert asked == [stream.wire for stream in streams] * 2
    assert ids == list(range(1, len(ids) + 1))
    assert set(clock.slept) == {0.25}


async def test_frames_are_inspected_by_the_rule_of_the_market(clock: JumpingClock) -> None:
    frame = b'{"stream":"a@depth","data":{"U":1,"u":2}}'
    assert feed("ws://host", clock).inspect(frame) == DataNote("a@depth", DepthIds(1, 2))
    assert feed("ws://host", clock).inspect_all([frame]) == Glance({"a@depth"}, [("a@depth", DepthIds(1, 2))])
    assert feed("ws://host", clock, Market.USDM).inspect_all([frame]).diffs == []


async def test_frames_above_20_mib_close_the_socket(venue: VenueSocket, clock: JumpingClock) -> None:
    connection = await feed(venue.url, clock).connect("", TRADES)
    server = await venue.connected.get()
    await server.send(b"x" * 20 * 1024 * 1024)
    assert [len(frame) for frame in (await connection.recv()).frames] == [20 * 1024 * 1024]
    sending = asyncio.create_task(server.send(b"x" * (20 * 1024 * 1024 + 1)))
    with pytest.raises(FeedClosedError, match="1009"):
        await connection.recv()
    await asyncio.wait([sending])
    sending.exception()
    await connection.close()


async def test_connection_attempts_are_counted_before_they_are_made(venue: VenueSocket, clock: JumpingClock) -> None:
    venue.refuse_with = 503
    market_feed = feed(venue.url, clock)
    for _ in range(301):
        with pytest.raises(VenueUnreachableError):
            await market_feed.connect("", TRADES)
    assert clock.slept == [300.0]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (403, "HTTP 403 .*firewall"),
        (404, "HTTP 404 .*check the base URL"),
        (429, "HTTP 429 .*too many requests"),
        (451, "HTTP 451 .*location"),
        (500, "HTTP 500"),
        (503, "HTTP 503"),
    ],
)
async def test_a_refused_handshake_names_url_status_and_what_to_do(
    venue: VenueSocket, clock: JumpingClock, status: int, told: str
) -> None:
    venue.refuse_with = status
    with pytest.raises(VenueUnreachableError, match=told) as caught:
        await feed(venue.url, clock).connect("", TRADES)
    assert f"cannot open {venue.url}/stream?streams=btcusdt@trade" in str(caught.value)


async def test_nobody_listening(clock: JumpingClock) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(VenueUnreachableError, match="connection refused"):
            await feed(url, clock).connect("", TRADES)


async def test_a_name_that_cannot_be_resolved(clock: JumpingClock) -> None:
    with pytest.raises(VenueUnreachableError, match="cannot be resolved"):
        await feed("ws://nowhere.invalid", clock).connect("", TRADES)


@pytest.mark.parametrize(
    "url", ["http://host", "host", "", "ws://", "ws://host:port", "ws://a..b", "ws://[", "ws://h:99999"]
)
async def test_a_base_url_that_is_none(clock: JumpingClock, url: str) -> None:
    with pytest.raises(VenueUnreachableError, match="cannot open"):
        await feed(url, clock).connect("", TRADES)


async def test_a_server_that_says_nothing_times_out(responder: HttpResponder, clock: JumpingClock) -> None:
    url = responder.url.replace("http", "ws")
    with pytest.raises(VenueUnreachableError, match="TimeoutError: timed out during opening handshake"):
        await feed(url, clock, open_timeout_s=0.05).connect("", TRADES)


async def test_a_server_that_hangs_up(responder: HttpResponder, clock: JumpingClock) -> None:
    responder.hang_up()
    with pytest.raises(VenueUnreachableError, match="cannot open"):
        await feed(responder.url.replace("http", "ws"), clock).connect("", TRADES)


async def test_a_server_that_speaks_plain_http(responder: HttpResponder, clock: JumpingClock) -> None:
    responder.prepare(200, b"hello")
    with pytest.raises(VenueUnreachableError, match="HTTP 200"):
        await feed(responder.url.replace("http", "ws"), clock).connect("", TRADES)


async def test_tls_to_a_server_without_it(venue: VenueSocket, clock: JumpingClock) -> None:
    async with plain_server() as address:
        with pytest.raises(VenueUnreachableError, match="does the server speak TLS"):
            await feed(f"wss://{address}", clock).connect("", TRADES)
    with pytest.raises(VenueUnreachableError, match="with or without TLS"):
        await feed(venue.url.replace("ws:", "wss:"), clock).connect("", TRADES)


async def test_a_proxy_of_the_environment_is_used(
    responder: HttpResponder, clock: JumpingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", responder.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    responder.prepare(407, b"")
    with pytest.raises(VenueUnreachableError, match="proxy"):
        await feed("wss://venue.invalid", clock).connect("", TRADES)
    assert responder.requests[0].startswith("CONNECT venue.invalid:443 ")


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a certificate that nobody trusts."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl command to make a certificate")
    path = tmp_path / "server.pem"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(path), "-out", str(tmp_path / "certificate.pem")]
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject, *files]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + (tmp_path / "certificate.pem").read_text())
    return path


async def test_tls_is_verified_unless_a_context_says_otherwise(
    venue: VenueSocket, clock: JumpingClock, certificate: Path
) -> None:
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate)
    async with serve(venue.serve, "127.0.0.1", 0, ssl=server_context) as server:
        url = f"wss://localhost:{next(iter(server.sockets)).getsockname()[1]}"
        with pytest.raises(VenueUnreachableError, match=r"certificate is not trusted.*SSL_CERT_FILE.*INSECURE_TLS"):
            await feed(url, clock).connect("", TRADES)
        trusting = ssl.create_default_context(cafile=str(certificate))
        connection = await feed(url, clock, ssl_context=trusting).connect("", TRADES)
        await connection.close()
