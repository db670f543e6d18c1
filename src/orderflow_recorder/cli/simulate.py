"""``simulate``: a Binance of one's own."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from orderflow_recorder.app import logs
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.domain.errors import OrderflowError, SettingsError
from orderflow_recorder.sim.run import SimulatorOptions, serve


def simulate(
    captures: Annotated[
        list[Path] | None,
        typer.Argument(help="Recordings to play: .jsonl, .jsonl.gz or journal folders. None: synthetic order flow."),
    ] = None,
    *,
    speed: Annotated[float, typer.Option(help="Times as fast as recorded; 0: as fast as can be.", min=0)] = 1.0,
    symbols_spot: Annotated[int, typer.Option(help="Synthetic spot symbols.", min=0)] = 2,
    symbols_usdm: Annotated[int, typer.Option(help="Synthetic futures symbols.", min=0)] = 2,
    rate: Annotated[float, typer.Option(help="Synthetic taker orders a second and symbol.", min=0.001)] = 5.0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same order flow.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any free one.", min=0, max=65535)] = 9777,
) -> None:
    """Speak Binance's public protocol, both markets on one port, from recordings or made-up order flow."""
    settings = load_settings()
    logs.configure(
        process="simulator",
        level=settings.log_level,
        log_format=settings.log_format,
        directory=settings.log_dir,
        instance=settings.instance_id,
    )
    options = SimulatorOptions(
        captures=tuple(captures or ()),
        symbols_spot=symbols_spot,
        symbols_usdm=symbols_usdm,
        rate=rate,
        seed=seed,
        host=host,
        port=port,
        speed=speed,
    )
    try:
        asyncio.run(serve(options))
    except SettingsError as error:
        if isinstance(error.__cause__, OSError):  # what was asked for is right, this machine does not allow it
            raise OrderflowError(str(error)) from error
        raise
