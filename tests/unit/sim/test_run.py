"""The simulator as a command."""

import asyncio
import socket
from pathlib import Path

import httpx
import pytest

from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.sim.run import SimulatorOptions, make_simulator, recorder_environment, serve

FRAME = (
    b'{"t":1,"k":"ws","market":"spot","d":{"stream":"btcusdt@trade",'
    b'"data":{"t":1,"p":"1","q":"1","T":1,"E":1,"m":true}}}\n'
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    "options",
    [SimulatorOptions(speed=-1), SimulatorOptions(speed=0), SimulatorOptions(captures=[Path("/no/such/file")])],
)
def test_contradictions_are_refused(options: SimulatorOptions) -> None:
    with pytest.raises(SettingsError):
        make_simulator(options)


async def test_the_environment_points_a_recorder_here() -> None:
    simulator = make_simulator(SimulatorOptions(port=0, symbols_spot=1, symbols_usdm=0))
    async with simulator:
        environment = recorder_environment(simulator)
        assert environment["BINANCE_WS_FUTURES_BASE_URL"] == f"ws://127.0.0.1:{simulator.port}"
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(environment["BINANCE_REST_SPOT_BASE_URL"] + "/api/v3/ping")
        assert answer.status_code == 200


async def test_a_recording_goes_on_answering_after_its_end(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(FRAME)
    port = free_port()
    options = SimulatorOptions(captures=[file], port=port, speed=0, wait_for_subscribers=False)
    task = asyncio.create_task(serve(options))
    async with httpx.AsyncClient(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client:
        finished = False
        while not finished:
            try:
                finished = (await client.get("/control/status")).json()["finished"]
            except httpx.ConnectError:
                await asyncio.sleep(0)
        assert len((await client.get("/api/v3/trades?symbol=BTCUSDT")).json()) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_port_in_use_is_said_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1:{port}"):
            await serve(SimulatorOptions(port=port))
