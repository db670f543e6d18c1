"""The simulator over real sockets, against plain clients."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidMessage, InvalidStatus

from orderflow_recorder.sim.faults import Damage
from orderflow_recorder.sim.frames import PlayedFrame
from orderflow_recorder.sim.server import Simulator
from orderflow_recorder.sim.synthetic import SyntheticSource
from tests.unit.sim.tools import (
    SPOT,
    USDM,
    InstantClock,
    ScriptedSource,
    ask,
    depth,
    opened,
    played,
    received,
    snapshot,
    trade,
)

AGG = played(USDM, "btcusdt@aggTrade", {"e": "aggTrade"})
SCRIPT = [trade(SPOT, 1), trade(USDM, 1), AGG, depth(USDM, 1, 2, 0), trade(SPOT, 2)]


@asynccontextmanager
async def simulating(
    script: list[PlayedFrame] | None = None, *, wait: bool = True, limited: bool = True
) -> AsyncIterator[Simulator]:
    books = [snapshot(market, 9, bids=[["10", "1"]]) for market in (SPOT, USDM)]
    source = ScriptedSource(SCRIPT if script is None else script, books)
    simulator = Simulator(source, clock=InstantClock(), speed=0, wait_for_subscribers=wait, enforce_limits=limited)
    async with simulator:
        yield simulator


async def get(simulator: Simulator, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.get(simulator.base_rest_url(SPOT) + path, headers=headers)


async def played_to(simulator: Simulator, path: str) -> list[Any]:
    """Play everything, and return what a socket on ``path`` got of it."""
    async with opened(simulator, path) as socket:
        simulator.control.start()
        await simulator.finished.wait()
        await socket.send('{"method":"LIST_SUBSCRIPTIONS","id":7}')
        frames = []
        while '"id":7' not in (frame := str(await socket.recv())):
            frames.append(json.loads(frame))
        return frames


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("/stream?streams=btcusdt@trade", [1, 2]),
        ("/public/stream?streams=btcusdt@trade/btcusdt@aggTrade", [1]),
        ("/market/stream?streams=btcusdt@trade/btcusdt@aggTrade", [None]),
        ("/market/stream?streams=btcusdt@trade", []),
        ("/private/stream?streams=btcusdt@trade", []),
        ("/stream?streams=BTCUSDT@trade/btcusdt@nonsense", []),
        ("/public/stream?streams=BTCUSDT@trade", []),
    ],
)
async def test_a_route_delivers_what_it_carries_and_is_silent_otherwise(path: str, ids: list[int | None]) -> None:
    async with simulating() as simulator:
        frames = await played_to(simulator, path)
    assert [frame["data"].get("t") for frame in frames] == ids


async def test_raw_sockets_get_the_payload_alone() -> None:
    async with simulating() as simulator:
        frames = await played_to(simulator, "/ws/btcusdt@trade")
    assert [frame["t"] for frame in frames] == [1, 2]


async def test_a_wrong_route_is_acknowledged_and_silent() -> None:
    async with simulating() as simulator, opened(simulator, "/market/ws") as socket:
        request = {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "x@y"], "id": 3}
        assert await ask(socket, request) == {"result": None, "id": 3}
        simulator.control.start()
        await simulator.finished.wait()
        assert (await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": 4}))["id"] == 4


async def test_subscribe_takes_effect_and_unsubscribe_too() -> None:
    async with simulating() as simulator, opened(simulator, "/stream") as socket:
        await ask(socket, {"method": "SUBSCRIBE", "params": ["btcusdt@trade", "ethusdt@trade"], "id": 1})
        await ask(socket, {"method": "UNSUBSCRIBE", "params": ["ethusdt@trade"], "id": 2})
        simulator.control.start()
        assert [frame["stream"] for frame in await received(socket, 2)] == ["btcusdt@trade"] * 2


async def test_frames_arrive_byte_for_byte() -> None:
    odd = PlayedFrame(0, SPOT, "a@kline_1m", b'{ "stream":"a@kline_1m" ,"data":{"x":1.0e2}}')
    async with simulating([odd]) as simulator, opened(simulator, "/stream?streams=a@kline_1m") as socket:
        simulator.control.start()
        assert await socket.recv(decode=False) == odd.combined


async def test_playback_waits_until_every_market_has_a_listener() -> None:
    async with simulating() as simulator, opened(simulator, "/ws/btcusdt@trade"):
        assert not simulator.started.is_set()
        async with opened(simulator, "/public/ws/btcusdt@trade"):
            await simulator.finished.wait()


async def test_without_waiting_it_plays_at_once() -> None:
    async with simulating(wait=False) as simulator:
        await simulator.finished.wait()
        assert len(simulator.truth.trades(SPOT, "BTCUSDT")) == 2
        await simulator.wait_played()


async def test_the_pace_follows_the_clock() -> None:
    clock = InstantClock()
    frames = [PlayedFrame(second * 1_000_000_000, SPOT, "a@x", b"{}") for second in range(11)]
    async with Simulator(ScriptedSource(frames), clock=clock, speed=2.0, wait_for_subscribers=False) as simulator:
        await simulator.finished.wait()
    assert clock.now == pytest.approx(1005.0)


async def test_too_many_messages_close_the_socket() -> None:
    async with simulating() as simulator, opened(simulator, "/ws") as socket:
        for number in range(5):
            await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        with pytest.raises(ConnectionClosedError) as closed:
            await received(socket, 10)
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "Too many requests")


async def test_pings_count_as_messages() -> None:
    async with simulating() as simulator, opened(simulator, "/public/ws") as socket:
        with pytest.raises(ConnectionClosed):
            await asyncio.gather(*[await socket.ping() for _ in range(200)])


async def test_limits_can_be_switched_off() -> None:
    async with simulating(limited=False) as simulator, opened(simulator, "/ws") as socket:
        for number in range(50):
            assert (await ask(socket, {"method": "LIST_SUBSCRIPTIONS", "id": number}))["id"] == number


async def test_a_url_with_too_many_streams_is_closed() -> None:
    async with simulating() as simulator:
        path = "/ws/" + "/".join(f"s{number}@t" for number in range(1025))
        async with connect(simulator.base_ws_url(SPOT) + path) as socket:
            await socket.wait_closed()
            assert socket.close_code == 1008


async def test_the_server_pings_as_each_market_does() -> None:
    async with simulating() as simulator, opened(simulator, "/ws"), opened(simulator, "/market/ws"):
        sockets = {session.endpoint.market: session.connection for session in simulator.control._hub.sessions()}  # noqa: SLF001  # no other way to see it without waiting
        assert (sockets[SPOT].ping_interval, sockets[SPOT].ping_timeout) == (20.0, 60.0)
        assert (sockets[USDM].ping_interval, sockets[USDM].ping_timeout) == (180.0, 600.0)


async def test_rest_answers_with_weight() -> None:
    async with simulating(wait=False) as simulator:
        await simulator.finished.wait()
        first = await get(simulator, "/api/v3/depth?symbol=BTCUSDT&limit=1000")
        second = await get(simulator, "/api/v3/time")
        futures = await get(simulator, "/fapi/v1/trades?symbol=BTCUSDT")
    assert first.json()["lastUpdateId"] == 9
    assert (first.headers["X-MBX-USED-WEIGHT-1M"], second.headers["X-MBX-USED-WEIGHT-1M"]) == ("50", "51")
    assert [each["id"] for each in futures.json()] == [1]
    assert futures.headers["X-MBX-USED-WEIGHT-1M"] == "5"


async def test_too_much_weight_is_refused() -> None:
    async with simulating() as simulator:
        for _ in range(24):
            assert (await get(simulator, "/api/v3/depth?symbol=BTCUSDT&limit=5000")).status_code == 200
        refused = await get(simulator, "/api/v3/ping")
        futures = await get(simulator, "/fapi/v1/ping")
    assert (refused.status_code, refused.json()["code"]) == (429, -1003)
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert futures.status_code == 200


async def test_unknown_paths_are_404() -> None:
    async with simulating() as simulator:
        assert (await get(simulator, "/api/v3/klines")).status_code == 404
        with pytest.raises(InvalidStatus):
            async with connect(simulator.base_ws_url(SPOT) + "/elsewhere"):
                pass


async def test_frames_that_are_lost_still_advance_the_truth() -> None:
    async with simulating() as simulator:
        simulator.control.lose(pattern="spot:*", count=1)
        frames = await played_to(simulator, "/ws/btcusdt@trade")
        assert [frame["t"] for frame in frames] == [2]
        assert [entry.id for entry in simulator.truth.trades(SPOT, "BTCUSDT")] == [1, 2]


async def test_silence_keeps_the_socket_open() -> None:
    async with simulating() as simulator:
        simulator.control.silence(seconds=60, market=SPOT)
        assert await played_to(simulator, "/ws/btcusdt@trade") == []


async def test_duplicates_and_swaps_arrive() -> None:
    async with simulating() as simulator:
        simulator.control.reorder(pattern="spot:*")
        assert [frame["t"] for frame in await played_to(simulator, "/ws/btcusdt@trade")] == [2, 1]
    async with simulating() as simulator:
        simulator.control.duplicate(pattern="spot:*")
        assert [frame["t"] for frame in await played_to(simulator, "/ws/btcusdt@trade")] == [1, 1, 2]


@pytest.mark.parametrize("kind", list(Damage))
async def test_malformed_frames_arrive_malformed(kind: Damage) -> None:
    async with simulating() as simulator, opened(simulator, "/ws/btcusdt@trade") as socket:
        simulator.control.malform(kind=kind)
        simulator.control.start()
        frame = await socket.recv(decode=False)
        with pytest.raises((ValueError, TypeError)):
            int(json.loads(frame)["E"])
        assert json.loads(await socket.recv())["t"] == 2


async def test_dropped_sockets_see_no_close_frame() -> None:
    async with simulating() as simulator, opened(simulator, "/ws") as spot, opened(simulator, "/market/ws") as futures:
        assert simulator.control.drop(market=SPOT) == {"sockets": 1}
        await spot.wait_closed()
        assert spot.close_code == 1006
        assert (await ask(futures, {"method": "LIST_SUBSCRIPTIONS", "id": 1}))["id"] == 1


async def test_a_client_that_vanishes_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with simulating() as simulator, opened(simulator, "/ws/btcusdt@trade") as gone:
        gone.transport.abort()
        await gone.wait_closed()
        while simulator.control.status()["sockets"]:  # noqa: ASYNC110  # the server's side has no event to wait for
            await asyncio.sleep(0)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_sockets_are_closed_with_the_code_asked_for() -> None:
    async with simulating() as simulator, opened(simulator, "/ws") as socket:
        simulator.control.close(code=1012)
        await socket.wait_closed()
        assert socket.close_code == 1012


async def test_a_shutdown_is_announced_on_spot() -> None:
    async with simulating() as simulator, opened(simulator, "/ws") as raw, opened(simulator, "/stream") as combined:
        simulator.control.shutdown_notice(seconds=0)
        assert json.loads(await raw.recv())["e"] == "serverShutdown"
        assert json.loads(await combined.recv())["stream"] == "!serverShutdown"
        await raw.wait_closed()
        assert raw.close_code == 1001


async def test_sessions_are_cut_early() -> None:
    async with simulating() as simulator, opened(simulator, "/ws") as old:
        simulator.control.max_session(seconds=0.05)
        async with opened(simulator, "/ws") as new:
            await old.wait_closed()
            await new.wait_closed()
        simulator.control.max_session()
        async with opened(simulator, "/ws") as later:
            assert (await ask(later, {"method": "LIST_SUBSCRIPTIONS", "id": 1}))["id"] == 1


async def test_connections_are_refused() -> None:
    async with simulating() as simulator:
        url = simulator.base_ws_url(SPOT) + "/ws"
        simulator.control.refuse(count=1)
        with pytest.raises(InvalidStatus):
            async with connect(url):
                pass
        simulator.control.refuse(count=1, how="raw")
        with pytest.raises((InvalidMessage, OSError)):
            async with connect(url):
                pass
        async with connect(url):
            pass


async def test_rest_faults_reach_the_client() -> None:
    async with simulating() as simulator:
        simulator.control.rate_limit(status=418, retry_after=9)
        banned = await get(simulator, "/fapi/v1/ping")
        assert (banned.status_code, banned.headers["Retry-After"]) == (418, "9")
        simulator.control.error_rest(status=403)
        blocked = await get(simulator, "/api/v3/ping")
        assert (blocked.status_code, blocked.headers["Content-Type"]) == (403, "text/html")
        simulator.control.slow_rest(seconds=30)
        assert (await get(simulator, "/api/v3/ping")).status_code == 200
        simulator.control.stale_snapshots()
        stale, fresh = [(await get(simulator, "/api/v3/depth?symbol=BTCUSDT")).json() for _ in range(2)]
        assert stale["lastUpdateId"] < fresh["lastUpdateId"]


async def test_delisting_shows_in_exchange_info_and_quiets_the_streams() -> None:
    async with simulating() as simulator:
        simulator.control.delist(symbol="btcusdt", market=SPOT)
        info = (await get(simulator, "/api/v3/exchangeInfo")).json()
        assert info["symbols"][0]["status"] == "BREAK"
        assert await played_to(simulator, "/ws/btcusdt@trade") == []


async def test_a_pause_holds_the_playback() -> None:
    async with simulating() as simulator:
        simulator.control.pause()
        simulator.control.start()
        await simulator.started.wait()
        assert simulator.control.status()["paused"] is True
        assert not simulator.finished.is_set()
        simulator.control.resume()
        await simulator.finished.wait()


async def test_control_works_over_http() -> None:
    async with simulating() as simulator:
        assert (await get(simulator, "/control/start")).json() == {"ok": True}
        await simulator.finished.wait()
        status = (await get(simulator, "/control/status")).json()
        assert (status["finished"], status["frames_played"]) == (True, 5)
        truth = (await get(simulator, "/control/truth?market=spot&symbol=btcusdt")).json()
        assert (truth["lastUpdateId"], truth["lastTradeId"], truth["bids"]) == (9, 2, [["10", "1"]])


async def test_live_spot_times_come_in_microseconds_on_request() -> None:
    source = SyntheticSource(1, 0, rate=50.0)
    async with (
        Simulator(source, clock=InstantClock(), wait_for_subscribers=True) as simulator,
        opened(simulator, "/ws/btcusdt@trade?timeUnit=MICROSECOND") as fine,
        opened(simulator, "/ws/btcusdt@trade") as coarse,
    ):
        micro, milli = json.loads(await fine.recv()), json.loads(await coarse.recv())
        while micro["t"] != milli["t"]:  # they joined the flow at different places
            behind = fine if micro["t"] < milli["t"] else coarse
            frame = json.loads(await behind.recv())
            micro, milli = (frame, milli) if behind is fine else (micro, frame)
    assert (micro["T"], micro["E"]) == (milli["T"] * 1000, milli["E"] * 1000)


async def test_live_rest_equals_the_stream() -> None:
    source = SyntheticSource(0, 1, rate=20.0)
    async with (
        Simulator(source, wait_for_subscribers=True, speed=20.0) as simulator,
        opened(simulator, "/public/ws/btcusdt@trade") as socket,
    ):
        simulator.control.start()
        streamed = [frame for frame in await received(socket, 100) if frame["X"] == "MARKET"]
        simulator.control.pause()
        answered = (await get(simulator, "/fapi/v1/trades?symbol=BTCUSDT&limit=1000")).json()
    by_id = {each["id"]: each for each in answered}
    for frame in streamed:
        twin = by_id[frame["t"]]
        assert (twin["price"], twin["qty"], twin["time"]) == (frame["p"], frame["q"], frame["T"])


async def test_a_reader_that_is_too_slow_is_cut_off_from_live_flow() -> None:
    big = [PlayedFrame(0, SPOT, "a@x", b'{"stream":"a@x","data":"%s"}' % (b"x" * 1_000_000)) for _ in range(200)]
    source = ScriptedSource(big)
    async with (
        Simulator(source, clock=InstantClock(), speed=0, lossless=False) as simulator,
        connect(simulator.base_ws_url(SPOT) + "/ws/a@x", max_queue=1, close_timeout=1, max_size=None) as socket,
    ):
        await simulator.finished.wait()
        with pytest.raises(ConnectionClosed):
            await received(socket, len(big))


async def test_a_port_in_use_is_an_os_error() -> None:
    async with simulating() as simulator:
        second = Simulator(ScriptedSource(SCRIPT), port=simulator.port)
        with pytest.raises(OSError, match="address already in use"):
            await second.start()
        await second.stop()
