"""``JOURNAL_URL``, and the names that follow from an instance."""

from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

_SCHEME: Final = "nats"
_PORT: Final = 4222


class Address(msgspec.Struct, frozen=True):
    """A server and how to log in.

    Attributes:
        server: URL without user and password: what may be shown.
        user: None without a password, see ``token``.
        password: None where there is none.
        token: A user without a password.
    """

    server: str
    user: str | None
    password: str | None
    token: str | None


def parse_url(url: str) -> Address:
    """Return what ``nats://[user:password@]host[:port]`` says.

    Raises:
        ValueError: It says something else; the text has no password.
    """
    expected = "expected nats://[user:password@]host[:port]"
    try:
        parts = urlsplit(url)
        port = parts.port or _PORT
    except ValueError:
        message = f"{expected}, got a URL with a fault in host or port"
        raise ValueError(message) from None
    if parts.scheme != _SCHEME:
        message = f"{expected}, got a URL that begins with {url.split(':', 1)[0][:20]!r}"
        raise ValueError(message)
    if not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.fragment:
        message = f"{expected}, got a URL {'with more than that' if parts.hostname else 'without a host'}"
        raise ValueError(message)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password else None
    server = f"{_SCHEME}://{host}:{port}"
    if password is None:
        return Address(server, None, None, user)
    return Address(server, user, password, None)


def stream_name(instance: str) -> str:
    """Return the name of an instance's stream."""
    return f"ORDERFLOW_{instance}"


def subject_of(instance: str) -> str:
    """Return where an instance's blocks are published."""
    return f"orderflow.{instance}.journal"


def consumer_name(sink: str) -> str:
    """Return the name of the durable consumer that says how far ``sink`` is."""
    return f"sink-{sink.replace('.', '-')}"  # a loader's part is postgres.1of2; names on the server have no dots
