"""Streams are spread over sockets by route, evenly, under the limit."""

from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.collector.plan import MarketPlan, SocketTimes, spread
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream

TIMES = SocketTimes(first_frame_s=30, stall_s=15, backoff_s=0.5, backoff_max_s=30, max_session_s=82_800)


def plan(*names: str, market: Market = Market.USDM, limit: int = 200) -> MarketPlan:
    return MarketPlan(market=market, symbols=None, stream_names=names, streams_per_socket=limit, times=TIMES)


def route_of(stream: Stream) -> str:
    return "/market" if stream.name == "aggTrade" else "/public"


def test_each_route_has_its_own_sockets() -> None:
    streams = plan("aggTrade", "depth@100ms").streams(["BTCUSDT", "ETHUSDT"])
    sockets = dict(spread(streams, route_of, 10))
    assert [stream.wire for stream in sockets["/market"]] == ["btcusdt@aggTrade", "ethusdt@aggTrade"]
    assert [stream.wire for stream in sockets["/public"]] == ["btcusdt@depth@100ms", "ethusdt@depth@100ms"]


@given(count=st.integers(0, 700), limit=st.integers(1, 300))
def test_no_stream_is_lost_and_no_socket_is_over_its_limit(count: int, limit: int) -> None:
    streams = plan("trade", "aggTrade").streams(f"S{number}" for number in range(count))
    sockets = spread(streams, route_of, limit)
    sizes = [len(members) for _, members in sockets]
    assert sorted(stream for _, members in sockets for stream in members) == sorted(streams)
    assert all(0 < size <= limit for size in sizes)
    for route in ("/market", "/public"):
        shares = [len(members) for name, members in sockets if name == route]
        assert not shares or max(shares) - min(shares) <= 1
        assert len(shares) == -(-count // limit)
