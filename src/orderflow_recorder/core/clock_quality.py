"""How far the host's clock is from the venue's, and whether the host stood still.

The offset: the venue's clock is read between two readings of ours; it was read at their middle, give or
take half of the round trip. Of several readings the one with the shortest round trip says most.

Standing still: a watch that looks once a second notices when much more than a second has passed. It must
be given a clock that goes on while the host is suspended; the wall clock would not do, as it may be
stepped (NTP) while nothing stands still.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

OFFSET_LIMIT_MS: Final = 500.0
"""A clock that is further off deserves a warning."""

STANDSTILL_S: Final = 5.0
"""A look that comes so much later than planned means that the process did not run."""

_NS: Final = 1_000_000_000
_NS_PER_MS: Final = 1_000_000


class ClockSample(msgspec.Struct, frozen=True):
    """One reading of the venue's clock.

    Attributes:
        sent_at: Our wall clock before, ns since the epoch.
        round_trip_s: From there to the answer, seconds of a clock that nobody sets.
        venue_time: What the venue said, ns since the epoch.
    """

    sent_at: int
    round_trip_s: float
    venue_time: int


class ClockOffset(msgspec.Struct, frozen=True):
    """Our clock minus the venue's, and the round trip: half of it is in doubt. Milliseconds."""

    offset_ms: float
    round_trip_ms: float

    @property
    def is_off(self) -> bool:
        """Say whether the clock is off by more than `OFFSET_LIMIT_MS`, whatever the network did."""
        return abs(self.offset_ms) - self.round_trip_ms / 2 > OFFSET_LIMIT_MS


def best_offset(samples: Iterable[ClockSample]) -> ClockOffset:
    """Return what the sample with the shortest round trip says.

    Args:
        samples: At least one.
    """
    best = min(samples, key=lambda sample: sample.round_trip_s)
    middle = best.sent_at + round(best.round_trip_s * _NS) // 2
    return ClockOffset(round((middle - best.venue_time) / _NS_PER_MS, 3), round(best.round_trip_s * 1000, 3))


class Standstill(msgspec.Struct, frozen=True):
    """The process did not run between the two moments (ns since the epoch)."""

    from_time: int
    to_time: int


class ProgressWatch:
    """Notices that the process stood still: the host was suspended, or far too busy."""

    def __init__(self, *, period_s: float, now: float) -> None:
        """Start looking.

        Args:
            period_s: Planned time between looks, seconds.
            now: Seconds of a clock that nobody sets and that goes on during suspend.
        """
        self._period_s = period_s
        self._looked_at = now

    def on_look(self, now: float, wall_ns: int) -> Standstill | None:
        """Look; call every ``period_s``.

        Args:
            now: Seconds of the same clock as at the start.
            wall_ns: Wall time, ns since the epoch.

        Returns:
            Since when nothing had run, if that was too long.
        """
        elapsed_s, self._looked_at = now - self._looked_at, now
        if elapsed_s - self._period_s <= STANDSTILL_S:
            return None
        # Counted back from the wall clock of now: it may have been stepped in between.
        return Standstill(wall_ns - round(elapsed_s * _NS), wall_ns)
