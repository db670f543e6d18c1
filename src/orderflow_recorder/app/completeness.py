"""The database for the commands that show and prove completeness."""

from collections.abc import Iterator
from contextlib import contextmanager

from orderflow_recorder.app.admin import running_database
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.domain.errors import SinkRefusedError


@contextmanager
def existing_database(settings: Settings) -> Iterator[str]:
    """Give the URL of a database that is there; an embedded server is started, never made.

    Raises:
        SinkRefusedError: There is none, or it cannot run here.
    """
    if not settings.db_url and not (settings.postgres_directory / "PG_VERSION").is_file():
        raise SinkRefusedError(
            f"nothing has been recorded here: expected a database in {settings.postgres_directory}; "
            "record first, or set DATA_DIR or DB_URL"
        )
    with running_database(settings) as url:
        yield url
