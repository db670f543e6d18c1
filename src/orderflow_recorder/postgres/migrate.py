"""Alembic: brings a schema to a revision. Only loaded where that has to be done."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from orderflow_recorder.postgres.connection import redact_url
from orderflow_recorder.postgres.engine import open_engine
from orderflow_recorder.postgres.errors import sink_error

_INSTALLED_SCRIPTS: Final = Path(__file__).parent / "alembic"
_SOURCE_SCRIPTS: Final = Path(__file__).parents[3] / "alembic"


def upgrade(url: str, revision: str) -> None:
    """Bring the schema up to ``revision``."""
    with _connection(url) as connection:
        command.upgrade(config(connection), revision)


def downgrade(url: str, revision: str) -> None:
    """Take the schema back to ``revision``."""
    with _connection(url) as connection:
        command.downgrade(config(connection), revision)


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    """Open a SQLAlchemy connection whose driver errors come out as sink errors."""
    try:
        with open_engine(url).connect() as connection:
            yield connection
    except DBAPIError as error:
        if isinstance(error.orig, psycopg.Error):
            raise sink_error(error.orig, redact_url(url)) from error
        raise


def config(connection: Connection | None) -> Config:
    """Return what alembic needs to find the revisions, and to work on ``connection``."""
    scripts = _INSTALLED_SCRIPTS if _INSTALLED_SCRIPTS.is_dir() else _SOURCE_SCRIPTS
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
