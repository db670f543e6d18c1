"""``candles``: candles of any interval, as a table, CSV or JSON."""

import csv
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final

import msgspec
import typer
from rich.table import Table

from orderflow_recorder.app.admin import configure_logs
from orderflow_recorder.app.candles import recorded_candles
from orderflow_recorder.app.completeness import existing_database
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.cli.ledger_options import parse_time, print_table
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.candles import Candle
from orderflow_recorder.postgres.ledger_reads import one_moment

EXAMPLES: Final = """
[bold]Examples[/bold]

[cyan]orderflow-recorder candles spot BTCUSDT[/cyan] · the last hour, minute by minute

[cyan]orderflow-recorder candles usdm BTCUSDT --interval 5s --start 2026-01-31T12:00[/cyan] · from then on (UTC)

[cyan]orderflow-recorder candles spot ETHUSDT --interval 1d --start 2026-01-01 --csv > days.csv[/cyan] · to work with
"""

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LONGEST_S: Final = 3660 * 86_400


def parse_interval(text: str) -> timedelta:
    """Return an interval given as 5s, 1m, 15m, 4h, 1d or 1w."""
    found = re.fullmatch(r"([1-9][0-9]{0,9})([smhdw])", text.strip().lower())
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 0 < seconds <= _LONGEST_S:
        message = f"expected whole seconds, minutes, hours, days or weeks, like 5s, 15m, 4h, 1d, 1w, got {text!r}"
        raise typer.BadParameter(message)
    return timedelta(seconds=seconds)


def candles(
    market: Annotated[Market, typer.Argument(help="The market.")],
    symbol: Annotated[str, typer.Argument(help="E.g. BTCUSDT.", metavar="SYMBOL", parser=str.upper)],
    *,
    interval: Annotated[
        timedelta,
        typer.Option(parser=parse_interval, metavar="INTERVAL", help="Length of a candle: 5s, 1m, 15m, 4h, 1d, 1w."),
    ] = "1m",  # type: ignore[assignment]  # the parser makes it one
    start: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_time, metavar="TIME", help="Candles that begin from then on; UTC.", show_default=False
        ),
    ] = None,
    end: Annotated[
        datetime | None,
        typer.Option(parser=parse_time, metavar="TIME", help="Candles that begin before it; UTC.", show_default=False),
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV with a header instead of a table.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array instead of a table.")] = False,
) -> None:
    """Show the last 60 candles, or those from --start to --end, by trade time in UTC; no trades, no candle."""
    if as_csv and as_json:
        message = "expected --csv or --json, got both"
        raise typer.BadParameter(message)
    settings = load_settings()
    configure_logs(settings, "candles")
    with existing_database(settings) as url, one_moment(url) as connection:
        found = recorded_candles(connection, market, symbol, interval, start, end)
    if as_json:
        typer.echo(msgspec.json.encode([_texts(one) for one in found]))
    elif as_csv:
        _write_csv(found)
    elif found:
        print_table(_table(found, f"{market} {symbol}, times are UTC"))
        incomplete = sum(not one.complete for one in found)
        typer.echo(f"{len(found):,} candles, {incomplete:,} incomplete{': see `gaps`' if incomplete else ''}")
    else:
        typer.echo(f"no candles: no trades of {market} {symbol} in that time")


def _table(found: Sequence[Candle], title: str) -> Table:
    table = Table("time", title=title)
    for name in ("open", "high", "low", "close", "volume", "delta", "trades", "vwap"):
        table.add_column(name, justify="right")
    table.add_column("")
    for one in found:
        table.add_row(
            one.bucket.isoformat(" ", "seconds").removesuffix("+00:00"),
            *(f"{price:f}" for price in (one.open, one.high, one.low, one.close, one.volume, one.delta)),
            f"{one.trade_count:,}",
            "" if one.vwap is None else f"{one.vwap:f}",
            "" if one.complete else "[yellow]incomplete[/yellow]",
        )
    return table


def _write_csv(found: Sequence[Candle]) -> None:
    writer = csv.DictWriter(sys.stdout, Candle.__struct_fields__, lineterminator="\n")
    writer.writeheader()
    for one in found:
        writer.writerow(_texts(one) | {"complete": "true" if one.complete else "false"})


def _texts(candle: Candle) -> dict[str, str | int | bool | None]:
    """Return a candle with exact numbers as plain digits: a float would round them, an exponent surprise."""
    return {
        "bucket": candle.bucket.isoformat().replace("+00:00", "Z"),
        **{
            name: f"{getattr(candle, name):f}"
            for name in ("open", "high", "low", "close", "volume", "buy_volume", "sell_volume", "delta")
        },
        "trade_count": candle.trade_count,
        "vwap": None if candle.vwap is None else f"{candle.vwap:f}",
        "complete": candle.complete,
    }
