"""``export``: recorded data as files that other tools read."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from orderflow_recorder.app.admin import configure_logs
from orderflow_recorder.app.completeness import existing_database
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.cli.ledger_options import parse_time
from orderflow_recorder.domain.market import Market
from orderflow_recorder.export.formats import ExportFormat, NumberKind, numbers_for

if TYPE_CHECKING:
    from orderflow_recorder.app.export import Exported

EXAMPLES: Final = """
[bold]Examples[/bold]

[cyan]orderflow-recorder export --market spot --symbol BTCUSDT --to data/parquet[/cyan] · every table, as Parquet

[cyan]orderflow-recorder export --market usdm --symbol BTCUSDT --table agg_trades --start 2026-01-31 --end 2026-02-01
--format csv --to data/csv[/cyan] · a day (UTC) of one table, as CSV

[cyan]orderflow-recorder export --market usdm --symbol BTCUSDT --format hftbacktest --to hft[/cyan] · for a backtest

Run it again to go on where it stopped, and to add what was recorded or healed since. What is missing is in holes.json.
"""

_SHORTEST_WARNING_NS: Final = 3_600_000_000_000


def export(
    *,
    market: Annotated[Market, typer.Option(help="spot, or usdm (USD-M futures).", show_default=False)],
    symbol: Annotated[
        list[str], typer.Option(help="E.g. BTCUSDT; once for each.", show_default=False, parser=str.upper)
    ],
    to: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the files.", show_default=False)],
    table: Annotated[
        list[str] | None,
        typer.Option(help="E.g. trades; once for each. Without it: all but candles.", show_default=False),
    ] = None,
    start: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_time, metavar="TIME", help="First moment, by the venue's clock; UTC.", show_default=False
        ),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option(parser=parse_time, metavar="TIME", help="The moment after the last one; UTC.", show_default=False),
    ] = None,
    kind: Annotated[ExportFormat, typer.Option("--format", help="What reads the files.")] = ExportFormat.PARQUET,
    numbers: Annotated[
        NumberKind | None,
        typer.Option(help="Prices and quantities: exact (the default where the format can) or float."),
    ] = None,
) -> None:
    """Write recorded data as files, one a table, symbol and day (UTC), and say which holes it has."""
    from orderflow_recorder.app.export import export as write  # noqa: PLC0415  # Arrow takes a second to load
    from orderflow_recorder.export.request import ExportRequest  # noqa: PLC0415  # same

    settings = load_settings()
    configure_logs(settings, "export")
    request = ExportRequest(
        market=market,
        symbols=tuple(dict.fromkeys(symbol)),
        tables=tuple(dict.fromkeys(table or ())),
        start=start,
        end=end,
        format=kind,
        numbers=numbers_for(kind, numbers),
    )
    terminal = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with (
        existing_database(settings) as url,
        Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as progress,
    ):
        bar = progress.add_task("exporting", total=None)
        done = write(
            url,
            request,
            to,
            lambda label, part, total: progress.update(bar, description=label, completed=part, total=total),
        )
    for line in summary_lines(done):
        typer.echo(line)


def summary_lines(done: "Exported") -> list[str]:
    """Return what became of an export, for people."""
    holes = [hole for report in done.reports for table in report.tables for hole in table.holes]
    rows = sum(report.rows for report in done.reports)
    days = len(done.reports)
    lines = []
    late = [report for report in done.reports if report.notes.get("lowest_latency_ns", 0) > _SHORTEST_WARNING_NS]
    if late:
        hours = min(report.notes["lowest_latency_ns"] for report in late) / _SHORTEST_WARNING_NS
        lines.append(
            f"warning: everything was received {hours:,.0f} hours or more after it happened (an old recording, played "
            "again?): a backtest will see it as late as that"
        )
    kept = f", {done.kept:,} of them there already" if done.kept else ""
    missing = f"{len(holes):,} holes, {sum(hole.ids for hole in holes):,} ids missing" if holes else "no holes"
    lines.append(f"exported {rows:,} rows in {days:,} files{kept}; {missing}, see {done.holes_path}")
    return lines
