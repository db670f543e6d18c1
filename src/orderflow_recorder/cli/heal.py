"""``heal``: fetch what is missing, now."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from orderflow_recorder.app.admin import configure_logs
from orderflow_recorder.app.completeness import existing_database
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.cli.ledger_options import MarketOption, StreamOption, SymbolOption, parse_time, print_table
from orderflow_recorder.postgres.ledger_reads import Filter

if TYPE_CHECKING:
    from orderflow_recorder.app.heal import Healing

EXAMPLES: Final = """
[bold]Examples[/bold]

[cyan]orderflow-recorder heal[/cyan] · ask the venue for everything open

[cyan]orderflow-recorder heal --symbol BTCUSDT --from 2026-01-30 --to 2026-01-31[/cyan] · one symbol, one day (UTC)

[cyan]orderflow-recorder heal --archive https://data.binance.vision[/cyan] · from the venue's daily files, which go back
years and have futures trades, too; they come out the day after
"""


def heal(
    *,
    market: MarketOption = None,
    symbol: SymbolOption = None,
    stream: StreamOption = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--from", parser=parse_time, metavar="TIME", help="Only gaps that end after it; UTC.", show_default=False
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            "--to", parser=parse_time, metavar="TIME", help="Only gaps that begin before it; UTC.", show_default=False
        ),
    ] = None,
    archive: Annotated[
        str | None,
        typer.Option(metavar="PATH_OR_URL", help="Folder or base URL of the venue's daily files.", show_default=False),
    ] = None,
) -> None:
    """Fetch missing trades and aggregate trades from the venue; exit code 1 if gaps stay open."""
    from orderflow_recorder.app.heal import heal as run_heal  # noqa: PLC0415  # numpy, with which blocks are parsed, takes its time

    settings = load_settings()
    configure_logs(settings, "heal")
    columns = (TextColumn("healing"), BarColumn(), MofNCompleteColumn(), TextColumn("ids"), TimeRemainingColumn())
    wanted = Filter(market=market, symbol=symbol, stream=stream, since=since, until=until)
    progress = Progress(*columns, console=Console(stderr=True))
    bar = progress.add_task("healing")

    def observe(dealt_with: int, total: int) -> None:
        progress.start()  # only now: without a database an error is all there is to say
        progress.update(bar, completed=dealt_with, total=total)

    try:
        with existing_database(settings) as url:
            done = run_heal(settings, url, wanted, archive, observe)
    finally:
        if progress.live.is_started:
            progress.stop()
    for problem in done.problems:
        Console(stderr=True, highlight=False, soft_wrap=True).print(escape(problem))
    if done.streams:
        print_table(_table(done))
    else:
        typer.echo("nothing to heal")
    if not done.done:
        raise typer.Exit(1)


def _table(done: "Healing") -> Table:
    table = Table("market", "symbol", "stream", title="healed")
    for name in ("gaps", "ids missing", "healed", "unrecoverable", "still open"):
        table.add_column(name, justify="right")
    table.add_column("why unrecoverable", overflow="fold")
    for one in done.streams:
        counts = (one.gaps, one.missing, one.healed, one.unrecoverable, one.still_open)
        table.add_row(
            one.market, one.symbol, one.stream, *(f"{number:,}" for number in counts), escape("; ".join(one.reasons))
        )
    return table
