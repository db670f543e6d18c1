"""``book``: the order book at an instant, as a ladder."""

from datetime import datetime
from typing import Annotated, Final

import msgspec
import typer
from rich.table import Table

from orderflow_recorder.app.admin import configure_logs
from orderflow_recorder.app.book import Ladder, NoBookError, Rung, read_ladder
from orderflow_recorder.app.completeness import existing_database
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.cli.ledger_options import format_time, parse_time, print_table
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.ledger_reads import one_moment

EXAMPLES: Final = """
[bold]Examples[/bold]

[cyan]orderflow-recorder book spot BTCUSDT[/cyan] · the newest book

[cyan]orderflow-recorder book usdm ETHUSDT --at 2026-01-31T12:00:00.250 --levels 5[/cyan] · at an instant (UTC)

[cyan]orderflow-recorder book spot BTCUSDT --json | jq -r .mid[/cyan] · to work with

Exit code 0: the book. Exit code 1: there is no trusted book at that instant (the reason is said), or no database.
"""

UNKNOWN: Final = "?"


def book(
    *,
    market: Annotated[Market, typer.Argument(help="The market.", show_default=False)],
    symbol: Annotated[str, typer.Argument(help="The symbol, e.g. BTCUSDT.", show_default=False, parser=str.upper)],
    at: Annotated[
        datetime | None,
        typer.Option(parser=parse_time, metavar="TIME", help="When, by the venue's clock; UTC (default: the newest)."),
    ] = None,
    levels: Annotated[int, typer.Option(help="Best levels of each side.", min=1)] = 20,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a ladder.")] = False,
) -> None:
    """Show the order book of a symbol at an instant, rebuilt from what was recorded, and whether it can be trusted."""
    settings = load_settings()
    configure_logs(settings, "book")
    with existing_database(settings) as url, one_moment(url) as connection:
        ladder = read_ladder(connection, market, symbol, at, levels)
    if json:
        typer.echo(msgspec.json.encode(ladder))
        if ladder.checkpoint is None:
            raise typer.Exit(1)
    elif ladder.checkpoint is None:
        raise NoBookError(f"no trusted book at {format_time(ladder.at)} UTC: {ladder.reason}")
    else:
        _print(ladder)


def _print(ladder: Ladder) -> None:
    print_table(_table(ladder))
    if not all(rung.known for rung in (*ladder.bids, *ladder.asks)):
        typer.echo(f"{UNKNOWN} beyond the edge of what is known: between these levels there may be others")
    typer.echo(f"{'trusted' if ladder.trusted else 'not trusted'}: {ladder.reason}")


def _table(ladder: Ladder) -> Table:
    table = Table(title=f"{ladder.market} {ladder.symbol} at {format_time(ladder.at)} UTC")
    table.add_column("")
    for name in ("price", "quantity", "cumulated"):
        table.add_column(name, justify="right")
    table.add_column("")
    for rung in reversed(ladder.asks):
        table.add_row(*_cells("ask", rung), style="red")
    if ladder.spread is None or ladder.mid is None:
        table.add_row("", "", "a side is empty", "", "")
    else:
        table.add_row("mid", f"{ladder.mid:f}", "spread", f"{ladder.spread:f}", "")
    for rung in ladder.bids:
        table.add_row(*_cells("bid", rung), style="green")
    return table


def _cells(side: str, rung: Rung) -> tuple[str, ...]:
    return side, f"{rung.price:f}", f"{rung.quantity:f}", f"{rung.cumulated:f}", "" if rung.known else UNKNOWN
