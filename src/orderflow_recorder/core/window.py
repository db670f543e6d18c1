"""Recording windows: from one time of day to another, every day, in one time zone.

A moment is inside while the wall clock of the zone shows a time of the window. Daylight saving, where the
wall clock shows a time twice or not at all:

1. A time that is skipped counts as reached at the moment the clock jumps over it.
2. A window starts at the first of two equal times and ends at the second: rather an hour too much
   than an hour lost.
"""

from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Final

import msgspec

_DAY: Final = timedelta(days=1)
_NS: Final = 1_000_000_000


class WindowState(msgspec.Struct, frozen=True):
    """What a moment is.

    Attributes:
        is_open: Whether it is inside.
        until: The next boundary, ns since the epoch: that moment is no longer so.
    """

    is_open: bool
    until: int


class RecordingWindow:
    """The window of every day."""

    def __init__(self, start: time, end: time, *, end_day_offset: int, zone: tzinfo) -> None:
        """Keep the rule.

        Args:
            start: Wall clock of ``zone``; inside from here.
            end: Wall clock of ``zone``; outside from here.
            end_day_offset: 0 if the window ends on the day it starts, 1 if on the next.
            zone: Whose wall clock.

        Raises:
            ValueError: The window is empty, or as long as a day or longer.
        """
        length = timedelta(days=end_day_offset, hours=end.hour - start.hour, minutes=end.minute - start.minute)
        if not timedelta(0) < length < _DAY:
            message = f"expected a window longer than nothing and shorter than a day, got one of {length}"
            raise ValueError(message)
        self._start = start
        self._end = end
        self._end_day_offset = end_day_offset * _DAY
        self.zone = zone

    def at(self, now_ns: int) -> WindowState:
        """Say whether a moment is inside, and until when.

        Args:
            now_ns: The moment, ns since the epoch.
        """
        today = datetime.fromtimestamp(now_ns // _NS, self.zone).date()
        bounds = [self._bounds(datetime.combine(today + offset * _DAY, time())) for offset in range(-2, 3)]
        until = now_ns
        for start, end in bounds:
            if start <= until:  # also where a window of 23 h and more meets the next one in an hour that comes twice
                until = max(until, end)
        if until > now_ns:
            return WindowState(is_open=True, until=until)
        return WindowState(is_open=False, until=min(start for start, end in bounds if now_ns < start < end))

    def _bounds(self, day: datetime) -> tuple[int, int]:
        start = datetime.combine(day, self._start)
        end = datetime.combine(day + self._end_day_offset, self._end)
        return _instants(start, self.zone)[0] * _NS, _instants(end, self.zone)[1] * _NS


def _instants(wall: datetime, zone: tzinfo) -> tuple[int, int]:
    """Return when the wall clock of ``zone`` first and last reaches ``wall``, seconds since the epoch."""
    first, second = sorted(int(wall.replace(tzinfo=zone, fold=fold).timestamp()) for fold in (0, 1))
    if _wall(first, zone) == wall:
        return first, second
    # Skipped: the jump lies between what the old and the new offset make of the time.
    while second - first > 1:
        middle = (first + second) // 2
        if _wall(middle, zone) < wall:
            first = middle
        else:
            second = middle
    return second, second


def _wall(seconds: int, zone: tzinfo) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).astimezone(zone).replace(tzinfo=None)
