"""``status``: how the recorder is."""

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from orderflow_recorder.app.admin import configure_logs
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.app.status import Status, read_status
from orderflow_recorder.app.status_line import clock_text, duration, size, status_lines

_NS_PER_S = 1_000_000_000


def status(*, json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False) -> None:
    """Show processes, sockets, journal and what arrived last; exit code 1 if no recorder runs well."""
    settings = load_settings()
    configure_logs(settings, "status")
    found = read_status(settings)
    if json:
        typer.echo(msgspec.json.encode(found))
    else:
        _print(found)
    if found.problems:
        raise typer.Exit(1)


def _print(found: Status) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if found.supervisor is not None:
        for line in status_lines(found.collector, found.loader, found.time):
            console.print(line, markup=False)
        pids = {"supervisor": found.supervisor, "collector": found.collector, "loader": found.loader}
        if found.collector is not None and (clock := clock_text(found.collector)):
            console.print(f"clock      {clock}")
        running = ", ".join(f"{name} {one.pid}" for name, one in pids.items() if one is not None)
        console.print(f"processes  {running} · up {duration(found.time - found.supervisor.started_at)}")
    console.print(
        f"journal    {found.journal.segments:,} segments · {size(found.journal.bytes)} · "
        f"oldest {duration(round(found.journal.oldest_age_s * _NS_PER_S))}"
    )
    if found.tables:
        console.print("tables     " + " · ".join(f"{one.table} {size(one.size_bytes)}" for one in found.tables[:5]))
    if found.streams:
        console.print(_streams(found))
    for problem in found.problems:
        console.print(f"problem    {problem}", style="red", markup=False)


def _streams(found: Status) -> Table:
    table = Table("market", "symbol", "table")
    for name in ("rows, about", "last id", "age"):
        table.add_column(name, justify="right")
    for one in found.streams:
        rows = "" if one.rows is None else f"{one.rows:,}"
        table.add_row(one.market, one.symbol, one.table, rows, str(one.last_id), f"{one.age_seconds:.1f} s")
    return table
