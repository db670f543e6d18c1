"""SQLAlchemy over our connections: what alembic needs, apart from what every process loads."""

from typing import Any

import psycopg
from sqlalchemy import Engine, NullPool, create_engine

from orderflow_recorder.postgres.connection import connect, normalise_url


def open_engine(url: str) -> Engine:
    """Return a SQLAlchemy engine over `connect`; it keeps no connection open."""
    normalise_url(url)
    return create_engine("postgresql+psycopg://", creator=lambda: _manual_commit(url), poolclass=NullPool)


def _manual_commit(url: str) -> psycopg.Connection[Any]:
    connection = connect(url)
    connection.autocommit = False
    return connection
