"""``verify``: the proof, or the first counter-example."""

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from orderflow_recorder.app.admin import configure_logs
from orderflow_recorder.app.completeness import existing_database
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.app.verify_report import CounterExample, StreamReport, Verdict, Verification
from orderflow_recorder.cli.ledger_options import MarketOption, SymbolOption, print_table
from orderflow_recorder.postgres.ledger_reads import Filter

EXAMPLES: Final = """
[bold]Examples[/bold]

[cyan]orderflow-recorder verify[/cyan] · every stream of the database

[cyan]orderflow-recorder verify --market spot --symbol BTCUSDT[/cyan] · one symbol

[cyan]orderflow-recorder verify --journal data/journal/main[/cyan] · and look spent futures trade ids up in a journal

[cyan]orderflow-recorder verify --json | jq .counter_example[/cyan] · to work with

Exit code 0: it holds. Exit code 1: a counter-example, or the database cannot be read.
"""


def verify(
    *,
    market: MarketOption = None,
    symbol: SymbolOption = None,
    journal: Annotated[
        list[Path] | None,
        typer.Option(
            help="Look ids of futures trades without a row up in this journal; once for each instance.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Prove that each id is one row or in one gap, and that books agree with the venue's; exit code 1 if not."""
    from orderflow_recorder.app.verify import verify as prove  # noqa: PLC0415  # numpy, with which blocks are parsed, takes its time

    settings = load_settings()
    configure_logs(settings, "verify")
    terminal = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        existing_database(settings) as url,
        Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as progress,
    ):
        bar = progress.add_task("verifying", total=None)

        def observe(label: str, done: int, work: int) -> None:
            progress.update(bar, description=label, completed=done, total=work or None)

        result = prove(url, Filter(market, symbol), journal or [], observe)
    if json:
        typer.echo(msgspec.json.encode(result))
    else:
        _print(result)
    if not result.holds:
        raise typer.Exit(1)


def _print(result: Verification) -> None:
    if result.streams:
        print_table(_table(result))
    elif result.holds:
        typer.echo("nothing to verify: no such stream is recorded")
        return
    if result.counter_example is not None:
        for line in counter_example_lines(result.counter_example):
            typer.echo(line)
        return
    compared = sum((one.snapshots_compared or 0) + (one.tops_compared or 0) for one in result.streams)
    typer.echo(
        f"holds: {len(result.streams):,} streams, {sum(one.rows for one in result.streams):,} rows, "
        f"{sum(one.ids_missing for one in result.streams):,} ids missing and registered, {compared:,} books compared"
    )
    spent = sum(one.ids_spent for one in result.streams)
    proven = sum(one.ids_proven_spent or 0 for one in result.streams)
    if spent > proven:
        typer.echo(
            f"{spent - proven:,} ids of futures trades have no row: spent on frames of price 0 by design, which a "
            "database alone cannot tell from lost rows; --journal looks them up"
        )


def counter_example_lines(found: CounterExample) -> list[str]:
    """Return a counter-example for people."""
    stream = "" if found.stream is None else f" {found.stream}"
    ids = "" if found.first_id is None else f", ids {found.first_id} to {found.last_id}"
    return [
        f"counter-example ({found.promise}): table {found.table}, {found.market} {found.symbol}{stream}{ids}",
        f"  expected {found.expected}",
        f"  found    {found.found}",
    ]


def _table(result: Verification) -> Table:
    table = Table("market", "symbol", "stream", title="verified")
    for name in ("rows", "ids covered", "spent", "missing", "open", "unrecoverable", "healed", "books compared"):
        table.add_column(name, justify="right")
    table.add_column("verdict")
    for one in result.streams:
        style = "red" if one.verdict is Verdict.BROKEN else ""
        table.add_row(*_cells(one), style=style)
    return table


def _cells(one: StreamReport) -> tuple[str, ...]:
    spent = f"{one.ids_spent:,}"
    if one.ids_proven_spent is not None:
        spent += f" ({one.ids_proven_spent:,} in the journal)"
    books = ""
    if one.snapshots_compared is not None and one.tops_compared is not None:
        books = f"{one.snapshots_compared + one.tops_compared:,}"
    return (
        one.market,
        one.symbol,
        one.stream,
        f"{one.rows:,}",
        "" if one.ids_covered is None else f"{one.ids_covered:,}",
        spent if one.ids_covered is not None else "",
        f"{one.ids_missing:,}" if one.ids_covered is not None else "",
        f"{one.gaps_open:,}",
        f"{one.gaps_unrecoverable:,}",
        f"{one.gaps_healed:,}",
        books,
        one.verdict,
    )
