"""Faults of REST and of the handshake: each is used up by the requests it hits."""

from collections import deque

import msgspec

from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.rest import RestReply

_HTML = b"<html><head><title>%d</title></head><body><center><h1>%d</h1></center></body></html>"


class _Slow(msgspec.Struct):
    seconds: float
    count: int


class RestFaults:
    """What happens to the next REST requests and connection attempts."""

    def __init__(self) -> None:
        """Begin without faults."""
        self._replies: deque[tuple[Market | None, RestReply]] = deque()
        self._slow: deque[_Slow] = deque()
        self._stale = 0
        self._refusals = 0
        self._refused_until = 0.0
        self._refuse_raw = False

    def rate_limit(self, status: int, retry_after: int | None, count: int, market: Market | None) -> None:
        """Answer the next ``count`` requests with 429 or 418."""
        body = msgspec.json.encode({"code": -1003, "msg": "Too many requests; current limit is in use."})
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._replies.extend([(market, RestReply(status, body, headers))] * count)

    def error(self, status: int, count: int, market: Market | None) -> None:
        """Answer the next ``count`` requests with an HTML error page."""
        reply = RestReply(status, _HTML % (status, status), {"Content-Type": "text/html"})
        self._replies.extend([(market, reply)] * count)

    def slow(self, seconds: float, count: int) -> None:
        """Delay the next ``count`` answers."""
        self._slow.append(_Slow(seconds, count))

    def stale(self, count: int) -> None:
        """Answer the next ``count`` depth requests with an old book."""
        self._stale += count

    def refuse(self, count: int, until: float, *, raw: bool) -> None:
        """Refuse the next ``count`` sockets, or all before ``until``; ``raw`` without any HTTP answer."""
        self._refusals, self._refused_until, self._refuse_raw = count, until, raw

    def take_reply(self, market: Market) -> RestReply | None:
        """Return the answer that stands in for the true one, if any; it is used up."""
        for place, (where, reply) in enumerate(self._replies):
            if where is None or where is market:
                del self._replies[place]
                return reply
        return None

    def take_delay(self) -> float:
        """Return the seconds to delay this answer."""
        if not self._slow:
            return 0.0
        first = self._slow[0]
        first.count -= 1
        if first.count <= 0:
            self._slow.popleft()
        return first.seconds

    def take_stale(self) -> bool:
        """Say whether this depth answer is an old one."""
        if self._stale == 0:
            return False
        self._stale -= 1
        return True

    def take_refusal(self, now: float) -> str | None:
        """Return how this connection attempt is refused (``http`` or ``raw``); none if it is not."""
        if self._refusals > 0:
            self._refusals -= 1
        elif now >= self._refused_until:
            return None
        return "raw" if self._refuse_raw else "http"
