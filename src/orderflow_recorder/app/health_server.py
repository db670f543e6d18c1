"""HTTP for the pages of the recorder's port: the standard library's server, bounded.

Nothing waits for whoever asks. There are only so many threads; a connection is ended after some seconds, whatever it
does; and where all threads are taken the oldest connection makes room, so that the slow do not keep the quick out.
"""

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from loguru import logger

from orderflow_recorder.app.health_pages import METHODS, Answer, HealthPages, refusal
from orderflow_recorder.domain.errors import SettingsError

THREADS: Final = 8
LONGEST_S: Final = 10.0
"""So long a connection may last, whatever it does."""
SILENCE_S: Final = 5.0
"""So long it may say nothing, or take nothing."""

_ROOM_S: Final = 1.0
"""An old connection that is ended makes room at once; a thread that is busy with a page may not."""


def listen(host: str, port: int, pages: HealthPages) -> "HealthServer":
    """Return a server that listens.

    Args:
        host: Name or address.
        port: 0 takes a free one.
        pages: What it answers.

    Raises:
        SettingsError: It cannot; the text says why.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return HealthServer(address, pages, family)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        text = (
            f"PORT: cannot listen on {host}:{port}: {reason}; expected a free port of an address of this machine: "
            "choose another PORT or PORT_HOST, or PORT=0 for none"
        )
        raise SettingsError(text) from None


class HealthServer(ThreadingHTTPServer):
    """Listens from the start; `serve_forever` answers.

    Args:
        address: As the socket takes it.
        pages: What it answers.
        family: Of the address.
        longest_s: So long a connection may last, seconds.
    """

    daemon_threads = True
    request_queue_size = 16

    def __init__(self, address: Any, pages: HealthPages, family: int, longest_s: float = LONGEST_S) -> None:  # noqa: ANN401  # the socket module's own
        """Listen."""
        self.address_family = family
        self.pages = pages
        self._longest_s = longest_s
        self._free = threading.Semaphore(THREADS)
        self._lock = threading.Lock()
        self._open: dict[socket.socket, float] = {}  # oldest first, with the time at which each must end
        super().__init__(address, _Handler)

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._open)

    def server_bind(self) -> None:
        """Bind, without asking a name server for our own name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = address = self.socket.getsockname()
        self.server_name, self.server_port = address[:2]

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # as the library has it
        """Answer in a thread, if there is one; else the oldest connection is ended for this one."""
        if not self._free.acquire(blocking=False):
            self._end(lambda number, _until: number == 0)
            if not self._free.acquire(timeout=_ROOM_S):
                self.shutdown_request(request)
                return
        with self._lock:
            self._open[request] = time.monotonic() + self._longest_s
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no more threads
            self.shutdown_request(request)
            self._free.release()

    def process_request_thread(self, request: Any, client_address: Any) -> None:  # noqa: ANN401  # as above
        """Answer one connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401  # as above
        """Close a connection."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End what lasts too long; called twice a second."""
        now = time.monotonic()
        self._end(lambda _number, until: now >= until)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401, ARG002  # as above
        """Take it that a connection broke off: that is the other side's affair."""
        logger.debug("a connection to the health port broke off", exc_info=True)

    def _end(self, chosen: Callable[[int, float], bool]) -> None:
        """Wake the threads of those connections; they close them. Held meanwhile, so that none is closed twice."""
        with self._lock:
            for number, (connection, until) in enumerate(self._open.items()):
                if chosen(number, until):
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    """Carries one request to the pages, and the answer back."""

    server: HealthServer
    timeout = SILENCE_S
    default_request_version = "HTTP/1.0"  # so that a refusal of what is no request has its status line, too

    def do_GET(self) -> None:
        answer = self.server.pages.answer(self.command, self.path, self.headers, self.client_address[0])
        self._send(answer)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = do_CONNECT = do_GET  # noqa: N815  # as the library has it

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002  # as the library has it
        """Refuse what is no request, without a word of what came."""
        self.close_connection = True
        self._send(refusal(HTTPStatus(code), f"expected {' or '.join(METHODS)} as HTTP has it"))

    def version_string(self) -> str:
        """Return what the header ``Server`` says."""
        return "orderflow-recorder"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ANN401  # as the library has it
        """Log nothing: a request a second is no news, and its line might hold a key."""

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
