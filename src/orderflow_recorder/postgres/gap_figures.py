"""The gap ledger in figures, for metrics; changes nothing."""

from typing import Final, LiteralString

import msgspec

from orderflow_recorder.domain.gaps import WANTED
from orderflow_recorder.postgres.kept_connection import KeptConnection

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
        self._connection = KeptConnection(url)

    def read(self) -> list[GapFigures]:
        """Return the figures, by market, cause and status.

        Raises:
            SinkUnavailableError: Try again later.
            SinkRefusedError: A person must act.
        """
        return [GapFigures(*row) for row in self._connection.read(_FIGURES, {"wanted": list(map(str, WANTED))})]

    def close(self) -> None:
        """Release the connection. Idempotent."""
        self._connection.close()
