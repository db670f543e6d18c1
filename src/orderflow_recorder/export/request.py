"""What is to be exported, and the files it becomes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.export.formats import ROW_FORMATS, ExportFormat, NumberKind, numbers_for
from orderflow_recorder.export.rows import TIME_OF
from orderflow_recorder.research.batches import TIMES

FLOW_TABLES: Final = ("trades", "agg_trades", "depth_diffs")
"""What a backtest is fed with."""

EVENTS: Final = "events"
"""Name of a data set of trades and books in one file."""

_ONE_DAY: Final = timedelta(days=1)
_MIDNIGHT: Final = datetime.min.time()


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be exported.

    Attributes:
        market: The market.
        symbols: Upper case.
        tables: In the order given; none means what the format takes and the symbol has.
        start: First moment by each table's own time, aware; none: from the first row.
        end: The moment after the last one, aware; none: to the last row.
        format: What reads the files.
        numbers: How prices and quantities are written.
    """

    market: Market
    symbols: tuple[str, ...]
    format: ExportFormat
    tables: tuple[str, ...] = ()
    start: datetime | None = None
    end: datetime | None = None
    numbers: NumberKind = NumberKind.EXACT


class Partition(msgspec.Struct, frozen=True):
    """One day of one symbol: what is written, kept or made again as a whole.

    Attributes:
        dataset: Table, or `EVENTS`.
        tables: Whose rows it is made of.
        market: The market.
        symbol: Upper case.
        day: By UTC.
        start: First moment.
        end: The moment after the last one.
    """

    dataset: str
    tables: tuple[str, ...]
    market: Market
    symbol: str
    day: date
    start: datetime
    end: datetime

    @property
    def name(self) -> str:
        """Return its place below the folder of the export, without the ending of a file."""
        return f"{self.dataset}/market={self.market}/symbol={self.symbol}/date={self.day.isoformat()}"


def check_request(request: ExportRequest) -> None:
    """Refuse what contradicts itself.

    Raises:
        SettingsError: It does; the text is one line.
    """
    unknown = [table for table in request.tables if table not in TIME_OF]
    if unknown:
        raise SettingsError(f"--table: expected one of {', '.join(TIME_OF)}, got {unknown[0]!r}")
    if not all(symbol.strip() for symbol in request.symbols) or not request.symbols:
        raise SettingsError("--symbol: expected a symbol, e.g. BTCUSDT, got nothing")
    if request.start is not None and request.end is not None and request.start >= request.end:
        raise SettingsError(f"--end: expected a time after --start {request.start}, got {request.end}")
    numbers_for(request.format, request.numbers)
    if request.format in ROW_FORMATS:
        return
    other = [table for table in request.tables if table not in FLOW_TABLES]
    if other:
        raise SettingsError(f"--table: {request.format} takes {', '.join(FLOW_TABLES)}, got {other[0]!r}")
    if {"trades", "agg_trades"} <= set(request.tables):
        raise SettingsError("--table: expected trades or agg_trades, got both: they are the same flow")


def datasets(request: ExportRequest, has_rows: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the data sets to write for a symbol, each with the tables it is made of.

    Args:
        request: What is wanted.
        has_rows: Tables that have rows of the symbol.
    """
    wanted = request.tables or tuple(TIMES)
    present = [table for table in wanted if table in has_rows]
    if request.format in ROW_FORMATS:
        return {table: (table,) for table in present}
    flow = [table for table in present if table in FLOW_TABLES]
    if "trades" in flow and "agg_trades" in flow:
        flow.remove("agg_trades")
    if request.format is ExportFormat.HFTBACKTEST:
        return {EVENTS: tuple(flow)} if flow else {}
    return {table: (table,) for table in flow}


def partitions(
    request: ExportRequest, symbol: str, made_of: Mapping[str, tuple[str, ...]], days: Mapping[str, Sequence[date]]
) -> list[Partition]:
    """Return the partitions of a symbol, data set by data set, day by day.

    Args:
        request: What is wanted.
        symbol: Upper case.
        made_of: Data sets and their tables, as `datasets` gives them.
        days: Days on which each table has rows, within what is wanted.
    """
    found = []
    for dataset, tables in made_of.items():
        for day in sorted({day for table in tables for day in days[table]}):
            midnight = datetime.combine(day, _MIDNIGHT, UTC)
            start = max(midnight, request.start or midnight)
            end = min(midnight + _ONE_DAY, request.end or midnight + _ONE_DAY)
            found.append(Partition(dataset, tables, request.market, symbol, day, start, end))
    return found
