"""How fast the tables grow, and how long a disk lasts: pure."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

SHORTEST_NS: Final = 600_000_000_000
"""Growth over less than ten minutes says nothing about a day, ns."""
LONGEST_NS: Final = 25 * 3_600_000_000_000
"""A day, and what an hourly sample may be late, ns."""
_DAY_NS: Final = 86_400_000_000_000


class SizeSample(msgspec.Struct, frozen=True):
    """What the tables took at one time.

    Attributes:
        time: ns since the epoch.
        sizes: Bytes by table.
    """

    time: int
    sizes: Mapping[str, int]


def recent(samples: Iterable[SizeSample], now: int) -> list[SizeSample]:
    """Return the samples of the last day, oldest first.

    Args:
        samples: In any order.
        now: ns since the epoch.
    """
    return sorted((one for one in samples if 0 <= now - one.time <= LONGEST_NS), key=lambda one: one.time)


def growth_a_day(samples: Iterable[SizeSample], newest: SizeSample) -> dict[str, float]:
    """Return by how many bytes each table grows in a day; what shrinks grows by less than nothing.

    Args:
        samples: Earlier ones; the oldest of the last day counts.
        newest: What the tables take now.

    Returns:
        By table; empty where no sample is old enough.
    """
    earlier = recent(samples, newest.time)
    if not earlier or newest.time - earlier[0].time < SHORTEST_NS:
        return {}
    days = (newest.time - earlier[0].time) / _DAY_NS
    return {table: (size - earlier[0].sizes.get(table, 0)) / days for table, size in newest.sizes.items()}


def days_left(free_bytes: int, bytes_a_day: float | None) -> float | None:
    """Return after how many days a disk is full; none where it never is, or nobody knows.

    Args:
        free_bytes: On the disk.
        bytes_a_day: By which everything on it grows; none where nobody knows.
    """
    if bytes_a_day is None or bytes_a_day <= 0:
        return None
    return max(free_bytes, 0) / bytes_a_day
