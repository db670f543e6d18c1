"""How often a key or an address may ask."""

import ipaddress
import math
import time
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

FAILURES_PER_MINUTE: Final = 20
"""Wrong keys from one address; beyond that none is even compared."""

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
        self._failures = RateLimitItemPerMinute(FAILURES_PER_MINUTE, namespace="failures")

    def count_request(self, who: str) -> int | None:
        """Count one; return after how many seconds the next one is allowed if this was one too many."""
        return None if self._limiter.hit(self._requests, who) else self._wait(self._requests, who)

    def count_failure(self, address: str) -> None:
        """Count a wrong key."""
        self._limiter.hit(self._failures, address)

    def locked_out(self, address: str) -> int | None:
        """Return for how many seconds no key of ``address`` is compared; none if they are."""
        return None if self._limiter.test(self._failures, address) else self._wait(self._failures, address)

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
