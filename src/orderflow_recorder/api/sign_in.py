"""A key becomes a cookie, for browsers, which cannot send headers with a page."""

import base64
import hashlib
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive

from orderflow_recorder.api.auth import COOKIE, SESSION_S, Keys
from orderflow_recorder.api.headers import POLICY
from orderflow_recorder.api.problems import problem, too_many

SIGN_IN: Final = "/sign-in"
WRONG_KEYS: Final = "too many wrong keys from this address"

_STYLE: Final = (
    "body{font:1rem/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:90vh;margin:1rem}"
    "form{display:grid;gap:.75rem;width:min(22rem,100%)}h1{font-size:1.25rem;margin:0}p{margin:0}"
    "input,button{font:inherit;padding:.5rem .75rem;box-sizing:border-box;width:100%}"
)
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sign in · orderflow-recorder</title>
<style>{style}</style>
</head>
<body>
<form method="post" action="/sign-in">
<h1>orderflow-recorder</h1>
<p role="alert">{message}</p>
<label for="key">Key</label>
<input id="key" name="key" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button>
</form>
</body>
</html>
"""
_POLICY: Final = POLICY.format(extra=f"; style-src 'sha256-{_HASH}'")


class SignIn:
    """The form, and what it is sent to."""

    def __init__(self, keys: Keys) -> None:
        """Sign in with ``keys``."""
        self._keys = keys

    def form(self, message: str = "") -> Response:
        """Return the form, as the answer to a request without a key."""
        page = _PAGE.format(style=_STYLE, message=escape(message))
        return HTMLResponse(page, HTTPStatus.UNAUTHORIZED, {"Content-Security-Policy": _POLICY})

    async def take(
        self, connection: HTTPConnection, receive: Receive, hear: Callable[[str | None], int | None]
    ) -> Response:
        """Answer the form: with a cookie and the page, or with the form again.

        Args:
            connection: The request.
            receive: Its body.
            hear: Told the number of the key, none for a wrong one; says for how many seconds none counts.
        """
        if connection.scope["method"] != "POST":
            detail = f"expected POST with the field key, received {connection.scope['method']}"
            return problem(HTTPStatus.METHOD_NOT_ALLOWED, detail, {"Allow": "POST"})
        try:
            body = await Request(connection.scope, receive).body()
        except HTTPException as error:
            return problem(error.status_code, error.detail)
        number = self._keys.find("".join(parse_qs(body.decode("utf-8", "replace")).get("key", ())))
        if (wait := hear(number)) is not None:
            return too_many(wait, WRONG_KEYS)
        if number is None:
            return self.form("This is no key of this server: API_KEY of its settings has them.")
        answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
        secure = connection.scope["scheme"] == "https"
        answer.set_cookie(
            COOKIE, self._keys.token(number), max_age=SESSION_S, httponly=True, samesite="strict", secure=secure
        )
        return answer
