"""From our clock to the venue's: by rows that carry both times, never by comparing the two clocks.

The clocks may differ by seconds, or, where old recordings were played, by years.
"""

from bisect import bisect_left, insort
from datetime import datetime, timedelta

import polars as pl


class Clocks:
    """What the venue's clock showed when ours showed something."""

    def __init__(self, step: timedelta) -> None:
        """Know nothing yet.

        Args:
            step: Of the rows within such a time one is kept.
        """
        self._step = step
        self._pairs: list[tuple[datetime, datetime]] = []

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows of any stream.

        Args:
            rows: With receive_time and event_time. A row without event time came by REST: when it was received
                says nothing about when it happened.
        """
        both = rows.select("receive_time", "event_time").drop_nulls()
        for _, ours, venues in both.group_by(step=pl.col("event_time").dt.truncate(self._step)).first().iter_rows():
            insort(self._pairs, (ours, venues))

    def venue_time(self, received: datetime) -> datetime | None:
        """Return the venue's time of something received, by the row received nearest to it; none without rows.

        Args:
            received: By our clock.
        """
        if not self._pairs:
            return None
        after = bisect_left(self._pairs, received, key=lambda pair: pair[0])
        near = self._pairs[max(0, after - 1) : after + 1]
        ours, venues = min(near, key=lambda pair: abs(pair[0] - received))
        return venues + (received - ours)
