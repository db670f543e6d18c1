"""What commands do that work on the database alone, and the ``db`` commands."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec

from orderflow_recorder.app import logs
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.storage import compression_lines, retention_line, wanted_retention
from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.embedded import EmbeddedPostgres, psql_hint
from orderflow_recorder.postgres.schema import SchemaStatus, check, database_kind, upgrade
from orderflow_recorder.postgres.storage_compression import read_compression


def configure_logs(settings: Settings, command: str) -> None:
    """Set logs up for a command that prints a result: warnings only, unless LOG_LEVEL asks for details."""
    logs.configure(
        process=command,
        level="WARNING" if settings.log_level == "INFO" else settings.log_level,
        log_format=settings.log_format,
        directory=settings.log_dir,
        instance=settings.instance_id,
    )


class Address(msgspec.Struct, frozen=True):
    """Where the database is.

    Attributes:
        url: For libpq; with the password, if it has one.
        hints: Lines for people.
    """

    url: str
    hints: Sequence[str]


@contextmanager
def running_database(settings: Settings) -> Iterator[str]:
    """Give the URL of the database; an embedded server that nobody else uses stops at the end.

    Raises:
        SinkRefusedError: The embedded server cannot run here.
    """
    if settings.db_url:
        yield settings.db_url
        return
    with EmbeddedPostgres(settings.postgres_directory, log=_be_quiet) as url:
        yield url


def upgrade_schema(settings: Settings) -> str:
    """Bring the schema to this version's, and say what was done.

    Raises:
        SinkError: The database cannot be reached, or refuses.
    """
    with running_database(settings) as url:
        before = check(url)
        upgrade(url)
        after = check(url)
        change = after.message
        if before.revision != after.revision:
            change = f"upgraded from {before.revision or 'nothing'} to {after.revision}"
        return f"{redact_url(url)}: {change} ({database_kind(url)})"


def check_schema(settings: Settings) -> tuple[str, bool]:
    """Return what the schema is, with what is in force of compression and retention, and whether it is this version's.

    Raises:
        SinkError: The database cannot be reached, or refuses.
    """
    with running_database(settings) as url:
        state = check(url)
        lines = [f"{redact_url(url)}: {state.message} ({database_kind(url)})"]
        current = state.status is SchemaStatus.CURRENT
        if current:
            with connect(url) as connection:
                lines += compression_lines(read_compression(connection))
            lines.append(retention_line(wanted_retention(settings)))
        return "\n".join(lines), current


def address(settings: Settings) -> Address:
    """Return where the database is; the embedded server runs when this returns, and goes on running.

    Raises:
        SinkRefusedError: The embedded server cannot run here.
    """
    if settings.db_url:
        return Address(settings.db_url, ())
    server = EmbeddedPostgres(settings.postgres_directory, log=_be_quiet)
    was_running = server.is_running()
    # Never stopped here: whoever asked wants to connect. The next recorder on this folder takes the server over.
    url = server.start()
    hints = [f"connect with: {psql_hint(url)}"]
    if not was_running:
        hints.append(
            f"the embedded server was started; stop it with: kill -INT $(head -1 {server.data_dir}/postmaster.pid)"
        )
    return Address(url, hints)


def _be_quiet(_line: str) -> None:
    """Take the server's progress lines: commands print their result alone."""
