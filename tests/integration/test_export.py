"""Exports as files: their contents, what they say of holes, and how they go on."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import psycopg
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from psycopg import sql

from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.domain.errors import SettingsError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.export.errors import ExportError
from orderflow_recorder.export.folder import own_folder
from orderflow_recorder.export.formats import ExportFormat, NumberKind
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.tables import metadata
from orderflow_recorder.research.batches import TIMES, table_schema
from tests.support import database, records
from tests.support.captures import capture
from tests.support.exported import data_files, run_export, summary, wanted
from tests.support.ledger import spot_diff, write
from tests.support.records import NOON
from tests.support.small_disk import small_disk

FIVE = "usdm_five_symbols_2021-04-05"
DAY = 86_400 * 10**9


@pytest.fixture(scope="module")
def captured_url(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """Give the address of a database with a capture of five symbols; leave it as it is."""
    with database.new_database(postgres_url, template=postgres_template) as url:
        replay(load_settings(env_file=None), url, [capture(FIVE)], lambda _path, _left: None)
        yield url


@pytest.fixture
def three_days_url(database_url: str) -> str:
    """Give the address of a database with three days of trades and diffs, a hole from the first day to the second."""
    write(
        database_url,
        [records.trade(n) for n in (1, 2, 3)],
        [records.trade(n, trade_time=NOON + DAY + n, receive_time=NOON + n) for n in (7, 8, 11)],
        [records.trade(n, trade_time=NOON + 2 * DAY + n, receive_time=NOON + n) for n in (12, 13)],
        [spot_diff(11, 20), spot_diff(41, 50)],
    )
    return database_url


def rows_of(url: str, table: str, symbol: str) -> list[dict[str, Any]]:
    """Return the rows of a symbol as the database gives them, by the natural key."""
    (key,) = (index for index in metadata.tables[table].indexes if index.unique)
    query = sql.SQL("SELECT * FROM {} WHERE symbol = %s ORDER BY {}").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, key.columns.keys()))
    )
    with connect(url) as connection, connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(query, [symbol]).fetchall()


def only_file(folder: Path, ending: str) -> Path:
    """Return the file of that ending below a folder."""
    (path,) = folder.rglob(f"*.{ending}")
    return path


@pytest.mark.parametrize("table", ["agg_trades", "depth_diffs", "book_snapshots", "book_tickers"])
def test_parquet_read_back_is_the_database(captured_url: str, tmp_path: Path, table: str) -> None:
    done = run_export(captured_url, wanted(Market.USDM, "NEOUSDT", tables=(table,)), tmp_path)
    path = tmp_path / table / "market=usdm" / "symbol=NEOUSDT" / "date=2021-04-05" / "part-0.parquet"
    expected = rows_of(captured_url, table, "NEOUSDT")
    found = pq.ParquetFile(path)
    assert found.schema_arrow.equals(table_schema(table))
    assert [{"market": "usdm", "symbol": "NEOUSDT"} | row for row in found.read().to_pylist()] == expected
    assert found.metadata.row_group(0).column(0).compression == "ZSTD"
    assert [report.rows for report in done.reports] == [len(expected)]


def test_every_table_can_be_exported(database_url: str, tmp_path: Path) -> None:
    write(
        database_url,
        [records.trade(), records.mark_price(symbol="BTCUSDT"), records.liquidation(symbol="BTCUSDT")],
        [records.agg_trade(symbol="BTCUSDT"), records.book_top(1, symbol="BTCUSDT"), records.book_ticker(1)],
        [records.trade(market=Market.USDM), records.book_top(1, market=Market.USDM, symbol="BTCUSDT")],
        [records.depth_diff(1, 2), records.book_snapshot(1)],
    )
    exported = set()
    for market in Market:
        for report in run_export(database_url, wanted(market, "BTCUSDT"), tmp_path).reports:
            (table,) = report.partition.tables
            name = f"{report.partition.name}/part-0.parquet"
            found = [
                {"market": market.value, "symbol": "BTCUSDT"} | row
                for row in pq.read_table(tmp_path / name, partitioning=None).to_pylist()
            ]
            with_floats = [row for row in rows_of(database_url, table, "BTCUSDT") if row["market"] == market]
            assert found == with_floats
            exported.add(table)
    assert exported == set(TIMES)


def test_polars_and_pyarrow_read_the_folder_and_skip_what_is_not_asked_for(captured_url: str, tmp_path: Path) -> None:
    symbols = ("NEOUSDT", "SANDUSDT")
    run_export(captured_url, wanted(Market.USDM, *symbols, tables=("agg_trades",)), tmp_path)
    expected = len(rows_of(captured_url, "agg_trades", "SANDUSDT"))
    lazy = pl.scan_parquet(tmp_path / "agg_trades", hive_partitioning=True)
    frame = lazy.filter(pl.col("symbol") == "SANDUSDT", pl.col("market") == "usdm").collect()
    assert frame.schema["price"] == pl.Decimal(38, 18)
    assert frame.schema["trade_time"] == pl.Datetime("us", "UTC")
    assert (frame.height, frame["date"].unique().len()) == (expected, 1)
    dataset = ds.dataset(tmp_path / "agg_trades", partitioning="hive")
    assert len(list(dataset.get_fragments(ds.field("symbol") == "SANDUSDT"))) == 1
    assert dataset.count_rows(filter=ds.field("symbol") == "SANDUSDT") == expected


@pytest.mark.parametrize("kind", [ExportFormat.PARQUET, ExportFormat.CSV])
def test_candles_are_exported_where_they_are_named(three_days_url: str, tmp_path: Path, kind: ExportFormat) -> None:
    done = run_export(three_days_url, wanted(Market.SPOT, "BTCUSDT", kind=kind, tables=("candles_1m",)), tmp_path)
    with connect(three_days_url) as connection, connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        expected = cursor.execute("SELECT * FROM candles_1m ORDER BY bucket").fetchall()
    for row in expected:
        row["vwap"] = round(row["vwap"], 18)
    paths = sorted(tmp_path.rglob("part-0.*"))
    if kind is ExportFormat.PARQUET:
        found = [row for path in paths for row in pq.ParquetFile(path).read().to_pylist()]
        assert [{"market": "spot", "symbol": "BTCUSDT"} | row for row in found] == expected
    else:
        found = [row for path in paths for row in pl.read_csv(path, infer_schema=False).to_dicts()]
        assert found == [{name: _text(value) for name, value in row.items()} for row in expected]
    assert [report.rows for report in done.reports] == [1, 1, 1]
    assert [[hole.first_missing_id for hole in report.tables[0].holes] for report in done.reports] == [[4], [4, 9], []]
    healed = [records.trade(n, trade_time=NOON + DAY + n, receive_time=NOON, event_time=None) for n in (9, 10)]
    write(three_days_url, healed)
    again = run_export(three_days_url, wanted(Market.SPOT, "BTCUSDT", kind=kind, tables=("candles_1m",)), tmp_path)
    assert again.kept == 2


def test_numbers_as_floats(captured_url: str, tmp_path: Path) -> None:
    request = wanted(Market.USDM, "CHRUSDT", tables=("depth_diffs",), numbers=NumberKind.FLOAT)
    run_export(captured_url, request, tmp_path)
    found = pq.read_table(only_file(tmp_path, "parquet"), partitioning=None)
    assert found.schema.field("bid_prices").type.value_type == pa.float64()
    expected = [
        [float(price) for price in row["bid_prices"]] for row in rows_of(captured_url, "depth_diffs", "CHRUSDT")
    ]
    assert found["bid_prices"].to_pylist() == expected


@pytest.mark.parametrize("table", ["agg_trades", "depth_diffs"])
def test_csv_has_the_digits_of_the_database(captured_url: str, tmp_path: Path, table: str) -> None:
    run_export(captured_url, wanted(Market.USDM, "NEOUSDT", kind=ExportFormat.CSV, tables=(table,)), tmp_path)
    found = pl.read_csv(only_file(tmp_path, "csv"), infer_schema=False).to_dicts()
    expected = rows_of(captured_url, table, "NEOUSDT")
    assert [{name: _text(value) for name, value in row.items()} for row in expected] == found
    assert list(found[0]) == list(expected[0])


def _text(value: object) -> str | None:
    """Return what a CSV file has for a value."""
    match value:
        case None:
            return None
        case bool():
            return str(value).lower()
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case list():
            return "[" + ",".join(format(one, "f") for one in value) + "]"
        case _:
            return format(value, "f") if hasattr(value, "as_tuple") else str(value)


def test_csv_with_floats(captured_url: str, tmp_path: Path) -> None:
    request = wanted(Market.USDM, "NEOUSDT", kind=ExportFormat.CSV, tables=("agg_trades",), numbers=NumberKind.FLOAT)
    run_export(captured_url, request, tmp_path)
    found = pl.read_csv(only_file(tmp_path, "csv"))
    assert found["price"].to_list() == [float(row["price"]) for row in rows_of(captured_url, "agg_trades", "NEOUSDT")]


def test_a_part_of_a_day(captured_url: str, tmp_path: Path) -> None:
    start = datetime(2021, 4, 5, 18, 37, tzinfo=UTC)
    end = start + timedelta(seconds=30)
    run_export(captured_url, wanted(Market.USDM, "NEOUSDT", tables=("agg_trades",), start=start, end=end), tmp_path)
    rows = rows_of(captured_url, "agg_trades", "NEOUSDT")
    found = pq.read_table(only_file(tmp_path, "parquet"), partitioning=None)["agg_trade_id"].to_pylist()
    assert found == [row["agg_trade_id"] for row in rows if start <= row["trade_time"] < end]
    assert 0 < len(found) < len(rows)


def test_holes_are_listed_with_the_days_they_touch(three_days_url: str, tmp_path: Path) -> None:
    done = run_export(three_days_url, wanted(Market.SPOT, "BTCUSDT"), tmp_path)
    told = {
        report.partition.name.replace("market=spot/symbol=BTCUSDT/date=2024-08-", ""): [
            (hole.stream, hole.first_missing_id, hole.last_missing_id, hole.status) for hole in report.tables[0].holes
        ]
        for report in done.reports
    }
    first, second, diffs = ("trade", 4, 6, "open"), ("trade", 9, 10, "open"), ("depth@100ms", 21, 40, "unrecoverable")
    assert told == {
        "trades/08": [first],
        "trades/09": [first, second],
        "trades/10": [],
        "depth_diffs/08": [diffs],
    }
    (hole,) = done.reports[0].tables[0].holes
    noon = datetime(2024, 8, 8, 12, tzinfo=UTC)
    assert hole.time_before == noon + timedelta(milliseconds=3)
    assert hole.time_after == noon + timedelta(days=1)
    said = summary(tmp_path)
    assert (said.finished, said.rows, said.holes, said.missing_ids) == (True, 10, 4, 3 + 5 + 20)
    assert [report.partition for report in said.partitions] == sorted(
        (report.partition for report in done.reports), key=lambda one: one.name
    )
    assert said.partitions[1].tables[0].coverage[0].last_id == 13


def test_holes_of_streams_without_ids_lie_between_their_rows(database_url: str, tmp_path: Path) -> None:
    # The venue's clock says 2024, ours 2023: nothing may compare the two.
    ours = NOON - 365 * DAY
    marks = [
        records.mark_price(symbol="BTCUSDT", event_time=NOON + n * DAY, receive_time=ours + n * DAY) for n in range(4)
    ]
    write(database_url, marks)
    with connect(database_url) as connection:
        connection.execute(
            "INSERT INTO gaps (market, symbol, stream, from_time, to_time, cause, status, opened_at, instance) "
            "VALUES ('usdm', 'BTCUSDT', 'markPrice', %(from)s, %(to)s, 'disconnect', 'unrecoverable', %(to)s, 'main')",
            {"from": _moment(ours + DAY), "to": _moment(ours + 2 * DAY)},
        )
    done = run_export(database_url, wanted(Market.USDM, "BTCUSDT"), tmp_path)
    assert [len(report.tables[0].holes) for report in done.reports] == [0, 1, 1, 0]
    hole = done.reports[1].tables[0].holes[0]
    assert (hole.time_before, hole.time_after) == (_moment(NOON + DAY), _moment(NOON + 2 * DAY))


def _moment(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC)


def test_what_is_there_and_true_is_kept(three_days_url: str, tmp_path: Path) -> None:
    request = wanted(Market.SPOT, "BTCUSDT")
    run_export(three_days_url, request, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")}
    assert run_export(three_days_url, request, tmp_path).kept == 4
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.parquet")} == times


def test_a_day_that_grew_or_was_healed_is_made_again(three_days_url: str, tmp_path: Path) -> None:
    request = wanted(Market.SPOT, "BTCUSDT", tables=("trades",))
    run_export(three_days_url, request, tmp_path)
    grown = [records.trade(n, trade_time=NOON + 2 * DAY + n, receive_time=NOON + n) for n in (14, 15)]
    write(three_days_url, grown)
    assert run_export(three_days_url, request, tmp_path).kept == 2
    healed = [records.trade(n, trade_time=NOON + DAY + n, receive_time=NOON, event_time=None) for n in (9, 10)]
    write(three_days_url, healed)
    done = run_export(three_days_url, request, tmp_path)
    assert (done.kept, [report.rows for report in done.reports]) == (2, [3, 5, 4])
    assert [len(report.tables[0].holes) for report in done.reports] == [1, 1, 0]
    assert pl.scan_parquet(tmp_path / "trades").select(pl.len()).collect().item() == 12


def test_another_request_makes_its_days_again_and_keeps_the_others(three_days_url: str, tmp_path: Path) -> None:
    run_export(three_days_url, wanted(Market.SPOT, "BTCUSDT"), tmp_path)
    request = wanted(Market.SPOT, "BTCUSDT", tables=("trades",), numbers=NumberKind.FLOAT)
    assert run_export(three_days_url, request, tmp_path).kept == 0
    assert len(summary(tmp_path).partitions) == 4


@pytest.mark.parametrize("seed", range(2))
def test_an_interrupted_export_goes_on_where_it_stopped(captured_url: str, tmp_path: Path, seed: int) -> None:
    request = wanted(Market.USDM, "CHRUSDT", "CTKUSDT")
    whole, folder = tmp_path / "whole", tmp_path / "interrupted"
    run_export(captured_url, request, whole)
    calls = random.Random(seed).randrange(3, 16)  # noqa: S311  # not for secrets

    def interrupt(_name: str, _done: float, _total: int) -> None:
        nonlocal calls
        calls -= 1
        if not calls:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_export(captured_url, request, folder, interrupt)
    done_before = data_files(folder)
    assert done_before.items() <= data_files(whole).items()
    assert not list(folder.rglob("*.partial"))
    assert summary(folder).finished is False
    assert run_export(captured_url, request, folder).kept == len(done_before)
    assert data_files(folder) == data_files(whole)
    assert summary(folder).finished


KILLED = """
import os, signal, sys
from pathlib import Path
from orderflow_recorder.domain.market import Market
from tests.support.exported import run_export, wanted

