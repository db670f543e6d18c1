"""Addresses of databases, and connections to them.

One address (``DB_URL``) serves libpq and SQLAlchemy alike: libpq parses it in both cases, so unix
sockets, several hosts and TLS options mean the same everywhere. Passwords never reach a log.
"""

import re
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.postgres.errors import sink_error

SCHEMES: Final = ("postgresql", "postgres", "postgresql+psycopg")

_DEFAULTS: Final[dict[str, Any]] = {
    "connect_timeout": 10,
    "application_name": "orderflow-recorder",
    "client_encoding": "utf8",
    # A server whose machine vanished is noticed within about half a minute, idle or in mid-write.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}
# To the last @, however wrong the address: rather hide too much than print half a password.
_SECRET: Final = re.compile(r"(?<=://)(?P<user>[^:/?#@]*):.*(?=@)|(?<=[?&])password=[^&]*")


def normalise_url(url: str) -> str:
    """Return ``url`` as libpq takes it.

    Args:
        url: ``postgresql://``, ``postgres://`` or ``postgresql+psycopg://``.

    Raises:
        SettingsError: It is none of these; the text never repeats a password.
    """
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme not in SCHEMES:
        found = f"{scheme}://…" if separator else "no scheme"
        message = f"DB_URL: expected postgresql://user:password@host:port/database, received {found}"
        raise SettingsError(message)
    normal = f"postgresql://{rest}"
    try:
        # libpq ends a password at the first @ or / and takes the rest for host or port.
        ports = str(conninfo_to_dict(normal).get("port") or "").split(",")
        valid = urlsplit(normal).netloc.count("@") <= 1 and all(port.isdigit() or not port for port in ports)
    except (psycopg.ProgrammingError, ValueError):
        valid = False
    if not valid:
        message = (
            "DB_URL: not a valid address; expected postgresql://user:password@host:port/database "
            "with special characters of the password percent-encoded (@ as %40, / as %2F)"
        )
        raise SettingsError(message)
    return normal


def redact_url(url: str) -> str:
    """Return ``url`` with its password replaced by ``***``."""
    return _SECRET.sub(lambda match: "password=***" if match["user"] is None else f"{match['user']}:***", url)


def connect(url: str) -> psycopg.Connection[Any]:
    """Open a connection in autocommit mode, its search path ``public``.

    Args:
        url: As `normalise_url` takes it; its options win over our defaults.

    Raises:
        SinkUnavailableError: No server answers, or not yet.
        SinkRefusedError: It refuses: wrong password, no such database.
        SettingsError: The address is not one.
    """
    target = normalise_url(url)
    parameters: dict[str, Any] = {**_DEFAULTS, **conninfo_to_dict(target)}
    try:
        connection = psycopg.connect(make_conninfo("", **parameters), autocommit=True)
        try:
            connection.execute("SET search_path TO public")
        except BaseException:
            connection.close()
            raise
    except psycopg.Error as error:
        raise sink_error(error, redact_url(target)) from error
    return connection
