"""What to record, as plain values, and how streams are spread over sockets (pure)."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from orderflow_recorder.core.shards import WHOLE, Shard
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream


class SocketTimes(msgspec.Struct, frozen=True):
    """Deadlines and delays of a socket, in seconds.

    Attributes:
        first_frame_s: A stream that has not spoken by then is looked into.
        stall_s: A socket that is silent for so long is looked into.
        backoff_s: First delay before a reconnect.
        backoff_max_s: Longest one.
        max_session_s: A socket is replaced before it is that old.
    """

    first_frame_s: float
    stall_s: float
    backoff_s: float
    backoff_max_s: float
    max_session_s: float


class MarketPlan(msgspec.Struct, frozen=True):
    """What one market client records.

    Attributes:
        market: The market.
        symbols: Upper case; none means every symbol that trades, followed as they come and go.
        stream_names: Wire names without the symbol, e.g. ``trade``, ``depth@100ms``.
        streams_per_socket: At most so many streams on one socket.
        times: Deadlines and delays.
        snapshot_refresh_s: A synced book gets a fresh snapshot that often.
        follow_s: The symbol list is read again that often.
        shard: Of every symbol that trades, those are recorded which it takes.
    """

    market: Market
    symbols: Sequence[str] | None
    stream_names: Sequence[str]
    streams_per_socket: int
    times: SocketTimes
    snapshot_refresh_s: float = 3600.0
    follow_s: float = 3600.0
    shard: Shard = WHOLE

    def streams(self, symbols: Iterable[str]) -> list[Stream]:
        """Return every stream of ``symbols``, a symbol's streams side by side."""
        return [Stream(self.market, symbol, name) for symbol in symbols for name in self.stream_names]


def spread(streams: Iterable[Stream], route_of: Callable[[Stream], str], limit: int) -> list[tuple[str, list[Stream]]]:
    """Split ``streams`` into sockets: one route each, at most ``limit`` streams, in even shares.

    Args:
        streams: What to subscribe to.
        route_of: The route that carries a stream.
        limit: Streams a socket may carry.

    Returns:
        ``(route, streams)`` of each socket.
    """
    by_route: dict[str, list[Stream]] = {}
    for stream in streams:
        by_route.setdefault(route_of(stream), []).append(stream)
    sockets: list[tuple[str, list[Stream]]] = []
    for route, members in by_route.items():
        count = -(-len(members) // limit)
        share, extra = divmod(len(members), count)
        start = 0
        for index in range(count):
            end = start + share + (1 if index < extra else 0)
            sockets.append((route, members[start:end]))
            start = end
    return sockets