def die(name, done, total):
    if done > 5.5:
        os.kill(os.getpid(), signal.SIGKILL)

run_export(sys.argv[1], wanted(Market.USDM, "CHRUSDT", "CTKUSDT"), Path(sys.argv[2]), die)
"""


def test_a_killed_export_goes_on_where_it_stopped(captured_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    died = subprocess.run([sys.executable, "-c", KILLED, captured_url, str(folder)], check=False, env=os.environ)
    assert died.returncode == -signal.SIGKILL
    request = wanted(Market.USDM, "CHRUSDT", "CTKUSDT")
    assert run_export(captured_url, request, folder).kept == 5
    run_export(captured_url, request, tmp_path / "whole")
    assert data_files(folder) == data_files(tmp_path / "whole")


def test_a_lost_or_cut_file_is_made_again(three_days_url: str, tmp_path: Path) -> None:
    request = wanted(Market.SPOT, "BTCUSDT", tables=("trades",))
    run_export(three_days_url, request, tmp_path)
    before = data_files(tmp_path)
    first, second, _ = sorted(tmp_path.rglob("*.parquet"))
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1])
    assert run_export(three_days_url, request, tmp_path).kept == 1
    assert data_files(tmp_path) == before


def test_a_file_of_somebody_else_stays(three_days_url: str, tmp_path: Path) -> None:
    path = tmp_path / "trades" / "market=spot" / "symbol=BTCUSDT" / "date=2024-08-09" / "part-0.parquet"
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(ExportError, match=r"date=2024-08-09/part-0.parquet was not made by this export"):
        run_export(three_days_url, wanted(Market.SPOT, "BTCUSDT", tables=("trades",)), tmp_path)
    assert path.read_text() == "mine"


def test_a_folder_holds_one_format(three_days_url: str, tmp_path: Path) -> None:
    run_export(three_days_url, wanted(Market.SPOT, "BTCUSDT"), tmp_path)
    with pytest.raises(ExportError, match="holds an export to parquet: expected csv"):
        run_export(three_days_url, wanted(Market.SPOT, "BTCUSDT", kind=ExportFormat.CSV), tmp_path)


def test_one_export_at_a_time(three_days_url: str, tmp_path: Path) -> None:
    with own_folder(tmp_path), pytest.raises(ExportError, match="another export is writing"):
        run_export(three_days_url, wanted(Market.SPOT, "BTCUSDT"), tmp_path)


def test_nothing_to_export_says_what_was_looked_for(three_days_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    with pytest.raises(ExportError, match="nothing to export: no rows of spot ETHUSDT in trades from the first to"):
        run_export(three_days_url, wanted(Market.SPOT, "ETHUSDT", tables=("trades",)), folder)
    assert not folder.exists()


def test_a_full_disk_is_said_and_what_is_finished_stays(captured_url: str, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        request = wanted(Market.USDM, "CHRUSDT", "NEOUSDT", "SANDUSDT", "BATUSDT", kind=ExportFormat.CSV)
        with pytest.raises(ExportError, match=r"disk full: .* free some space and run the export again"):
            run_export(captured_url, request, disk)
        files = data_files(disk)
        assert files
        run_export(captured_url, request, tmp_path / "whole")
        assert files.items() <= data_files(tmp_path / "whole").items()


MANY = """
INSERT INTO trades (market, symbol, trade_id, price, quantity, buyer_is_maker, trade_time, event_time, receive_time)
SELECT 'spot', 'BTCUSDT', n, 61737.63, 0.001, true, time, time, time
FROM generate_series(1, 150000) AS n, LATERAL (SELECT timestamptz '2024-08-08' + n * interval '1 ms') AS at (time)
"""


@pytest.mark.timeout(30)
def test_a_failure_in_the_middle_of_many_rows_frees_the_connection(database_url: str, tmp_path: Path) -> None:
    with connect(database_url) as connection:
        connection.execute(MANY)
    request = wanted(Market.SPOT, "BTCUSDT", kind=ExportFormat.HFTBACKTEST)
    with small_disk(tmp_path / "disk") as disk, pytest.raises(ExportError, match="disk full"):
        run_export(database_url, request, disk)


def test_a_folder_that_cannot_be_made_is_one_line(three_days_url: str) -> None:
    with pytest.raises(ExportError, match=r"cannot write /proc/export: .*--to") as error:
        run_export(three_days_url, wanted(Market.SPOT, "BTCUSDT"), Path("/proc/export"))
    assert "\n" not in str(error.value)


def test_a_contradiction_is_a_matter_of_usage(three_days_url: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        run_export(three_days_url, wanted(Market.SPOT, "BTCUSDT", tables=("nothing",)), tmp_path)
