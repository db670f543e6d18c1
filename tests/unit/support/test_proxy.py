"""A line that can be cut does what is said of it."""

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.support.proxy import Proxy


@pytest.fixture
def echo() -> Iterator[int]:
    """Give the port of a server that says everything back."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer(line: socket.socket) -> None:
            with line:
                while block := line.recv(100):
                    line.sendall(block)

        def accept() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(line,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def said_back(line: socket.socket, text: bytes) -> bytes:
    line.sendall(text)
    return line.recv(100)


def is_over(line: socket.socket) -> bool:
    try:
        return line.recv(100) == b""
    except ConnectionError:
        return True


def test_everything_passes_both_ways(echo: int) -> None:
    with Proxy(echo) as proxy, connect(proxy) as line:
        assert said_back(line, b"hello") == b"hello"


def test_a_deaf_line_stays_open_and_brings_nothing_until_it_is_mended(echo: int) -> None:
    with Proxy(echo) as proxy, connect(proxy) as line:
        assert said_back(line, b"hello") == b"hello"
        proxy.deafen()
        line.settimeout(0.2)
        with pytest.raises(TimeoutError):
            said_back(line, b"lost")
        proxy.mend()
        line.settimeout(5)
        assert is_over(line)
        with connect(proxy) as other:
            assert said_back(other, b"again") == b"again"


def test_a_cut_ends_every_line_and_refuses_new_ones_until_it_is_mended(echo: int) -> None:
    with Proxy(echo) as proxy, connect(proxy) as line:
        assert said_back(line, b"hello") == b"hello"
        proxy.cut()
        assert is_over(line)
        with connect(proxy) as refused:
            assert is_over(refused)
        proxy.mend()
        with connect(proxy) as other:
            assert said_back(other, b"again") == b"again"
