"""Exports to nautilus_trader, read by nautilus_trader itself, against the capture."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.domain.market import Market
from orderflow_recorder.export.errors import ExportError
from orderflow_recorder.export.formats import ExportFormat
from tests.support import database, records
from tests.support.captures import capture
from tests.support.exported import run_export, wanted
from tests.support.ledger import write
from tests.support.naive_book import Side, before_the_hole, book_of
from tests.support.recorded import holed, recorded, write_holed

FIVE = "usdm_five_symbols_2021-04-05"


@pytest.fixture(scope="module")
def url(postgres_url: str, postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a database with a futures capture, and a spot one with holes."""
    path = tmp_path_factory.mktemp("holed") / "holed.jsonl.gz"
    write_holed(path)
    with database.new_database(postgres_url, template=postgres_template) as address:
        replay(load_settings(env_file=None), address, [capture(FIVE), path], lambda _path, _left: None)
        yield address


def library(module: str) -> Any:  # noqa: ANN401  # a module
    """Return a module of the library, slow to load; skip the test where it is not installed."""
    return pytest.importorskip(f"nautilus_trader.{module}", reason="needs the group `interop`: make interop")


def catalog(url: str, folder: Path, market: Market, *symbols: str, **fields: object) -> Any:  # noqa: ANN401  # the library's
    """Export to a catalog, and open it."""
    catalogs = library("persistence.catalog")
    run_export(url, wanted(market, *symbols, kind=ExportFormat.NAUTILUS, **fields), folder)
    return catalogs.ParquetDataCatalog(str(folder))


def new_book(instrument_id: str) -> Any:  # noqa: ANN401  # the library's
    """Make an empty book of the library's."""
    identifier = library("model.identifiers").InstrumentId.from_str(instrument_id)
    return library("model.book").OrderBook(identifier, library("model.enums").BookType.L2_MBP)


def sides(book: Any) -> tuple[Side, Side]:  # noqa: ANN401  # the library's
    """Return bids and asks of the library's book."""
    bids, asks = (
        {level.price.as_decimal(): Decimal(str(level.size())) for level in side} for side in (book.bids(), book.asks())
    )
    return bids, asks


@pytest.mark.parametrize("symbol", ["SANDUSDT", "NEOUSDT"])
def test_deltas_make_the_same_book_at_every_diff(url: str, tmp_path: Path, symbol: str) -> None:
    truth = recorded(FIVE, symbol)
    book = new_book(f"{symbol}-PERP.BINANCE")
    changes = {one.final: number for number, one in enumerate(truth.changes, 1)}
    found = catalog(url, tmp_path, Market.USDM, symbol).order_book_deltas(batched=True)
    compared = 0
    for number, deltas in enumerate(found):
        book.apply_deltas(deltas)
        if deltas.sequence in changes and not deltas.is_snapshot and number % 50 == 2:
            assert sides(book) == book_of(truth, truth.changes[: changes[deltas.sequence]])
            compared += 1
    assert sides(book) == book_of(truth)
    assert compared > 10


def test_trades_are_exact_with_both_times(url: str, tmp_path: Path) -> None:
    ticks = catalog(url, tmp_path, Market.USDM, "NEOUSDT").trade_ticks()
    truth = recorded(FIVE, "NEOUSDT").fills
    assert [
        (
            int(tick.trade_id.value),
            tick.price.as_decimal(),
            tick.size.as_decimal(),
            tick.aggressor_side.name,
            tick.ts_event,
            tick.ts_init,
        )
        for tick in ticks
    ] == [
        (one.id, one.price, one.quantity, "SELLER" if one.sold else "BUYER", one.time * 10**6, one.received * 1000)
        for one in truth
    ]


def test_files_are_what_the_library_writes_itself(url: str, tmp_path: Path) -> None:
    ours = catalog(url, tmp_path / "ours", Market.USDM, "CHRUSDT")
    theirs = library("persistence.catalog").ParquetDataCatalog(str(tmp_path / "theirs"))
    theirs.write_data([*ours.trade_ticks(), *ours.order_book_deltas(), *ours.instruments()])
    files = [sorted(path.relative_to(root) for path in root.rglob("data/**/*.parquet")) for root in _roots(tmp_path)]
    assert files[0] == files[1]
    assert len(files[0]) == 3
    for name in files[0]:
        mine, other = (pq.ParquetFile(root / name).read() for root in _roots(tmp_path))
        assert mine.schema.equals(other.schema, check_metadata=True)
        assert mine.equals(other)


