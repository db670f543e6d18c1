"""What changes in the gap ledger, look by look."""

from collections.abc import Callable
from typing import Any, Final, LiteralString

import psycopg
from psycopg.rows import dict_row

from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.errors import sink_error

# What is not healed yet may change, by the index of those; what was healed in one go shows up as new.
_CHANGES: Final[LiteralString] = """
SELECT gap_id, market, symbol, stream, first_missing_id, last_missing_id, from_time, to_time, cause, status, reason,
       opened_at, healed_at, healed_by, instance
FROM public.gaps
WHERE gap_id > %(newest)s OR gap_id = ANY(%(watched)s)
ORDER BY gap_id
"""
_KNOWN: Final[LiteralString] = """
SELECT gap_id, status, first_missing_id, last_missing_id FROM public.gaps WHERE status <> 'healed'
"""
_NEWEST: Final = "SELECT coalesce(max(gap_id), 0) FROM public.gaps"
_HEALED: Final = "healed"


class LedgerChanges:
    """The ledger of one database, as it was at the last look. Connects when asked, and again when the line is lost."""

    def __init__(self, address: Callable[[], str]) -> None:
        """Look at nothing yet.

        Args:
            address: Gives that of the database, or raises `SinkError`.
        """
        self._address = address
        self._connection: psycopg.Connection[Any] | None = None
        self._newest: int | None = None
        self._watched: dict[int, list[Any]] = {}

    def look(self) -> list[dict[str, Any]]:
        """Return the gaps that are new or changed since the last look, every column; nothing at the first.

        Raises:
            SinkUnavailableError: The database is away; the next look tells what was missed.
            SinkRefusedError: A person must act.
        """
        url = self._address()
        try:
            if self._connection is None:
                self._connection = connect(url)
            with self._connection.transaction():
                return self._look(self._connection)
        except psycopg.Error as error:
            self.close()
            raise sink_error(error, redact_url(url)) from error

    def close(self) -> None:
        """Release the connection. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _look(self, connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
        if self._newest is None:
            row = connection.execute(_NEWEST).fetchone()
            self._watched = {gap_id: state for gap_id, *state in connection.execute(_KNOWN)}
            self._newest = row[0] if row else 0
            return []
        changed = []
        with connection.cursor(row_factory=dict_row) as cursor:
            cursor.execute(_CHANGES, {"newest": self._newest, "watched": list(self._watched)})
            for row in cursor:
                gap_id = row["gap_id"]
                state = [row["status"], row["first_missing_id"], row["last_missing_id"]]
                if self._watched.get(gap_id) == state:
                    continue
                changed.append(row)
                self._newest = max(self._newest, gap_id)
                if row["status"] == _HEALED:
                    self._watched.pop(gap_id, None)
                else:
                    self._watched[gap_id] = state
        return changed
