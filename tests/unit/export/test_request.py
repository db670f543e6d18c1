"""What an export is asked for."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.export.formats import ExportFormat, NumberKind, numbers_for
from orderflow_recorder.export.request import EVENTS, ExportRequest, check_request, datasets, partitions

ALL = ("trades", "agg_trades", "depth_diffs", "book_snapshots")


def request(kind: ExportFormat = ExportFormat.PARQUET, **fields: Any) -> ExportRequest:  # noqa: ANN401  # any field
    """Build a request."""
    numbers = numbers_for(kind, None)
    return ExportRequest(
        **{"market": Market.SPOT, "symbols": ("BTCUSDT",), "format": kind, "numbers": numbers} | fields
    )


def at(text: str) -> datetime:
    """Return a moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (request(tables=("trades", "foo")), "--table: expected one of trades, .*, got 'foo'"),
        (request(symbols=()), "--symbol: expected a symbol"),
        (request(symbols=(" ",)), "--symbol: expected a symbol"),
        (request(start=at("2024-08-08"), end=at("2024-08-08")), "--end: expected a time after --start"),
        (request(ExportFormat.NAUTILUS, tables=("book_tops",)), "nautilus takes trades, agg_trades, depth_diffs, got"),
        (request(ExportFormat.HFTBACKTEST, tables=("trades", "agg_trades")), "they are the same flow"),
        (request(ExportFormat.HFTBACKTEST, numbers=NumberKind.EXACT), "--numbers: hftbacktest holds float"),
    ],
)
def test_what_contradicts_itself_is_refused_with_one_line(wrong: ExportRequest, line: str) -> None:
    with pytest.raises(SettingsError, match=line) as error:
        check_request(wrong)
    assert "\n" not in str(error.value)


def test_what_makes_sense_is_taken() -> None:
    check_request(request(tables=ALL, start=at("2024-08-08"), end=at("2024-08-09")))
    check_request(request(ExportFormat.HFTBACKTEST, tables=("agg_trades", "depth_diffs")))


@pytest.mark.parametrize(
    ("kind", "wanted", "numbers"),
    [
        (ExportFormat.PARQUET, None, NumberKind.EXACT),
        (ExportFormat.CSV, NumberKind.FLOAT, NumberKind.FLOAT),
        (ExportFormat.HFTBACKTEST, None, NumberKind.FLOAT),
        (ExportFormat.HFTBACKTEST, NumberKind.FLOAT, NumberKind.FLOAT),
        (ExportFormat.NAUTILUS, None, NumberKind.EXACT),
    ],
)
def test_a_format_has_its_own_numbers(kind: ExportFormat, wanted: NumberKind | None, numbers: NumberKind) -> None:
    assert numbers_for(kind, wanted) is numbers


@pytest.mark.parametrize(
    ("kind", "wanted"), [(ExportFormat.HFTBACKTEST, NumberKind.EXACT), (ExportFormat.NAUTILUS, NumberKind.FLOAT)]
)
def test_numbers_a_format_cannot_hold_are_refused(kind: ExportFormat, wanted: NumberKind) -> None:
    with pytest.raises(SettingsError, match=f"--numbers: {kind} holds"):
        numbers_for(kind, wanted)


def test_tables_become_data_sets_by_format() -> None:
    assert datasets(request(), ALL) == {table: (table,) for table in ALL}
    assert datasets(request(tables=("depth_diffs", "book_tops")), ALL) == {"depth_diffs": ("depth_diffs",)}
    assert datasets(request(ExportFormat.HFTBACKTEST), ALL) == {EVENTS: ("trades", "depth_diffs")}
    assert datasets(request(ExportFormat.HFTBACKTEST), ("agg_trades",)) == {EVENTS: ("agg_trades",)}
    assert datasets(request(ExportFormat.HFTBACKTEST, tables=("agg_trades",)), ALL) == {EVENTS: ("agg_trades",)}
    assert datasets(request(ExportFormat.HFTBACKTEST), ("mark_prices",)) == {}
    assert list(datasets(request(ExportFormat.NAUTILUS), ALL)) == ["trades", "depth_diffs"]


def test_a_partition_is_a_day_cut_to_what_is_wanted() -> None:
    wanted = request(start=at("2024-08-08T12:00"), end=at("2024-08-09T06:00"))
    days = {"trades": [date(2024, 8, 8), date(2024, 8, 9)], "depth_diffs": [date(2024, 8, 9)]}
    found = partitions(wanted, "BTCUSDT", {"trades": ("trades",), "depth_diffs": ("depth_diffs",)}, days)
    assert [(one.name, one.start, one.end) for one in found] == [
        ("trades/market=spot/symbol=BTCUSDT/date=2024-08-08", at("2024-08-08T12:00"), at("2024-08-09")),
        ("trades/market=spot/symbol=BTCUSDT/date=2024-08-09", at("2024-08-09"), at("2024-08-09T06:00")),
        ("depth_diffs/market=spot/symbol=BTCUSDT/date=2024-08-09", at("2024-08-09"), at("2024-08-09T06:00")),
    ]


def test_a_partition_of_several_tables_has_the_days_of_any() -> None:
    days = {"trades": [date(2024, 8, 9)], "depth_diffs": [date(2024, 8, 8)]}
    found = partitions(request(), "BTCUSDT", {EVENTS: ("trades", "depth_diffs")}, days)
    assert [one.day.day for one in found] == [8, 9]
    assert {one.tables for one in found} == {("trades", "depth_diffs")}
