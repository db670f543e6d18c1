"""What the tables say of a book that a loader takes up again.

Snapshots are found by receive times, diffs by event times, each within its own clock: those of the two
never meet. Where the diffs after a book begin is the event time of the last one that the book contains.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final, LiteralString

import psycopg

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff
from orderflow_recorder.ports.books import BookSeed
from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.copy_text import timestamp
from orderflow_recorder.postgres.errors import sink_error

# A diff that came early is applied late: its checkpoint has a greater id than one that was received after it.
_CHECKPOINT: Final[LiteralString] = """
SELECT max(receive_time) OVER (),
       last_update_id, source, (extract(epoch FROM receive_time) * 1000000)::bigint * 1000,
       bid_prices::text[], bid_quantities::text[], ask_prices::text[], ask_quantities::text[],
       known_bid::text, known_ask::text
FROM (
    SELECT *
    FROM public.book_snapshots
    WHERE market = %(market)s AND symbol = %(symbol)s AND source = 'checkpoint'
      AND receive_time <= %(received)s::timestamptz
      AND receive_time > %(received)s::timestamptz - %(reach)s::interval
    ORDER BY receive_time DESC, last_update_id DESC
    LIMIT 4
) AS newest
ORDER BY last_update_id DESC
LIMIT 1"""

# A newer one that was of no use replaces an older one here as it did when it came.
_SNAPSHOT: Final[LiteralString] = """
SELECT last_update_id, source, (extract(epoch FROM receive_time) * 1000000)::bigint * 1000,
       bid_prices::text[], bid_quantities::text[], ask_prices::text[], ask_quantities::text[]
FROM (
    SELECT *
    FROM public.book_snapshots
    WHERE market = %(market)s AND symbol = %(symbol)s AND source = 'rest'
      AND receive_time <= %(received)s::timestamptz
      AND receive_time > %(received)s::timestamptz - %(reach)s::interval
    ORDER BY receive_time DESC, last_update_id DESC
    LIMIT 1
) AS newest
WHERE receive_time > %(since)s::timestamptz OR last_update_id >= %(ahead)s"""

_SINCE: Final[LiteralString] = """
SELECT event_time
FROM public.depth_diffs
WHERE market = %(market)s AND symbol = %(symbol)s AND event_time <= %(until)s::timestamptz
  AND final_update_id <= %(after)s
ORDER BY event_time DESC
LIMIT 1"""

_DIFFS: Final[LiteralString] = """
SELECT first_update_id, final_update_id, previous_final_update_id,
       (extract(epoch FROM event_time) * 1000000)::bigint * 1000,
       (extract(epoch FROM transaction_time) * 1000000)::bigint * 1000,
       (extract(epoch FROM receive_time) * 1000000)::bigint * 1000,
       bid_prices::text[], bid_quantities::text[], ask_prices::text[], ask_quantities::text[]
FROM public.depth_diffs
WHERE market = %(market)s AND symbol = %(symbol)s
  AND event_time BETWEEN %(since)s::timestamptz AND %(until)s::timestamptz + %(ahead)s::interval
  AND final_update_id > %(after)s
  AND (final_update_id <= %(final)s OR receive_time <= %(received)s::timestamptz)
ORDER BY event_time, final_update_id"""

_REACH: Final = "2 days"
"""How old a book may be to be taken up again; a bound, so that a symbol without any costs two looks at an index."""
_AHEAD: Final = "5 minutes"
"""How far beyond a diff those may lie that came before it."""
_AT_ONCE: Final = 500


class PostgresBooks:
    """Satisfies `orderflow_recorder.ports.books.BookSource`, over a connection of its own."""

    def __init__(self, url: str) -> None:
        """Remember the database; the first question connects.

        Args:
            url: As `connection.connect` takes it.
        """
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None

    def seed(self, diff: DepthDiff) -> BookSeed:
        """Return the newest checkpoint, and the venue's snapshot after it, that were there when ``diff`` came."""
        with self._asking() as connection:
            where: dict[str, Any] = {
                "market": diff.market,
                "symbol": diff.symbol,
                "received": timestamp(diff.receive_time),
                "reach": _REACH,
            }
            since, *row = connection.execute(_CHECKPOINT, where).fetchone() or ("-infinity",)
            checkpoint = BookSnapshot(diff.market, diff.symbol, *row) if row else None
            where |= {"since": since, "ahead": 0 if checkpoint is None else _first_ahead(checkpoint)}
            found = connection.execute(_SNAPSHOT, where).fetchone()
        return BookSeed(checkpoint, found and BookSnapshot(diff.market, diff.symbol, *found))

    def diffs(self, until: DepthDiff, *, after: int) -> Generator[DepthDiff, None, None]:
        """Yield the diffs after an id, and up to ``until`` or received before it; by event time, streamed."""
        market, symbol = until.market, until.symbol
        where = {"market": market, "symbol": symbol, "until": timestamp(until.event_time), "after": after}
        with self._asking() as connection, connection.transaction():
            since = connection.execute(_SINCE, where).fetchone()
            where |= {
                "since": "-infinity" if since is None else since[0],
                "ahead": _AHEAD,
                "final": until.final_update_id,
                "received": timestamp(until.receive_time),
            }
            with connection.cursor(name="book_diffs") as cursor:
                cursor.itersize = _AT_ONCE
                cursor.execute(_DIFFS, where)
                for row in cursor:
                    yield DepthDiff(Market(market), symbol, *row)

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _asking(self) -> Iterator[psycopg.Connection[Any]]:
        """Give the connection, and say what becomes of it if it fails."""
        if self._connection is None:
            self._connection = connect(self._url)
        try:
            yield self._connection
        except psycopg.Error as error:
            self.close()
            raise sink_error(error, redact_url(self._url)) from error


def _first_ahead(checkpoint: BookSnapshot) -> int:
    """Return the lowest id of a snapshot that no diff up to the checkpoint's spans (`core.sequencing.bridge`)."""
    return checkpoint.last_update_id + (checkpoint.market is Market.USDM)
