"""How often a key or an address may ask."""

import ipaddress
import math
import time
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

FAILURES_PER_MINUTE: Final = 20
"""Wrong keys from one address; beyond that no new one counts, right or wrong."""

_MOST_WELCOME: Final = 10_000
_NETWORK_BITS: Final = 64


class Rates:
    """Counts requests by whom they came from, and wrong keys by address."""

    def __init__(self, per_minute: int) -> None:
        """Begin with nothing counted.

        Args:
            per_minute: Requests of one key, or of one address without a key.
        """
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._requests = RateLimitItemPerMinute(per_minute)
        self._welcome: dict[tuple[str, str], None] = {}
        self._failures = RateLimitItemPerMinute(FAILURES_PER_MINUTE, namespace="failures")

    def count_request(self, who: str) -> int | None:
        """Count one; return after how many seconds the next one is allowed if this was one too many."""
        return None if self._limiter.hit(self._requests, who) else self._wait(self._requests, who)

    def hear(self, address: str, key: str | None) -> int | None:
        """Count a key that came from ``address``; return for how many seconds none from there counts, if so.

        Whoever came from there with a right key before is heard all the same: a program with an old key must not shut
        out its neighbours.

        Args:
            address: Where it came from.
            key: The number of the key; none for a wrong one.
        """
        if key is not None and (address, key) in self._welcome:
            return None
        if not self._limiter.test(self._failures, address):
            return self._wait(self._failures, address)
        if key is None:
            self._limiter.hit(self._failures, address)
        else:
            if len(self._welcome) >= _MOST_WELCOME:
                del self._welcome[next(iter(self._welcome))]
            self._welcome[address, key] = None
        return None

    def _wait(self, item: RateLimitItemPerMinute, who: str) -> int:
        return max(1, math.ceil(self._limiter.get_window_stats(item, who).reset_time - time.time()))


def address_of(host: str | None) -> str:
    """Return what an address is counted as: a network of IPv6, which one machine has as a whole."""
    try:
        found = ipaddress.ip_address(host or "")
    except ValueError:
        return host or "unknown"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((found, _NETWORK_BITS), strict=False))
    return str(found)
