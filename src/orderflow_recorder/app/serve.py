"""`serve`: the API and the page in a process of its own, beside a recorder or without one."""

import asyncio
import ipaddress
import logging
import signal
import socket
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import Final

import uvicorn
from fastapi import FastAPI
from loguru import logger

from orderflow_recorder.api.app import create_app
from orderflow_recorder.api.databases import BusyError, DatabasePool
from orderflow_recorder.api.services import Services
from orderflow_recorder.api.stream import StreamProtocol
from orderflow_recorder.app import logs
from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.live import LiveFeed
from orderflow_recorder.app.serve_database import ServedDatabase
from orderflow_recorder.app.serve_status import StatusReader
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.subscriptions import RecorderSubscriptions
from orderflow_recorder.domain.errors import OrderflowError, SettingsError, SinkError, SinkUnavailableError
from orderflow_recorder.live import Hub, TickStore
from orderflow_recorder.ports.clock import Clock

CONNECTIONS: Final = 4
"""Questions that are asked of the database at once."""
WAIT_S: Final = 5.0
"""How long a request waits for its turn."""

_DRAIN_S: Final = 3
_MOST_MESSAGE_BYTES: Final = 65_536


def serve(settings: Settings, *, host: str, port: int) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        settings: Where the data is, who may ask, and how often.
        host: Where to listen.
        port: Where to listen; 0: any free one.

    Raises:
        SettingsError: Other machines could ask, and no key is set.
        OrderflowError: The address cannot be had.
    """
    check_keys(settings, host)
    logs.configure(
        process="serve",
        level=settings.log_level,
        log_format=settings.log_format,
        directory=settings.log_dir,
        instance=settings.instance_id,
        secrets=settings.api_key,
    )
    with closing(listen(host, port)) as listening, ExitStack() as stack:
        app = create_app(_services(settings, SystemClock(), stack))
        logger.info("listens on {}", _address(listening))
        _run(app, listening)
    logger.info("stopped")


def _services(settings: Settings, clock: Clock, stack: ExitStack) -> Services:
    """Return what the application is made of; ``stack`` ends it."""
    database = stack.enter_context(closing(ServedDatabase(settings)))
    pool = stack.enter_context(closing(DatabasePool(database.connect, clock, size=CONNECTIONS, patience_s=WAIT_S)))
    store = TickStore()
    hub = Hub(store)
    feed = stack.enter_context(closing(LiveFeed(settings, store, hub, address=database.address)))
    feed.start()
    status = StatusReader(settings, clock)
    return Services(
        keys=settings.api_key,
        rate_per_minute=settings.api_rate_per_minute,
        cors_origins=settings.api_cors_origins,
        database=pool,
        store=store,
        hub=hub,
        subscriptions=RecorderSubscriptions(settings, clock),
        status=status.read,
        reasons=lambda: [*database_reasons(pool), *(["the journal cannot be followed"] if feed.trouble else [])],
        clock=clock,
    )


def check_keys(settings: Settings, host: str) -> None:
    """Refuse to be open to the world.

    Raises:
        SettingsError: There is no key, and the address can be reached from other machines.
    """
    if not settings.api_key and not is_loopback(host):
        raise SettingsError(
            f"API_KEY: expected a key, because {host} can be reached from other machines, got none: "
            "set one, e.g. from `openssl rand -hex 24`, or listen on 127.0.0.1"
        )


def is_loopback(host: str) -> bool:
    """Say whether this machine alone can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def database_reasons(pool: DatabasePool) -> Sequence[str]:
    """Return why no question could be answered; nothing if it could. Without addresses: whoever asks has no key."""
    try:
        with pool():
            return ()
    except BusyError:
        return ()  # it works for others
    except SinkUnavailableError:
        return ("the database is away",)
    except SinkError as error:
        return (f"the database refuses: {type(error).__name__}, see /api/v1/coverage",)


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: Where.
        port: Where; 0: any free one.

    Raises:
        OrderflowError: It cannot.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.create_server(address[:2], family=family, backlog=2048)
    except OSError as error:
        msg = f"cannot listen on {host}:{port}: {error.strerror}; choose another address or port (0: any free one)"
        raise OrderflowError(msg) from error
    # Connections have it from here; asyncio sets it only where a socket says that it is TCP, and this one does not.
    # Without it an answer of two pieces takes 40 ms: the second waits until the first is acknowledged.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if listening.family is socket.AF_INET6 else f"http://{host}:{port}/"


def make_server(app: FastAPI) -> uvicorn.Server:
    """Return what serves ``app``, not yet started."""
    config = uvicorn.Config(
        app,
        ws=StreamProtocol,
        ws_max_size=_MOST_MESSAGE_BYTES,
        ws_per_message_deflate=False,
        log_config=None,
        # Never a line for a request: its address may hold what somebody took for a place for a key.
        access_log=False,
        server_header=False,
        # A proxy on this machine says whom it asks for; nobody else is believed.
        forwarded_allow_ips="127.0.0.1",
        timeout_graceful_shutdown=_DRAIN_S,
    )
    return uvicorn.Server(config)


def _run(app: FastAPI, listening: socket.socket) -> None:
    """Run the server until it is told to stop."""
    _hand_over_logs()
    server = make_server(app)
    # The server raises the signal that stopped it once more at the end: it has done its work then.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: None)
    asyncio.run(server.serve(sockets=[listening]))


class _ToLoguru(logging.Handler):
    """Hands the lines of libraries over."""

    def emit(self, record: logging.LogRecord) -> None:
        logger.opt(exception=record.exc_info).log(record.levelname, record.getMessage())


def _hand_over_logs() -> None:
    for name in ("uvicorn", "websockets"):
        library = logging.getLogger(name)
        library.handlers = [_ToLoguru(logging.WARNING)]
        library.setLevel(logging.WARNING)
        library.propagate = False
