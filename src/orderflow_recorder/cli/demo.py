"""``demo``: half a minute of a simulated market, recorded for real."""

import asyncio
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from orderflow_recorder.app import logs
from orderflow_recorder.app.demo import BookTop, DemoResult, DemoScreen, run_demo
from orderflow_recorder.app.health import CollectorHealth, LoaderReport
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.app.status_line import status_lines
from orderflow_recorder.postgres.reads import StreamSummary

_QUERIES = (
    "SELECT symbol, trade_time, price, quantity FROM trades WHERE market = 'spot' ORDER BY trade_time DESC LIMIT 10;",
    "SELECT market, symbol, count(*), sum(price * quantity) AS volume FROM agg_trades GROUP BY market, symbol;",
    "SELECT * FROM candles_1s WHERE market = 'spot' AND symbol = 'BTCUSDT' ORDER BY bucket DESC LIMIT 10;",
    "SELECT * FROM book_at('usdm', 'BTCUSDT', now(), 5);",
)


def demo(
    captures: Annotated[
        list[Path] | None,
        typer.Argument(help="Recordings to play instead of synthetic order flow.", show_default=False),
    ] = None,
    *,
    seconds: Annotated[float, typer.Option(help="How long to record.", min=1)] = 30,
    data_dir: Annotated[
        Path | None, typer.Option(help="New folder for the data; by default data/demo, emptied.", show_default=False)
    ] = None,
) -> None:
    """Record a simulated market with the real recorder and Postgres, and show what was recorded."""
    wanted = load_settings(env_file=None).log_level
    level = "WARNING" if wanted == "INFO" else wanted
    console = Console(highlight=False)
    progress = Progress(TextColumn("recording"), BarColumn(), TextColumn("{task.completed:.0f} of {task.total:.0f} s"))
    bar = progress.add_task("recording", total=seconds)

    def take_line(line: str) -> None:
        console.print(Text(line.rstrip("\n")), soft_wrap=True)

    console.print("[bold]A simulated Binance, a real recorder, a real Postgres.[/bold] No network is used.")
    with Live(progress, console=console, auto_refresh=console.is_terminal, transient=True) as live:

        def show(elapsed: float, collector: CollectorHealth | None, loader: LoaderReport | None) -> None:
            progress.update(bar, completed=elapsed)
            live.update(Group(progress, Text("\n".join(status_lines(collector, loader, time.time_ns())))))

        logs.configure(
            process="demo",
            level=level,
            log_format="text",
            directory=None,
            instance="demo",
            write=take_line,
        )
        screen = DemoScreen(level, take_line, show)
        result = asyncio.run(run_demo(tuple(captures or ()), seconds=seconds, data_dir=data_dir, screen=screen))
    _print(console, result)


def _print(console: Console, result: DemoResult) -> None:
    console.print(_streams(result.streams))
    for book in result.books:
        console.print(_book(book))
    folder = shlex.quote(str(result.data_dir))
    console.print("\nThe data stays. Start its Postgres again and look further:\n")
    console.print(f"  DB_URL= DATA_DIR={folder} .venv/bin/orderflow-recorder db url", soft_wrap=True, markup=False)
    console.print(f"  {result.psql}\n", soft_wrap=True, markup=False)
    for query in _QUERIES:
        console.print(f"  {query}", soft_wrap=True, markup=False)


def _streams(streams: Sequence[StreamSummary]) -> Table:
    table = Table("market", "symbol", "table", title="recorded")
    for name in ("rows", "first id", "last id", "holes"):
        table.add_column(name, justify="right")
    for one in streams:
        numbers = (one.rows, one.first_id, one.last_id, one.holes)
        table.add_row(one.market, one.symbol, one.table, *("" if number is None else f"{number}" for number in numbers))
    return table


def _book(book: BookTop) -> Table:
    table = Table(title=f"{book.market} {book.symbol}: best {len(book.bids)} levels")
    for name in ("bid quantity", "bid", "ask", "ask quantity"):
        table.add_column(name, justify="right")
    for (bid, bid_quantity), (ask, ask_quantity) in zip(book.bids, book.asks, strict=False):
        table.add_row(f"{bid_quantity:f}", f"{bid:f}", f"{ask:f}", f"{ask_quantity:f}")
    return table
