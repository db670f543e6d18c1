"""The door, on a real socket: without a key nothing but health; browsers, cookies, other hosts' pages, limits."""

import re
from collections.abc import Iterator
from itertools import count

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from orderflow_recorder.api.app import create_app
from orderflow_recorder.api.rates import FAILURES_PER_MINUTE
from tests.support.api import KEY, SECOND_KEY, ApiServer, services

STREAM = "/api/v1/stream"
ADDRESSES = count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[ApiServer]:
    """Give the API, with keys and without anything else."""
    with ApiServer(services()) as running:
        yield running


@pytest.fixture
def client(server: ApiServer) -> Iterator[httpx.Client]:
    """Give a client without a key, with an address of its own: wrong keys are counted by address."""
    with server.client(**{"X-Forwarded-For": f"10.0.0.{next(ADDRESSES)}"}) as found:
        yield found


@pytest.fixture(scope="module")
def open_server() -> Iterator[ApiServer]:
    """Give the API without keys, for this machine alone."""
    with ApiServer(services(keys=(), cors_origins=("https://charts.example",))) as running:
        yield running


def socket_status(server: ApiServer, **headers: str) -> int:
    """Return how a WebSocket's handshake is answered."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    origin = named.pop("origin", None)
    try:
        with connect(
            f"ws://{server.address}{STREAM}",
            additional_headers=named,
            origin=origin,  # type: ignore[arg-type]  # its own str
            proxy=None,
        ):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


def sign_in(client: httpx.Client, key: str = KEY) -> httpx.Response:
    """Send the form."""
    return client.post("/sign-in", data={"key": key})


PATHS = [*create_app(services()).openapi()["paths"], STREAM, "/openapi.json"]


def test_the_list_of_paths_is_not_empty() -> None:
    assert {"/api/v1/trades", "/api/v1/book", "/health/live"} <= set(PATHS)


@pytest.mark.parametrize(
    "path", [*PATHS, "/", "/index.html", "/nothing", "/api/v1/ticks/spot/BTCUSDT", "/health", "/health/"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "HEAD", "OPTIONS"])
def test_without_a_key_nothing_but_health_answers(client: httpx.Client, path: str, method: str) -> None:
    answer = client.request(method, path)
    if path in {"/health/live", "/health/ready"}:
        assert answer.status_code == (200 if method == "GET" else 405)
        return
    assert answer.status_code == 401
    if path == "/" and method in {"GET", "HEAD", "OPTIONS"}:
        assert answer.headers["content-type"].startswith("text/html")
    else:
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", ["/api/v1/ticks", "/", "/openapi.json"])
@pytest.mark.parametrize(
    "headers",
    [
        {"X-API-Key": "wrong"},
        {"X-API-Key": ""},
        {"X-API-Key": KEY[:-1]},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {KEY}"},
        {"Cookie": f"orderflow_session={KEY}"},
        {"Cookie": "orderflow_session=99999999999." + "0" * 64},
        {"Cookie": f"X-API-Key={KEY}"},
        {"Referer": f"http://x/?key={KEY}"},
    ],
)
def test_what_is_no_key_is_refused(client: httpx.Client, path: str, headers: dict[str, str]) -> None:
    assert client.get(path, headers=headers).status_code == 401
    assert client.get(f"{path}?api_key={KEY}&key={KEY}&X-API-Key={KEY}", headers=headers).status_code == 401


def test_each_key_opens_as_a_header_or_as_bearer(client: httpx.Client) -> None:
    for headers in (
        {"X-API-Key": KEY},
        {"X-API-Key": SECOND_KEY},
        {"Authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer {SECOND_KEY}"},
    ):
        assert client.get("/api/v1/ticks", headers=headers).status_code == 200


def test_a_browser_signs_in_and_gets_a_cookie_that_is_no_key(client: httpx.Client) -> None:
    form = client.get("/")
    assert 'action="/sign-in"' in form.text
    assert "<script" not in form.text
    wrong = sign_in(client, "wrong")
    assert wrong.status_code == 401
    assert "This is no key" in wrong.text
    assert not client.cookies
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Secure" not in cookie
    assert re.search(r"Max-Age=\d+", cookie)
    assert KEY not in cookie
    assert client.get("/api/v1/ticks").status_code == 200
    assert client.get("/").status_code != 401
    assert client.get("/sign-in").status_code == 405
    secure = client.post("/sign-in", data={"key": KEY}, headers={"X-Forwarded-Proto": "https"})
    assert "Secure" in secure.headers["set-cookie"]


def test_the_style_of_the_form_is_the_one_its_policy_allows(client: httpx.Client) -> None:
    import base64  # noqa: PLC0415  # for this alone
    import hashlib  # noqa: PLC0415  # same

    form = client.get("/")
    style = form.text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in form.headers["content-security-policy"]


def test_another_hosts_page_can_do_nothing_with_a_cookie(client: httpx.Client, server: ApiServer) -> None:
    sign_in(client)
    own, other = server.url, "https://evil.example"
    assert client.get("/api/v1/ticks", headers={"Origin": other}).status_code == 200  # but the browser keeps it
    assert "access-control-allow-origin" not in client.get("/api/v1/ticks", headers={"Origin": other}).headers
    for method in ("POST", "DELETE", "PUT"):
        assert client.request(method, "/api/v1/subscriptions", headers={"Origin": other}).status_code == 403
        assert client.request(method, "/api/v1/subscriptions", headers={"Origin": "null"}).status_code == 403
        assert client.request(method, "/api/v1/subscriptions", headers={"Origin": own}).status_code in {404, 405}
    cookie = f"orderflow_session={client.cookies['orderflow_session']}"
    assert socket_status(server, Cookie=cookie, origin=own) == 101
    assert socket_status(server, Cookie=cookie, origin=other) == 403
    assert socket_status(server, Cookie=cookie) == 403
    assert socket_status(server, X_API_Key=KEY) == 101
    assert socket_status(server, Authorization=f"Bearer {KEY}", origin=other) == 101
    assert socket_status(server, X_API_Key="wrong") == 401
    assert socket_status(server) == 401
    assert socket_status(server, origin=own) == 401


def test_without_keys_only_this_machine_is_answered_by_its_own_names(open_server: ApiServer) -> None:
    port = open_server.address.split(":")[1]
    with open_server.client() as client:
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", "LOCALHOST", f"[::1]:{port}"):
            assert client.get("/api/v1/ticks", headers={"Host": host}).status_code == 200
        for host in (
            "evil.example",
            f"evil.example:{port}",
            "127.0.0.1.evil.example",
            "127.0.0.2",
            "[",
            "x@127.0.0.1:80:80",
            "",
        ):
            answer = client.get("/api/v1/ticks", headers={"Host": host})
            assert answer.status_code in {400, 403}
        assert client.get("/sign-in").status_code == 404
        assert client.post("/api/v1/subscriptions", headers={"Origin": "https://evil.example"}).status_code == 403
    assert socket_status(open_server) == 101
    assert socket_status(open_server, origin=open_server.url) == 101
    assert socket_status(open_server, origin="https://charts.example") == 101
    assert socket_status(open_server, origin="https://evil.example") == 403


def test_pages_of_hosts_in_the_settings_may_ask(open_server: ApiServer) -> None:
    with open_server.client() as client:
        answer = client.get("/api/v1/ticks", headers={"Origin": "https://charts.example"})
        assert answer.headers["access-control-allow-origin"] == "https://charts.example"
        assert "access-control-allow-credentials" not in answer.headers
        asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-api-key"}
        preflight = client.options("/api/v1/ticks", headers={"Origin": "https://charts.example", **asked})
        assert preflight.status_code == 200
        refused = client.options("/api/v1/ticks", headers={"Origin": "https://evil.example", **asked})
        assert refused.status_code == 400
        assert "access-control-allow-origin" not in refused.headers


def test_each_key_has_so_many_requests() -> None:
    with ApiServer(services(rate_per_minute=5)) as limited, limited.client() as client:
        for key in (KEY, SECOND_KEY):
            codes = [client.get("/api/v1/ticks", headers={"X-API-Key": key}).status_code for _ in range(8)]
            assert (codes[:5], codes[-1]) == ([200] * 5, 429)  # one more where a new minute begins in between
        answer = client.get("/api/v1/ticks", headers={"Authorization": f"Bearer {KEY}"})
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert f"ask again in {answer.headers['retry-after']} s" in answer.json()["detail"]
        codes = [client.get("/api/v1/ticks").status_code for _ in range(7)]
        assert (codes[:5], codes[-1]) == ([401] * 5, 429)
        assert client.get("/health/live").status_code == 200
        assert socket_status(limited, X_API_Key=KEY) == 429


def test_who_guesses_is_not_heard_any_more() -> None:
    with ApiServer(services()) as running, running.client() as client:
        assert client.get("/api/v1/ticks", headers={"X-API-Key": SECOND_KEY}).status_code == 200
        heard = 0
        while True:  # a few more where a new minute begins in between
            guess = f"guess {heard}"
            answer = sign_in(client, guess) if heard % 2 else client.get("/api/v1/ticks", headers={"X-API-Key": guess})
            if answer.status_code == 429:
                break
            assert answer.status_code == 401
            heard += 1
        assert FAILURES_PER_MINUTE <= heard <= FAILURES_PER_MINUTE + 2
        for answer in (sign_in(client), client.get("/api/v1/ticks", headers={"X-API-Key": KEY})):
            assert answer.status_code == 429
            assert int(answer.headers["retry-after"]) >= 1
        assert client.get("/api/v1/ticks", headers={"X-API-Key": SECOND_KEY}).status_code == 200
        other = {"X-Forwarded-For": "192.0.2.7"}  # as a proxy on this machine says
        assert client.get("/api/v1/ticks", headers={"X-API-Key": KEY, **other}).status_code == 200


def test_every_answer_has_the_headers_that_keep_a_browser_safe(server: ApiServer) -> None:
    with server.client() as client:
        for path, key in (
            ("/", ""),
            ("/api/v1/ticks", ""),
            ("/api/v1/ticks", KEY),
            ("/nothing", KEY),
            ("/health/live", ""),
        ):
            headers = client.get(path, headers={"X-API-Key": key} if key else {}).headers
            assert "default-src 'self'" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["cache-control"] == "no-store"
            assert "server" not in headers


def test_a_form_that_is_too_long_is_refused(client: httpx.Client) -> None:
    assert client.post("/sign-in", content=b"key=" + b"x" * 70_000).status_code == 413
    assert client.post("/sign-in", content=iter([b"x" * 40_000] * 2)).status_code == 413
    for nonsense in (b"", b"\xff\xfe", b"key=&key=", b"&" * 60_000, f"key={KEY}&key={KEY}".encode()):
        assert client.post("/sign-in", content=nonsense).status_code == 401
