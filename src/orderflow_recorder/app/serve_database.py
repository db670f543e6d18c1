"""The database that `serve` reads: the one of ``DB_URL``, or the embedded one once there is one."""

import threading
from typing import Final

from orderflow_recorder import research
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.postgres.embedded import EmbeddedPostgres

PATIENCE_S: Final = 20.0
"""A question that takes longer is given up."""


class ServedDatabase:
    """Opens connections; keeps the embedded server running while it is in use, and never makes one."""

    def __init__(self, settings: Settings) -> None:
        """Open nothing yet."""
        self._settings = settings
        self._server = EmbeddedPostgres(settings.postgres_directory)
        self._lock = threading.Lock()

    def connect(self) -> research.Database:
        """Open a connection.

        Raises:
            SinkError: There is no database, or it refuses.
        """
        return research.connect(self.address(), patience_s=PATIENCE_S)

    def address(self) -> str:
        """Return where it is.

        Raises:
            SinkError: There is none.
        """
        return self._settings.db_url or self._embedded()

    def close(self) -> None:
        """Leave the embedded server to whoever else uses it; stop it if nobody does."""
        if not self._settings.db_url:
            with self._lock:
                self._server.stop()

    def _embedded(self) -> str:
        if not (self._settings.postgres_directory / "PG_VERSION").is_file():
            msg = (
                f"nothing has been recorded here yet: expected a database in {self._settings.postgres_directory}; "
                "record first, or set DATA_DIR or DB_URL"
            )
            raise SinkUnavailableError(msg)
        with self._lock:
            return self._server.start()