def _roots(folder: Path) -> tuple[Path, Path]:
    return folder / "ours", folder / "theirs"


def test_a_book_is_lost_at_a_hole(url: str, tmp_path: Path) -> None:
    found = catalog(url, tmp_path, Market.SPOT, "BTCUSDT").order_book_deltas(batched=True)
    truth = holed()
    book = new_book("BTCUSDT.BINANCE")
    for deltas in found[:-1]:
        book.apply_deltas(deltas)
    assert sides(book) == book_of(truth, before_the_hole(truth))
    book.apply_deltas(found[-1])
    assert sides(book) == ({}, {})


def test_a_part_begins_with_the_book_as_it_was(url: str, tmp_path: Path) -> None:
    start = datetime(2021, 4, 5, 18, 37, 30, tzinfo=UTC)
    found = catalog(url, tmp_path, Market.USDM, "NEOUSDT", start=start).order_book_deltas(batched=True)
    book = new_book("NEOUSDT-PERP.BINANCE")
    for deltas in found:
        book.apply_deltas(deltas)
    assert found[0].is_snapshot
    assert sides(book) == book_of(recorded(FIVE, "NEOUSDT"))


def test_an_instrument_is_what_the_venue_said(database_url: str, tmp_path: Path) -> None:
    instruments = [
        records.instrument(symbol="ABCXYZ", base_asset="ABC", quote_asset="XYZ", tick_size="0.010", step_size="1.0")
    ]
    trades = [records.trade(1, symbol="ABCXYZ", price="1.50", quantity="2"), records.trade(2, symbol="ABCXYZ")]
    write(database_url, [*instruments, *trades])
    found = catalog(database_url, tmp_path, Market.SPOT, "ABCXYZ")
    (pair,) = found.instruments()
    assert (str(pair.id), pair.base_currency.code, pair.quote_currency.code) == ("ABCXYZ.BINANCE", "ABC", "XYZ")
    assert (pair.price_increment.as_decimal(), pair.size_increment.as_decimal()) == (Decimal("0.01"), Decimal(1))
    # The second trade has more decimals than the step: the numbers say what they need.
    assert (pair.price_precision, pair.size_precision) == (2, 3)
    assert [str(tick.size) for tick in found.trade_ticks()] == ["2.000", "0.001"]


def test_days_are_files_of_one_catalog(database_url: str, tmp_path: Path) -> None:
    days = [records.NOON + number * 86_400 * 10**9 for number in range(3)]
    write(database_url, [records.trade(n, trade_time=day, receive_time=day + 5) for n, day in enumerate(days, 1)])
    found = catalog(database_url, tmp_path, Market.SPOT, "BTCUSDT")
    assert [tick.trade_id.value for tick in found.trade_ticks()] == ["1", "2", "3"]
    assert len(list((tmp_path / "data" / "trade_tick" / "BTCUSDT.BINANCE").iterdir())) == 3


@pytest.mark.parametrize(
    ("market", "symbol", "line"),
    [
        (Market.USDM, "BTCUSDT_240927", "spot pairs and perpetuals"),
        (Market.SPOT, "ABCXYZ", "which asset it is priced in is not recorded"),
    ],
)
def test_what_cannot_be_described_is_one_line(
    database_url: str, tmp_path: Path, market: Market, symbol: str, line: str
) -> None:
    write(database_url, [records.trade(1, market=market, symbol=symbol)])
    with pytest.raises(ExportError, match=line):
        catalog(database_url, tmp_path, market, symbol)


def test_without_the_library_it_says_what_to_install(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nautilus_trader.serialization.arrow.schema", None)
    with pytest.raises(ExportError, match="pip install 'nautilus_trader"):
        run_export(database_url, wanted(Market.SPOT, "BTCUSDT", kind=ExportFormat.NAUTILUS), tmp_path)
