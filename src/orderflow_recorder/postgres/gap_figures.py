"""The gap ledger in figures, for metrics; changes nothing."""

from threading import Lock
from typing import Any, Final, LiteralString

import msgspec
import psycopg

from orderflow_recorder.domain.gaps import WANTED
from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.errors import sink_error

_SETTINGS: Final[LiteralString] = "SET default_transaction_read_only TO on; SET statement_timeout TO '10s'"

# A hole that was asked for never gets too old to be healed.
_FIGURES: Final[LiteralString] = """
SELECT market, cause, status, count(*),
       coalesce(sum(last_missing_id - first_missing_id + 1) FILTER (WHERE stream IN ('trade', 'aggTrade')), 0)::bigint,
       extract(epoch FROM min(coalesce(from_time, opened_at))
               FILTER (WHERE status = 'open' AND cause <> ALL(%(wanted)s::text[])))::double precision
FROM public.gaps
GROUP BY market, cause, status
ORDER BY market, cause, status
"""


class GapFigures(msgspec.Struct, frozen=True):
    """What the ledger has of one kind of gap.

    Attributes:
        market: The market.
        cause: Why, see `orderflow_recorder.domain.gaps.GapCause`.
        status: What became of them.
        gaps: How many there are.
        missing_trades: Ids of trades and aggregate trades in them.
        oldest_open_s: When the oldest that is open, and not wanted, began: seconds since the epoch; none without any.
    """

    market: str
    cause: str
    status: str
    gaps: int
    missing_trades: int
    oldest_open_s: float | None


class PostgresGapFigures:
    """Reads one database's ledger; connects when asked, and again when the connection is lost.

    May be asked from any thread; who comes second waits.
    """

    def __init__(self, url: str) -> None:
        """Remember the database, as `connection.connect` takes it."""
        self._url = url
        self._lock = Lock()
        self._connection: psycopg.Connection[Any] | None = None

    def read(self) -> list[GapFigures]:
        """Return the figures, by market, cause and status.

        Raises:
            SinkUnavailableError: Try again later.
            SinkRefusedError: A person must act.
        """
        parameters = {"wanted": list(map(str, WANTED))}
        with self._lock:
            try:
                return [GapFigures(*row) for row in self._open().execute(_FIGURES, parameters).fetchall()]
            except psycopg.Error as error:
                self._close()
                raise sink_error(error, redact_url(self._url)) from error

    def close(self) -> None:
        """Release the connection. Idempotent."""
        with self._lock:
            self._close()

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            self._connection = connect(self._url)
            self._connection.execute(_SETTINGS)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
