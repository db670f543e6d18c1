"""``status``: how the recorder is."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from orderflow_recorder.app.admin import configure_logs
from orderflow_recorder.app.durations import duration_text
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.app.status import Status, only_half, read_status
from orderflow_recorder.app.status_line import clock_text, duration, size, status_lines
from orderflow_recorder.app.storage_status import DiskOutlook, TableStatus

_NS_PER_S = 1_000_000_000
_SMALL_BYTES = 1_000_000
_EMPTY_BYTES = 65_536
"""A table without rows takes less, indexes and all."""


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
        for line in status_lines(found.collector, found.loader, found.time, only=only_half(found.supervisor)):
            console.print(line, markup=False)
        pids = {"supervisor": found.supervisor.pid, **found.processes}
        if found.collector is not None and (clock := clock_text(found.collector)):
            console.print(f"clock      {clock}")
        running = ", ".join(f"{name} {pid}" for name, pid in pids.items())
        console.print(f"processes  {running} · up {duration(found.time - found.supervisor.started_at)}")
    console.print(
        f"journal    {found.journal.segments:,} segments · {size(found.journal.bytes)} · "
        f"oldest {duration(round(found.journal.oldest_age_s * _NS_PER_S))}"
    )
    if found.forwarder is not None:
        figures = found.forwarder.figures
        console.print(f"published  up to segment {figures.position.segment} · {size(figures.lag_bytes)} to publish")
    if found.disk is not None:
        console.print(f"disk       {_outlook(found.disk)}")
    if filled := [one for one in found.tables if one.rows or one.size_bytes > _EMPTY_BYTES]:
        console.print(_tables(filled))
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


def _tables(tables: Sequence[TableStatus]) -> Table:
    """Return what the tables with rows take; small ones, whose rows say nothing of a row's size, without that."""
    shown = Table("stored")
    for name in ("rows, about", "size", "bytes a row", "compressed", "bytes there", "a day", "compress", "keep"):
        shown.add_column(name, justify="right")
    for one in tables:
        many = one.size_bytes >= _SMALL_BYTES
        share = one.compressed_rows / one.rows if one.rows else 0
        shown.add_row(
            one.table,
            "" if one.rows is None else f"{one.rows:,}",
            size(one.size_bytes),
            _number(one.bytes_a_row if many else None),
            f"{share:.0%}" if one.compressed_rows else "",
            _number(one.compressed_bytes_a_row if many else None),
            "" if one.bytes_a_day is None else size(max(one.bytes_a_day, 0)),
            "" if one.compress_after_s is None else duration_text(timedelta(seconds=one.compress_after_s)),
            "" if one.retain_s is None else duration_text(timedelta(seconds=one.retain_s)),
        )
    return shown


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"


def _outlook(disk: DiskOutlook) -> str:
    """Return how long the disk lasts, in one line."""
    text = f"{size(disk.free_bytes)} free on {disk.what} ({disk.path})"
    if disk.bytes_a_day is None:
        return f"{text} · growth is known ten minutes after the recorder's start"
    if disk.bytes_a_day <= 0:
        return f"{text} · the tables do not grow"
    text += f" · the tables grow by {size(disk.bytes_a_day)} a day"
    return text if disk.days_left is None else f"{text} · room for {disk.days_left:,.0f} days"
