"""What a recorder does about the storage, and what status says of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loguru import logger

from orderflow_recorder.app.admin import check_schema
from orderflow_recorder.app.settings import Settings, load_settings
from orderflow_recorder.app.storage import STORAGE_LOCK, StorageKeeper, read_samples
from orderflow_recorder.app.storage_status import read_outlook, read_tables
from orderflow_recorder.postgres import schema
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.storage_compression import can_compress, read_compression
from tests.support import records
from tests.support.ledger import prove, write

HOUR_NS = 3_600_000_000_000
NOW = records.NOON + 72 * HOUR_NS


@pytest.fixture
def said() -> Iterator[list[str]]:
    """Give the lines that are logged."""
    lines: list[str] = []
    handler = logger.add(lines.append, level="INFO", format="{level} {message}")
    yield lines
    logger.remove(handler)


def settings_in(folder: Path, url: str, **changes: object) -> Settings:
    settings = load_settings(env_file=None, data_dir=folder, db_url=url, **changes)
    settings.run_directory.mkdir(parents=True)
    return settings


def keep(settings: Settings, *times: int) -> None:
    keeper = StorageKeeper(settings, settings.db_url)
    for time in times:
        keeper.look_after(time)


def test_by_default_nothing_is_deleted_and_nothing_is_said(tmp_path: Path, database_url: str, said: list[str]) -> None:
    write(database_url, [records.trade(n) for n in (1, 2)])
    said.clear()
    keep(settings_in(tmp_path, database_url), NOW, NOW + HOUR_NS)
    assert said == []
    assert [one.rows for one in prove(database_url).streams] == [2]


def test_what_is_too_old_goes_on_record(tmp_path: Path, database_url: str, said: list[str]) -> None:
    day = 24 * HOUR_NS
    write(database_url, [records.trade(n, trade_time=records.NOON + n * day) for n in range(4)])
    keep(settings_in(tmp_path, database_url, retain_trades="2d"), NOW)
    (stream,) = prove(database_url).streams
    assert stream.rows in {2, 3}  # a chunk goes as a whole
    assert any("retention: deleted" in line and "of trades from before 2024-08-09 12:00 UTC" in line for line in said)


def test_compression_follows_the_settings_or_says_once_that_it_cannot(
    tmp_path: Path, database_url: str, said: list[str]
) -> None:
    keep(settings_in(tmp_path, database_url, compress_after="3d"), NOW, NOW + HOUR_NS)
    with connect(database_url) as connection:
        if can_compress(connection):
            assert set(read_compression(connection).values()) == {timedelta(days=3)}
            assert len(said) == 1
            assert "INFO compression: agg_trades, " in said[0]
        else:
            assert said == [
                (
                    "WARNING COMPRESS_AFTER has no effect: this is not TimescaleDB's Community edition, "
                    "which alone compresses\n"
                )
            ]


def test_one_recorder_at_a_time_looks_after_a_database(tmp_path: Path, database_url: str) -> None:
    write(database_url, [records.trade(n) for n in (1, 2)])
    settings = settings_in(tmp_path, database_url, retain_trades="2d")
    with connect(database_url) as other:
        other.execute("SELECT pg_advisory_lock(%s)", (STORAGE_LOCK,))
        keep(settings, NOW * 2)
        assert len(read_samples(settings)) == 1
        assert prove(database_url).streams != []
    keep(settings, NOW * 2)
    assert prove(database_url).streams == []


def test_a_schema_of_another_version_is_left_alone(tmp_path: Path, empty_database_url: str) -> None:
    settings = settings_in(tmp_path, empty_database_url, retain_trades="2d")
    keep(settings, NOW)
    assert read_samples(settings) == []
    assert schema.check(empty_database_url).revision is None


def test_status_says_how_tables_grow_and_how_long_the_disk_lasts(tmp_path: Path, database_url: str) -> None:
    settings = settings_in(tmp_path, database_url, retain_depth="1w")
    keep(settings, NOW)
    with connect(database_url) as connection:
        tables = read_tables(settings, connection, NOW + HOUR_NS // 60)
        outlook = read_outlook(settings, connection, tables)
        assert {one.bytes_a_day for one in tables} == {None}
        assert (outlook.bytes_a_day, outlook.days_left) == (None, None)
        write(database_url, [records.trade(n) for n in range(5000)])
        tables = read_tables(settings, connection, NOW + 24 * HOUR_NS)
        outlook = read_outlook(settings, connection, tables)
    by_name = {one.table: one for one in tables}
    grown = by_name["trades"].bytes_a_day
    assert grown is not None
    assert 300_000 < grown < 2_000_000
    assert by_name["depth_diffs"].retain_s == timedelta(weeks=1).total_seconds()
    assert by_name["trades"].retain_s is None
    assert outlook.bytes_a_day is not None
    assert outlook.bytes_a_day >= grown
    assert outlook.free_bytes > 0
    if outlook.days_left is not None:  # the server's disk is this machine's
        assert outlook.days_left == pytest.approx(outlook.free_bytes / outlook.bytes_a_day)


def test_db_check_says_what_is_in_force(tmp_path: Path, database_url: str) -> None:
    text, current = check_schema(settings_in(tmp_path, database_url, retain_tops="4w"))
    lines = text.splitlines()
    assert current
    assert "the schema is current" in lines[0]
    assert lines[-1] == "retention: book_tops, book_tickers 28d; everything else for ever"
    with connect(database_url) as connection:
        compressed = "compression: agg_trades, trades after 12h" in lines
        assert compressed == can_compress(connection)


def test_samples_are_those_of_this_run_and_the_last_day(tmp_path: Path, database_url: str) -> None:
    settings = settings_in(tmp_path, database_url)
    keep(settings, NOW)
    keep(settings, NOW + HOUR_NS, NOW + 2 * HOUR_NS, NOW + 27 * HOUR_NS)
    times = [datetime.fromtimestamp(one.time / 1e9, UTC) for one in read_samples(settings)]
    assert times == [datetime.fromtimestamp((NOW + hours * HOUR_NS) / 1e9, UTC) for hours in (2, 27)]
