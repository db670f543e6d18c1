"""What a failure of the database means for the loader: try again, or a person must act.

The server's SQLSTATE decides. While connecting, libpq hands over only text, so there the words
decide; words we do not know (a translated server, say) count as "try again", text included.
"""

import re
from typing import Final

import psycopg
from psycopg import errors as sqlstates

from orderflow_recorder.domain.errors import SchemaMismatchError, SinkError, SinkRefusedError, SinkUnavailableError

ROW_ERRORS: Final = (
    psycopg.DataError,
    psycopg.IntegrityError,
    sqlstates.ProgramLimitExceeded,  # an index entry too long, e.g. by an absurd symbol
    ValueError,  # no text form: a time beyond the year 9999, text that is not UTF-8
)
"""A row is to blame, not the server: find it, refuse it, write the others."""

_UPGRADE: Final = "run `orderflow-recorder db upgrade`"

_SCHEMA: Final = (sqlstates.UndefinedTable, sqlstates.UndefinedColumn, sqlstates.UndefinedObject)

_REFUSED: Final[dict[type[psycopg.Error], str]] = {
    sqlstates.InvalidPassword: "check user and password in DB_URL",
    sqlstates.InvalidAuthorizationSpecification: "check user and password in DB_URL, and the server's pg_hba.conf",
    sqlstates.InvalidCatalogName: "create the database, or check its name in DB_URL",
    sqlstates.InsufficientPrivilege: "grant the user of DB_URL what is named here",
}

_REFUSED_WHILE_CONNECTING: Final = (
    (r"password authentication failed|no password supplied|role \".*\" does not exist", sqlstates.InvalidPassword),
    (r"no pg_hba\.conf entry|authentication failed", sqlstates.InvalidAuthorizationSpecification),
    (r"database \".*\" does not exist", sqlstates.InvalidCatalogName),
    (r"permission denied for database", sqlstates.InsufficientPrivilege),
)

_NOT_PRELOADED: Final = 'extension "timescaledb" must be preloaded'
"""Such a database takes no DDL at all, not even for plain tables; the error has no SQLSTATE of its own."""

_UNAVAILABLE: Final = (
    psycopg.OperationalError,  # connection lost, shutdown, starting up, disk full, deadlock, timeout …
    psycopg.InterfaceError,  # the connection is closed
    sqlstates.ReadOnlySqlTransaction,  # a standby, until it is promoted
)


def sink_error(error: psycopg.Error, address: str) -> SinkError:
    """Return what to raise for ``error``.

    Args:
        error: As psycopg raised it.
        address: The database, for the text; without a password.

    Returns:
        `SinkUnavailableError` where waiting may help; `SchemaMismatchError` where a table or column
        is missing; `SinkRefusedError` with what to do for everything else.
    """
    text = _one_line(error)
    if isinstance(error, _SCHEMA):
        return SchemaMismatchError(f"{address}: {text}: the schema is not this version's; {_UPGRADE}")
    advice = _advice(error, text)
    if advice is not None:
        return SinkRefusedError(f"{address}: {text}; {advice}")
    if isinstance(error, _UNAVAILABLE):
        return SinkUnavailableError(f"{address}: {text}")
    return SinkRefusedError(f"{address}: {text} (SQLSTATE {error.sqlstate}); this is unexpected, please report it")


def _advice(error: psycopg.Error, text: str) -> str | None:
    if text.startswith(_NOT_PRELOADED):
        return "add timescaledb to shared_preload_libraries and restart the server"
    for kind, advice in _REFUSED.items():
        if isinstance(error, kind):
            return advice
    if error.sqlstate is None and isinstance(error, psycopg.OperationalError):
        for pattern, kind in _REFUSED_WHILE_CONNECTING:
            if re.search(pattern, text):
                return _REFUSED[kind]
    return None


def _one_line(error: psycopg.Error) -> str:
    # What follows the first line is a hint of several paragraphs, or the statement.
    message = error.diag.message_primary or str(error)
    return " ".join(message.split()) or type(error).__name__
