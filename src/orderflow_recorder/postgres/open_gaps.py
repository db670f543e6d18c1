"""Reads the gap ledger for those who heal; changes nothing."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, LiteralString

from orderflow_recorder.core.shards import WHOLE, Shard
from orderflow_recorder.domain.gaps import WANTED, OpenGap
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.kept_connection import KeptConnection

_LIMIT: Final = 10_000
"""Gaps at once: enough to heal for hours, few enough to hold in memory."""

# Some holes are wanted (`domain.gaps.WANTED`): who records by day did not ask for the nights.
_OPEN: Final[LiteralString] = """
SELECT gap_id, symbol, stream, first_missing_id, last_missing_id,
       (extract(epoch FROM from_time) * 1000000)::bigint * 1000,
       (extract(epoch FROM to_time) * 1000000)::bigint * 1000,
       cause
FROM public.gaps
WHERE market = %(market)s AND status = 'open' AND stream IN ('trade', 'aggTrade') AND first_missing_id IS NOT NULL
  AND NOT cause = ANY(%(wanted)s) AND (%(symbols)s::text[] IS NULL OR symbol = ANY(%(symbols)s))
ORDER BY from_time, gap_id
LIMIT %(limit)s
"""

_SYMBOLS: Final[LiteralString] = """
SELECT DISTINCT symbol FROM public.gaps
WHERE market = %(market)s AND status = 'open' AND stream IN ('trade', 'aggTrade')
"""

# The newest suffice: they are looked at every few seconds, and older ones were acted on.
_UNREADABLE: Final[LiteralString] = """
SELECT gap_id, symbol
FROM public.gaps
WHERE market = %(market)s AND stream LIKE 'depth%%' AND cause = 'unparsable_frame' AND status <> 'healed'
ORDER BY gap_id DESC
LIMIT 1000
"""


class PostgresLedger:
    """The ledger of one database; connects when asked, and again when the connection is lost.

    May be asked from any thread; who comes second waits.
    """

    def __init__(self, url: str, shard: Shard = WHOLE) -> None:
        """Remember the database.

        Args:
            url: As `connection.connect` takes it.
            shard: Whose symbols' gaps to tell of.
        """
        self._shard = shard
        self._connection = KeptConnection(url)

    def open_gaps(self, market: Market) -> Sequence[OpenGap]:
        """Return gaps of trades and aggregate trades that the venue may still serve, oldest first.

        Raises:
            SinkUnavailableError: Try again later.
            SinkRefusedError: A person must act.
        """
        symbols = None
        if self._shard.count > 1:  # beforehand, so that the limit holds none of the others' gaps
            symbols = self._ours(market, [row[0] for row in self._connection.read(_SYMBOLS, {"market": market})])
        parameters = {"market": market, "symbols": symbols, "wanted": list(map(str, WANTED)), "limit": _LIMIT}
        rows = self._connection.read(_OPEN, parameters)
        return [OpenGap(row[0], market, *row[1:]) for row in rows]

    def unreadable_diffs(self, market: Market) -> Mapping[int, str]:
        """Return the newest gaps that a book diff left which nobody could read: symbol by gap id.

        Raises:
            SinkUnavailableError: Try again later.
            SinkRefusedError: A person must act.
        """
        found = dict(self._connection.read(_UNREADABLE, {"market": market}))
        ours = set(self._ours(market, found.values()))
        return {gap_id: symbol for gap_id, symbol in found.items() if symbol in ours}

    def _ours(self, market: Market, symbols: Iterable[str]) -> list[str]:
        return [symbol for symbol in symbols if self._shard.takes(market, symbol)]

    def close(self) -> None:
        """Release the connection. Idempotent."""
        self._connection.close()
