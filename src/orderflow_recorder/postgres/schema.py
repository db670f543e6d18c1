"""Schema upgrades, and whether a database's schema is the one this version writes."""

from enum import StrEnum
from typing import Any, Final

import msgspec
import psycopg

from orderflow_recorder.domain.errors import SchemaMismatchError, SinkRefusedError
from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.errors import sink_error

MIGRATION_LOCK: Final = 0x6F72_6465_7266_6C6F
"""Key of the advisory lock that an upgrade holds: ``orderflo``."""
OLDEST_SERVER: Final = 15
"""First major version with NULLS NOT DISTINCT, which keeps sync_events free of duplicates."""

REVISIONS: Final = ("0001_initial", "0002_ledger", "0003_books", "0004_candles")
"""All there are, the newest last: written down, so that who only compares needs no alembic."""


class SchemaStatus(StrEnum):
    """How a database's schema relates to this version."""

    EMPTY = "empty"
    CURRENT = "current"
    OLD = "old"
    UNKNOWN = "unknown"


class SchemaState(msgspec.Struct, frozen=True):
    """What `check` found.

    Attributes:
        status: Empty, current, old, or a revision that this version does not know (a newer one).
        revision: The database's revision, if it has one.
        head: The revision this version writes.
    """

    status: SchemaStatus
    revision: str | None
    head: str

    @property
    def message(self) -> str:
        """Return one line that says what is and what to do."""
        match self.status:
            case SchemaStatus.EMPTY:
                return f"the database has no schema yet, expected {self.head}: run `orderflow-recorder db upgrade`"
            case SchemaStatus.CURRENT:
                return f"the schema is current ({self.head})"
            case SchemaStatus.OLD:
                return f"the schema is at {self.revision}, expected {self.head}: run `orderflow-recorder db upgrade`"
            case SchemaStatus.UNKNOWN:
                return (
                    f"the schema is at {self.revision}, which this version does not know (it knows up to {self.head}): "
                    "update orderflow-recorder"
                )


def upgrade(url: str, *, revision: str = "head") -> None:
    """Bring the schema to ``revision``; safe to run from several processes at once.

    Args:
        url: The database, as `connect` takes it.
        revision: Target, the newest by default.

    Raises:
        SinkUnavailableError: No server answers.
        SinkRefusedError: A person must act: permissions, a server that is too old, a schema that is
            newer than this version.
    """
    state = check(url)
    if state.status is SchemaStatus.UNKNOWN:
        raise SchemaMismatchError(f"{redact_url(url)}: {state.message}")
    if state.status is SchemaStatus.CURRENT and revision == "head":
        return
    from orderflow_recorder.postgres import migrate  # noqa: PLC0415  # 25 MB and a second, which few starts need

    migrate.upgrade(url, revision)


def downgrade(url: str, *, revision: str) -> None:
    """Take the schema back to ``revision`` (``base`` drops every table and all data)."""
    from orderflow_recorder.postgres import migrate  # noqa: PLC0415  # as above

    migrate.downgrade(url, revision)


def check(url: str) -> SchemaState:
    """Say whether the schema is the one this version writes; changes nothing."""
    with connect(url) as connection:
        require_server(connection, redact_url(url))
        try:
            return schema_state(read_revision(connection))
        except psycopg.Error as error:
            raise sink_error(error, redact_url(url)) from error


def read_revision(connection: psycopg.Connection[Any]) -> str | None:
    """Return the revision that a database says it has, or none if it has no schema."""
    row = connection.execute("SELECT to_regclass('public.alembic_version')::text").fetchone()
    if row is None or row[0] is None:
        return None
    row = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
    return None if row is None else str(row[0])


def schema_state(revision: str | None) -> SchemaState:
    """Return how ``revision``, read from ``alembic_version``, relates to this version."""
    head = REVISIONS[-1]
    if revision is None:
        status = SchemaStatus.EMPTY
    elif revision == head:
        status = SchemaStatus.CURRENT
    elif revision in REVISIONS:
        status = SchemaStatus.OLD
    else:
        status = SchemaStatus.UNKNOWN
    return SchemaState(status, revision, head)


def require_server(connection: psycopg.Connection[Any], address: str) -> None:
    """Raise `SinkRefusedError` where the server's major version is older than `OLDEST_SERVER`."""
    major = connection.info.server_version // 10_000
    if major < OLDEST_SERVER:
        message = f"{address}: PostgreSQL {OLDEST_SERVER} or newer is needed, this is {major}: upgrade the server"
        raise SinkRefusedError(message)


def database_kind(url: str) -> str:
    """Return what the database is, e.g. ``PostgreSQL 18.6 without TimescaleDB``."""
    with connect(url) as connection:
        number = connection.info.server_version
        installed = connection.execute("SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'").fetchone()
        license_ = connection.execute("SELECT current_setting('timescaledb.license', true)").fetchone()
    server = f"PostgreSQL {number // 10_000}.{number % 10_000}"
    if installed is None:
        return f"{server} without TimescaleDB"
    match license_:
        case ("timescale",):
            edition = "Community"
        case ("apache",):
            edition = "Apache"
        case _:
            edition = "(not loaded by the server)"
    return f"TimescaleDB {installed[0]} {edition}, {server}"
