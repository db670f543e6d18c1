"""Who may ask: keys, and the signed tokens that stand for one in a browser's cookie.

A token is ``<expiry, s since the epoch>.<HMAC-SHA256>``. What signs it is derived from a key: so it outlives a
restart, says which key it stands for, ends when that key is taken out of the settings, and never contains it.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, quote_plus

from starlette.requests import HTTPConnection

from orderflow_recorder.ports.clock import Clock

COOKIE: Final = "orderflow_session"
SESSION_S: Final = 7 * 86_400
"""How long a browser stays signed in."""

_NS_PER_S: Final = 1_000_000_000
_SALT: Final = b"orderflow-recorder: what signs the tokens of a session"
_TOKEN: Final = re.compile(r"(?P<expiry>[0-9]{1,12})\.(?P<signature>[0-9a-f]{64})")
_BEARER: Final = re.compile(r"bearer +(?P<key>\S+) *", re.IGNORECASE)


class Keys:
    """The keys that are good, compared in constant time."""

    def __init__(self, keys: Sequence[str], clock: Clock) -> None:
        """Derive what signs tokens: slowly, so that a token is of no use to find a key by trying.

        Args:
            keys: As the settings have them; none lets everybody in.
            clock: For the expiry of tokens.
        """
        self._keys = tuple(keys)
        self._digests = tuple(_digest(key) for key in keys)
        self._secrets = tuple(hashlib.scrypt(key.encode(), salt=_SALT, n=2**14, r=8, p=1) for key in keys)
        self._clock = clock

    @property
    def wanted(self) -> bool:
        """Say whether a key is asked for."""
        return bool(self._keys)

    def find(self, given: str) -> str | None:
        """Return the number of the key that ``given`` is; none if it is no key."""
        digest = _digest(given)
        # Each is compared, whichever it is: the time says nothing.
        found = [hmac.compare_digest(digest, known) for known in self._digests]
        return str(found.index(True) + 1) if any(found) else None

    def token(self, number: str) -> str:
        """Return a new token for the key of that number."""
        expiry = str(self._clock.now_ns() // _NS_PER_S + SESSION_S)
        return f"{expiry}.{_sign(self._secrets[int(number) - 1], expiry)}"

    def read_token(self, token: str) -> str | None:
        """Return the number of the key that a token stands for; none if it is forged or expired."""
        parts = _TOKEN.fullmatch(token)
        if parts is None or int(parts["expiry"]) <= self._clock.now_ns() // _NS_PER_S:
            return None
        found = [hmac.compare_digest(_sign(secret, parts["expiry"]), parts["signature"]) for secret in self._secrets]
        return str(found.index(True) + 1) if any(found) else None

    def redact(self, text: str) -> str:
        """Return ``text`` without keys."""
        for key in self._keys:
            # As it is, as an error quotes it, and as an address has it.
            for form in {key, repr(key)[1:-1], quote(key), quote_plus(key)}:
                text = text.replace(form, "***")
        return text


def given_key(connection: HTTPConnection) -> str | None:
    """Return the key in the headers of a request, good or not; none if there is none."""
    key = connection.headers.get("x-api-key")
    if key is None and (bearer := _BEARER.fullmatch(connection.headers.get("authorization", ""))) is not None:
        key = bearer["key"]
    return key


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "replace")).digest()


def _sign(secret: bytes, expiry: str) -> str:
    return hmac.new(secret, expiry.encode(), hashlib.sha256).hexdigest()
