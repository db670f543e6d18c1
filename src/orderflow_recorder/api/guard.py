"""The door: who has no key, asks too often, or sends too much, gets no further.

It stands before every path, so that a path that somebody adds is behind it as well. Only ``/health/…`` is open,
and ``/sign-in``, where a key becomes a cookie. Where no keys are asked for, the address is this machine alone; then
the Host must be this machine's, or any web page could reach us by a name of its own that leads here.
"""

import re
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orderflow_recorder.api.auth import COOKIE, Keys, given_key
from orderflow_recorder.api.problems import problem, too_many
from orderflow_recorder.api.rates import Rates, address_of
from orderflow_recorder.api.sign_in import SIGN_IN, WRONG_KEYS, SignIn

HEALTH: Final = frozenset({"/health/live", "/health/ready"})
MOST_BODY_BYTES: Final = 65_536

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST: Final = re.compile(r"(?P<name>[A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?")
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="orderflow-recorder"'}
_NO_KEY: Final = (
    "expected a key in the header X-API-Key, or as Authorization: Bearer, received none; "
    "API_KEY of the server's settings has them"
)
_WRONG_KEY: Final = "expected a key that API_KEY of the server's settings has, received another one"


class Guard:
    """ASGI middleware around everything."""

    def __init__(self, app: ASGIApp, *, keys: Keys, rates: Rates, origins: Sequence[str], sign_in: SignIn) -> None:
        """Wrap ``app``.

        Args:
            app: What is behind the door.
            keys: Those that are good.
            rates: What is counted.
            origins: Web pages of other hosts that may ask; ``*`` for all.
            sign_in: Answers who comes with a browser and without a key.
        """
        self._app = app
        self._keys = keys
        self._rates = rates
        self._origins = frozenset(origins)
        self._sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let it pass."""
        if scope["type"] == "lifespan" or (scope["type"] == "http" and scope["path"] in HEALTH):
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        limited = _Body(receive)
        refusal = _too_long(connection) or await self._refusal(connection, limited)
        if refusal is None:
            await self._app(scope, limited, send)
        elif scope["type"] == "http":
            await refusal(scope, receive, send)
        else:
            await _refuse_socket(refusal, scope, receive, send)

    async def _refusal(self, connection: HTTPConnection, receive: Receive) -> Response | None:
        """Return what to answer instead of letting a request pass."""
        address = address_of(connection.client.host if connection.client else None)
        if not self._keys.wanted:
            return self._too_often(f"address {address}") or _other_host(connection) or self._other_page(connection)
        key = given_key(connection)
        if key is None:
            number = self._keys.read_token(connection.cookies.get(COOKIE, ""))
        else:
            number = self._keys.find(key)
            if (wait := self._rates.hear(address, number)) is not None:
                return too_many(wait, WRONG_KEYS)
        if (refusal := self._too_often(f"key {number}" if number else f"address {address}")) is not None:
            return refusal
        if connection.scope["type"] == "http" and connection.scope["path"] == SIGN_IN:
            return await self._sign_in.take(connection, receive, partial(self._rates.hear, address))
        if number is None:
            return self._ask_for_key(connection, wrong=key is not None)
        return None if key is not None else self._other_page(connection)

    def _too_often(self, who: str) -> Response | None:
        wait = self._rates.count_request(who)
        return None if wait is None else too_many(wait, "too many requests")

    def _ask_for_key(self, connection: HTTPConnection, *, wrong: bool) -> Response:
        if connection.scope["path"] == "/" and connection.scope.get("method") in _SAFE and not wrong:
            return self._sign_in.form()
        return problem(HTTPStatus.UNAUTHORIZED, _WRONG_KEY if wrong else _NO_KEY, _CHALLENGE)

    def _other_page(self, connection: HTTPConnection) -> Response | None:
        """Return a refusal of what another host's page has a browser do with our cookie, or without one."""
        origin = connection.headers.get("origin")
        if connection.scope["type"] == "http" and connection.scope["method"] in _SAFE:
            return None
        if origin is None and (connection.scope["type"] == "http" or not self._keys.wanted):
            # Browsers always send it with these: so this is a program.
            return None
        host = connection.headers.get("host", "").lower()
        if host and (origin or "").partition("://")[2].lower() == host:
            return None
        if not self._keys.wanted and self._origins & {origin, "*"}:
            return None
        return problem(HTTPStatus.FORBIDDEN, "expected a page of this very host, or a key in a header")


class _Body:
    """The body of a request, as far as it may go."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._received = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            if self._received > MOST_BODY_BYTES:
                raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LONG)
        return message


_TOO_LONG: Final = f"expected a body of at most {MOST_BODY_BYTES} bytes, received more"


def _too_long(connection: HTTPConnection) -> Response | None:
    length = connection.headers.get("content-length", "")
    if length.isdecimal() and (len(length) > len(str(MOST_BODY_BYTES)) or int(length) > MOST_BODY_BYTES):
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _TOO_LONG)
    return None


def _other_host(connection: HTTPConnection) -> Response | None:
    if _host_name(connection.headers.get("host", "")) in _THIS_MACHINE:
        return None
    detail = "expected a Host of this machine (localhost, 127.0.0.1), as no API_KEY is set"
    return problem(HTTPStatus.FORBIDDEN, detail)


def _host_name(host: str) -> str:
    """Return the name in a Host header, without its port; empty if it is none."""
    found = _HOST.fullmatch(host)
    return found["name"].lower() if found else ""


async def _refuse_socket(refusal: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a WebSocket: with the answer where the server can, else by closing it."""
    await receive()
    if "websocket.http.response" in scope.get("extensions", {}):
        await refusal(scope, receive, send)  # it knows how
    else:
        await send({"type": "websocket.close", "code": 1008})
