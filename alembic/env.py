# ruff: noqa: INP001  # alembic loads this file by path, it is no package
"""Alembic environment: which database, one lock, one transaction.

The database is the connection in ``config.attributes["connection"]``, or ``-x url=…``, or ``DB_URL``.
"""

import os

from alembic import context
from sqlalchemy import Connection, text

from orderflow_recorder.postgres.engine import open_engine
from orderflow_recorder.postgres.schema import MIGRATION_LOCK
from orderflow_recorder.postgres.tables import metadata


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        # Two starters must not race: the second waits here, then finds nothing left to do.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        # Tables and alembic_version belong into public, whatever the role's own search path says.
        connection.execute(text("SET LOCAL search_path TO public"))
        context.run_migrations()


def _main() -> None:
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate(connection)
        return
    url = context.get_x_argument(as_dictionary=True).get("url") or os.environ.get("DB_URL")
    if not url:
        message = "no database: set DB_URL, or pass -x url=postgresql://user:password@host/database"
        raise SystemExit(message)
    with open_engine(url).connect() as opened:
        _migrate(opened)


_main()
