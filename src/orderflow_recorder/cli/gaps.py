"""``gaps``: what is missing, since when, why, and what became of it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

import msgspec
import typer
from rich.table import Table

from orderflow_recorder.app.admin import configure_logs
from orderflow_recorder.app.completeness import existing_database
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.app.status_line import duration
from orderflow_recorder.cli.ledger_options import (
    MarketOption,
    StreamOption,
    SymbolOption,
    format_time,
    parse_time,
    print_table,
)
from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.postgres.ledger_reads import Filter, GapRow, one_moment, read_gaps

EXAMPLES: Final = """
[bold]Examples[/bold]

[cyan]orderflow-recorder gaps --status open[/cyan] · what may still be healed

[cyan]orderflow-recorder gaps --symbol BTCUSDT --since 2026-01-31T12:00[/cyan] · of one symbol, since then (UTC)

[cyan]orderflow-recorder gaps --json | jq '.[] | select(.cause != "window")'[/cyan] · to work with
"""

_NS_PER_S: Final = 1_000_000_000
_SHORT_S: Final = 60


def gaps(
    *,
    market: MarketOption = None,
    symbol: SymbolOption = None,
    stream: StreamOption = None,
    status: Annotated[GapStatus | None, typer.Option(help="Only gaps of this status.", show_default=False)] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=parse_time, metavar="TIME", help="Only gaps that end after it; UTC.", show_default=False),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_time, metavar="TIME", help="Only gaps that begin before it; UTC.", show_default=False
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON array instead of a table.")] = False,
) -> None:
    """List the gaps of the ledger, newest first; times are UTC, by the recorder's clock."""
    settings = load_settings()
    configure_logs(settings, "gaps")
    wanted = Filter(market, symbol, stream, status, since, until)
    with existing_database(settings) as url, one_moment(url) as connection:
        found = read_gaps(connection, wanted)
    if json:
        typer.echo(msgspec.json.encode(found))
        return
    if found:
        print_table(_table(found))
    typer.echo(totals(found))


def totals(found: Sequence[GapRow]) -> str:
    """Return how many gaps there are of each status, and how many ids are in them."""
    number: defaultdict[GapStatus, int] = defaultdict(int)
    missing: defaultdict[GapStatus, int] = defaultdict(int)
    for gap in found:
        number[gap.status] += 1
        missing[gap.status] += _ids(gap) or 0
    parts = [f"{number[status]:,} {status} ({missing[status]:,} ids)" for status in GapStatus]
    return f"{len(found):,} gaps: " + ", ".join(parts)


def _table(found: Sequence[GapRow]) -> Table:
    table = Table("market", "symbol", "stream", "missing ids", title="gaps, newest first; times are UTC")
    table.add_column("count", justify="right")
    for name in ("from", "to"):
        table.add_column(name)
    table.add_column("duration", justify="right")
    for name in ("cause", "status", "reason"):
        table.add_column(name, overflow="fold")
    for gap in found:
        count = _ids(gap)
        table.add_row(
            gap.market,
            gap.symbol,
            gap.stream,
            "" if count is None else f"{gap.first_missing_id}..{gap.last_missing_id}",
            "" if count is None else f"{count:,}",
            format_time(gap.from_time),
            format_time(gap.to_time),
            _duration(gap),
            gap.cause,
            gap.status + (f" by {gap.healed_by}" if gap.healed_by else ""),
            gap.reason or "",
        )
    return table


def _ids(gap: GapRow) -> int | None:
    if gap.first_missing_id is None or gap.last_missing_id is None:
        return None
    return gap.last_missing_id - gap.first_missing_id + 1


def _duration(gap: GapRow) -> str:
    if gap.from_time is None or gap.to_time is None:
        return ""
    # Where ids came late, or from another recorder's clock, the one after may have come before.
    seconds = max(0.0, (gap.to_time - gap.from_time).total_seconds())
    return f"{seconds:.3f} s" if seconds < _SHORT_S else duration(round(seconds * _NS_PER_S))
