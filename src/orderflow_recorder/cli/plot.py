"""``plot``: a picture of the order flow, as a page or a PNG."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from orderflow_recorder.app.admin import configure_logs
from orderflow_recorder.app.completeness import existing_database
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.cli.ledger_options import parse_time
from orderflow_recorder.domain.market import Market
from orderflow_recorder.plots.theme import ThemeName

if TYPE_CHECKING:
    from orderflow_recorder.plots.picture import Picture

EXAMPLES: Final = """
[bold]Examples[/bold]

[cyan]orderflow-recorder plot spot BTCUSDT[/cyan] · the last ten minutes recorded, as a page to open in a browser

[cyan]orderflow-recorder plot usdm BTCUSDT --start 2026-01-31T12:00 --minutes 60[/cyan] · an hour of another day (UTC)

[cyan]orderflow-recorder plot spot ETHUSDT --to eth.png --theme dark[/cyan] · an image

The page needs no network: everything is in it. Holes are marked in red, and say on hovering what is missing and why.
"""

_ENDINGS: Final = (".html", ".png")


def _parse_file(text: str) -> Path:
    path = Path(text)
    if path.suffix not in _ENDINGS:
        message = f"expected a file that ends on {' or '.join(_ENDINGS)}, got {text!r}"
        raise typer.BadParameter(message)
    return path


def plot(  # one argument per option
    market: Annotated[Market, typer.Argument(help="spot, or usdm (USD-M futures).", show_default=False)],
    symbol: Annotated[str, typer.Argument(help="E.g. BTCUSDT.", show_default=False, parser=str.upper)],
    *,
    start: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_time, metavar="TIME", help="First instant, by the venue's clock; UTC.", show_default=False
        ),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option(parser=parse_time, metavar="TIME", help="First instant after it; UTC.", show_default=False),
    ] = None,
    minutes: Annotated[
        float | None,
        typer.Option(
            help="Length of the period; 10 where nothing else is given.", min=0.001, max=527_040, show_default=False
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            parser=_parse_file,
            metavar="FILE",
            help="Where: .html or .png. Without it: a page here.",
            show_default=False,
        ),
    ] = None,
    theme: Annotated[
        ThemeName | None,
        typer.Option(help="Without it a page follows the reader's system, a PNG is light.", show_default=False),
    ] = None,
) -> None:
    """Draw price, trades, book, deltas, volume and holes of a symbol over a period."""
    from orderflow_recorder.app.plot import PlotRequest, draw  # noqa: PLC0415  # charts take a second to load

    if start is not None and end is not None and minutes is not None:
        message = "expected at most two of --start, --end and --minutes, got all three"
        raise typer.BadParameter(message)
    if start is not None and end is not None and start >= end:
        message = f"expected --start before --end, got {start.isoformat()} and {end.isoformat()}"
        raise typer.BadParameter(message)
    settings = load_settings()
    configure_logs(settings, "plot")
    length = None if minutes is None else timedelta(minutes=minutes)
    request = PlotRequest(market=market, symbol=symbol, start=start, end=end, length=length, theme=theme)
    terminal = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        existing_database(settings) as url,
        Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as progress,
    ):
        bar = progress.add_task("plotting", total=None)

        def observe(label: str, done: int, work: int) -> None:
            progress.update(bar, description=label, completed=done, total=work)

        path, picture = draw(url, request, to, observe)
    typer.echo(f"{path}: {summary(picture)}")


def summary(picture: "Picture") -> str:
    """Return what a picture shows, in a line."""
    from orderflow_recorder.plots.words import holes_words, instant  # noqa: PLC0415  # charts take a second to load

    return (
        f"{picture.market} {picture.symbol}, {instant(picture.start)} to {instant(picture.end)} UTC, "
        f"{picture.flow.trades:,} trades, {picture.heat.diffs:,} book changes, {holes_words(picture)}"
    )
