"""``orderflow-recorder simulate`` behind the command line."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import msgspec
from loguru import logger

from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.sim.capture import CaptureSource
from orderflow_recorder.sim.server import Simulator
from orderflow_recorder.sim.source import Source
from orderflow_recorder.sim.synthetic import SyntheticSource


class SimulatorOptions(msgspec.Struct, frozen=True):
    """What to simulate.

    Attributes:
        captures: Recordings to play (files or journal directories); empty makes synthetic flow.
        symbols_spot: Synthetic spot symbols.
        symbols_usdm: Synthetic futures symbols.
        rate: Synthetic taker orders per second and symbol.
        seed: Of the synthetic flow, and of faults by chance.
        host: Address to listen on.
        port: 0 takes a free one.
        speed: Source seconds per second; 0 is as fast as clients take it (recordings only).
        wait_for_subscribers: Recordings begin when every market has a subscriber; synthetic flow never waits.
        enforce_limits: Keep the venue's limits.
    """

    captures: Sequence[Path] = ()
    symbols_spot: int = 2
    symbols_usdm: int = 2
    rate: float = 5.0
    seed: int = 0
    host: str = "127.0.0.1"
    port: int = 8765
    speed: float = 1.0
    wait_for_subscribers: bool = True
    enforce_limits: bool = True


def make_simulator(options: SimulatorOptions) -> Simulator:
    """Return the simulator that ``options`` describe, not yet started.

    Raises:
        SettingsError: The options contradict each other, or a recording cannot be read.
    """
    if options.speed < 0 or (options.speed == 0 and not options.captures):
        text = f"speed: expected more than 0 (or 0 with recordings: as fast as possible), got {options.speed:g}"
        raise SettingsError(text)
    source = _make_source(options)
    return Simulator(
        source,
        host=options.host,
        port=options.port,
        speed=options.speed,
        seed=options.seed,
        wait_for_subscribers=options.wait_for_subscribers and source.recorded,
        enforce_limits=options.enforce_limits,
    )


def _make_source(options: SimulatorOptions) -> Source:
    if options.captures:
        return CaptureSource(options.captures)
    return SyntheticSource(options.symbols_spot, options.symbols_usdm, options.rate, options.seed)


def recorder_environment(simulator: Simulator) -> dict[str, str]:
    """Return the settings that point a recorder at ``simulator``."""
    return {
        "BINANCE_WS_SPOT_BASE_URL": simulator.base_ws_url(Market.SPOT),
        "BINANCE_WS_FUTURES_BASE_URL": simulator.base_ws_url(Market.USDM),
        "BINANCE_REST_SPOT_BASE_URL": simulator.base_rest_url(Market.SPOT),
        "BINANCE_REST_FUTURES_BASE_URL": simulator.base_rest_url(Market.USDM),
    }


async def serve(options: SimulatorOptions) -> None:
    """Run a simulator until cancelled; after the end of a recording it goes on answering.

    Raises:
        SettingsError: The options contradict each other, a recording cannot be read, or the port is in use.
    """
    simulator = make_simulator(options)
    try:
        await simulator.start()
    except OSError as error:
        text = (
            f"cannot listen on {options.host}:{options.port}: {error.strerror}; choose another port (0: any free one)"
        )
        raise SettingsError(text) from error
    try:
        logger.info("simulator listens on {}:{}", options.host, simulator.port)
        for name, value in recorder_environment(simulator).items():
            logger.info("{}={}", name, value)
        logger.info("commands: {}/control/help", simulator.base_rest_url(Market.SPOT))
        await simulator.wait_played()
        logger.info("everything was played; books and tapes are still answered")
        await asyncio.Event().wait()
    finally:
        await simulator.stop()
