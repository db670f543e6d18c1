"""``coverage``: what is there of each stream, as a table and as a chart of time."""

from collections.abc import Sequence
from math import floor
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from orderflow_recorder.app.admin import configure_logs
from orderflow_recorder.app.completeness import StreamCoverage, existing_database, stream_coverage
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.cli.coverage_chart import chart
from orderflow_recorder.cli.ledger_options import MarketOption, StreamOption, SymbolOption, format_time, print_table
from orderflow_recorder.domain.streams import stream_kind
from orderflow_recorder.postgres.ledger_reads import (
    TABLES,
    Filter,
    by_stream,
    count_rows,
    one_moment,
    read_coverage,
    read_gaps,
)

EXAMPLES: Final = """
[bold]Examples[/bold]

[cyan]orderflow-recorder coverage[/cyan] · every stream, over the whole time

[cyan]orderflow-recorder coverage --market spot --symbol BTCUSDT --hours 24[/cyan] · the chart of the last day recorded

[cyan]orderflow-recorder coverage --json | jq '.[] | select(.covered_share < 1)'[/cyan] · to work with
"""

_TEN_THOUSANDTHS: Final = 1_000_000


def coverage(
    *,
    market: MarketOption = None,
    symbol: SymbolOption = None,
    stream: StreamOption = None,
    hours: Annotated[
        float | None,
        typer.Option(help="Chart only so many hours before the newest record.", min=0.001, show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON array instead of table and chart.")] = False,
) -> None:
    """Show from where to where each stream is recorded, and what is missing in between; times are UTC."""
    settings = load_settings()
    configure_logs(settings, "coverage")
    wanted = Filter(market, symbol, stream)
    with existing_database(settings) as url, one_moment(url) as connection:
        streams = read_coverage(connection, wanted)
        gaps = by_stream(read_gaps(connection, wanted))
        rows = count_rows(connection, wanted)
    found = [
        stream_coverage(
            one,
            gaps[one.key],
            rows.get((TABLES[stream_kind(one.market, one.stream)], one.market, one.symbol), 0),
        )
        for one in streams
    ]
    if json:
        typer.echo(msgspec.json.encode(found))
    elif found:
        print_table(_table(found))
        console = Console(highlight=False)
        ascii_only = not console.encoding.startswith("utf")
        console.print(chart(streams, gaps, hours=hours, width=console.width, ascii_only=ascii_only))
    else:
        typer.echo("nothing is covered: no such stream in the ledger")


def share(part: float) -> str:
    """Return a share as a percentage that is 100 % only where nothing is missing."""
    return f"{floor(part * _TEN_THOUSANDTHS) / 10_000:.4f} %" if part < 1 else "100 %"


def _table(found: Sequence[StreamCoverage]) -> Table:
    table = Table("market", "symbol", "stream", title="covered; times are UTC")
    for name in ("rows", "first id", "last id", "first time", "last time", "missing ids", "covered"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(
            one.market,
            one.symbol,
            one.stream,
            f"{one.rows:,}",
            "" if one.first_id is None else f"{one.first_id}",
            "" if one.last_id is None else f"{one.last_id}",
            format_time(one.first_time),
            format_time(one.last_time),
            f"{one.missing_seconds:,.3f} s" if one.missing_ids is None else f"{one.missing_ids:,}",
            share(one.covered_share),
        )
    return table
