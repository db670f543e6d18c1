"""What ``gaps``, ``coverage`` and ``verify`` have in common: options, and how times and tables look."""

from datetime import UTC, datetime
from typing import Annotated, TypeAlias

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from orderflow_recorder.domain.market import Market

MarketOption: TypeAlias = Annotated[Market | None, typer.Option(help="Only this market.", show_default=False)]
SymbolOption: TypeAlias = Annotated[
    str | None, typer.Option(help="Only this symbol, e.g. BTCUSDT.", show_default=False, parser=str.upper)
]
StreamOption: TypeAlias = Annotated[
    str | None, typer.Option(help="Only this stream, e.g. trade or depth@100ms.", show_default=False)
]

_WIDEST = 1000


def parse_time(text: str) -> datetime:
    """Return a moment given as ISO 8601; UTC unless it says otherwise."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"expected a time like 2026-01-31 or 2026-01-31T12:00 (UTC), got {text!r}"
        raise typer.BadParameter(message) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def format_time(moment: datetime | None) -> str:
    """Return a moment in UTC, to the millisecond."""
    return "" if moment is None else moment.astimezone(UTC).isoformat(" ", "milliseconds").removesuffix("+00:00")


def print_table(table: Table) -> None:
    """Print a table: within a terminal's width, else as wide as it is, so that a line stays a line."""
    console = Console(highlight=False)
    if not console.is_terminal:
        wide = console.options.update(width=_WIDEST)
        console.width = max(console.width, Measurement.get(console, wide, table).maximum)
    console.print(table)
