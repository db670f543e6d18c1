"""HTTP on the recorder's port, and what slow and hostile clients get."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from orderflow_recorder.app.health_pages import HealthPages
from orderflow_recorder.app.health_server import THREADS, HealthServer, listen
from orderflow_recorder.domain.errors import SettingsError
from tests.support.processes import wait_until

PAGES = HealthPages((), lambda: None, lambda: (), lambda _accept: ("text/plain", b"some metrics"))


@contextmanager
def serving(pages: HealthPages = PAGES, *, longest_s: float = 10.0, host: str = "127.0.0.1") -> Iterator[HealthServer]:
    """Give a server that answers."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = HealthServer((host, 0), pages, family, longest_s)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def connect(server: HealthServer) -> socket.socket:
    return socket.create_connection((server.server_name, server.server_port), timeout=10)


def ask(server: HealthServer, request: bytes) -> bytes:
    """Send ``request`` as it is and return all that comes back."""
    with connect(server) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: line.recv(65536), b""))


def test_a_page() -> None:
    with serving() as server:
        head, _, body = ask(server, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 OK\r\nServer: orderflow-recorder\r\n")
    assert b"\r\nContent-Length: 12\r\n" in head
    assert b"\r\nCache-Control: no-store\r\n" in head
    assert body == b"some metrics"


def test_head_is_the_same_without_the_page() -> None:
    with serving() as server:
        head, _, body = ask(server, b"HEAD /metrics HTTP/1.1\r\n\r\n").partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: 12\r\n" in head
    assert body == b""


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /nowhere HTTP/1.1\r\n\r\n", 404),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", 405),
        (b"DELETE /metrics HTTP/1.1\r\n\r\n", 405),
        (b"OPTIONS /metrics HTTP/1.1\r\n\r\n", 405),
        (b"BREW /metrics HTTP/1.1\r\n\r\n", 501),
        (b"GET /metrics HTTP/9.9\r\n\r\n", 505),
        (b"GET /metrics HTTP/x\r\n\r\n", 400),
        (b"one two three four\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 200 + b"\r\n", 431),
    ],
)
def test_what_is_no_request_is_refused_without_a_word_of_it(request_: bytes, status: int) -> None:
    with serving() as server:
        head, _, body = ask(server, request_).partition(b"\r\n\r\n")
        assert head.split()[1] == str(status).encode()
        assert b"BREW" not in body
        assert body.startswith(b'{"error":"')
        assert ask(server, b"GET /health/live HTTP/1.1\r\n\r\n").endswith(b'{"live":true}\n')


def test_over_ipv6() -> None:
    try:
        with serving(host="::1") as server:
            assert ask(server, b"GET /metrics HTTP/1.1\r\n\r\n").endswith(b"some metrics")
    except OSError:
        pytest.skip("no IPv6 here")


def test_those_who_say_nothing_make_room_for_those_who_do() -> None:
    with serving() as server, ExitStack() as lines:
        for _ in range(3 * THREADS):
            lines.enter_context(connect(server)).sendall(b"GET /metr")
        assert ask(server, b"GET /metrics HTTP/1.1\r\n\r\n").endswith(b"some metrics")
        assert server.connections <= THREADS


def test_the_threads_are_counted() -> None:
    before = threading.active_count()
    with serving() as server, ExitStack() as lines:
        for _ in range(5 * THREADS):
            lines.enter_context(connect(server))
            assert threading.active_count() <= before + 1 + THREADS + 1  # one may just be ending
        assert ask(server, b"GET /metrics HTTP/1.1\r\n\r\n").endswith(b"some metrics")


def test_pages_that_hang_take_no_more_than_their_threads() -> None:
    free = threading.Event()

    def hang() -> tuple[str, ...]:
        free.wait(20)
        return ()

    with serving(HealthPages((), lambda: None, hang, lambda _accept: ("", b""))) as server, ExitStack() as lines:
        for _ in range(THREADS):
            lines.enter_context(connect(server)).sendall(b"GET /health/ready HTTP/1.1\r\n\r\n")
        wait_until(lambda: server.connections == THREADS, within_s=10, what="all threads are busy")
        with connect(server) as one_too_many:
            assert one_too_many.recv(100) == b""
        free.set()
        wait_until(lambda: server.connections == 0, within_s=10, what="the threads are free")
        assert ask(server, b"GET /health/live HTTP/1.1\r\n\r\n").endswith(b'{"live":true}\n')


def test_a_connection_that_drips_is_ended() -> None:
    pause = threading.Event()
    with serving(longest_s=0.3) as server, connect(server) as line:
        with suppress(OSError):  # a reset or a broken pipe, as the kernel likes
            for _ in range(200):
                line.sendall(b"G")
                pause.wait(0.05)
            pytest.fail("the connection lasts and lasts")
        wait_until(lambda: server.connections == 0, within_s=10, what="the connection is gone")


def test_a_port_in_use_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"PORT: cannot listen on 127.0.0.1:{port}: Address already in use; "):
            listen("127.0.0.1", port, PAGES)


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host", "nowhere.invalid"])
def test_an_address_of_others_is_said(host: str) -> None:
    with pytest.raises(SettingsError, match="choose another PORT or PORT_HOST, or PORT=0 for none"):
        listen(host, 0, PAGES)
