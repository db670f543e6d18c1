"""Times as text: ISO 8601, UTC, microseconds, ``Z``."""

from datetime import UTC, datetime
from functools import lru_cache

_NS_PER_S = 1_000_000_000


@lru_cache(maxsize=4096)  # what comes at once has one time of receipt, and often one of the match
def iso(nanoseconds: int) -> str:
    """Return a time as text, cut to microseconds.

    Args:
        nanoseconds: Since the epoch.
    """
    second, rest = divmod(nanoseconds, _NS_PER_S)
    return f"{_second(second)}.{rest // 1000:06d}Z"


def iso_moment(moment: datetime) -> str:
    """Return an aware moment as text."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@lru_cache(maxsize=4096)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
