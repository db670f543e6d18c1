"""What the settings ask for of the storage, and what is said of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from loguru import logger

from orderflow_recorder.app import storage
from orderflow_recorder.app.settings import Settings, load_settings
from orderflow_recorder.app.storage import (
    compression_lines,
    deletion_line,
    keep_storage,
    read_samples,
    retention_line,
    samples_path,
    wanted_compression,
    wanted_retention,
)
from orderflow_recorder.domain.errors import SinkRefusedError, SinkUnavailableError
from orderflow_recorder.postgres.storage_batches import Deletion
from orderflow_recorder.postgres.storage_compression import Compression
from tests.support.fake_clock import FakeClock

DAY = timedelta(days=1)


def settings_with(**changes: object) -> Settings:
    return load_settings(env_file=None, **changes)


def test_compression_is_two_chunks_an_age_or_never() -> None:
    assert wanted_compression(settings_with()) == Compression(enabled=True, after=None)
    assert wanted_compression(settings_with(compress_after="36h")) == Compression(after=timedelta(hours=36))
    assert wanted_compression(settings_with(compress_after="off")) == Compression(enabled=False)


def test_nothing_is_deleted_unless_a_setting_says_so() -> None:
    assert wanted_retention(settings_with()) == {}


def test_every_setting_names_its_tables() -> None:
    ages = {f"retain_{name}": f"{days}d" for days, name in enumerate(("trades", "depth", "tops", "prices"), start=2)}
    wanted = wanted_retention(settings_with(**ages, retain_candles="2w", retain_events="3w"))
    assert wanted == {
        "trades": 2 * DAY, "agg_trades": 2 * DAY, "depth_diffs": 3 * DAY, "book_snapshots": 3 * DAY,
        "book_tops": 4 * DAY, "book_tickers": 4 * DAY, "mark_prices": 5 * DAY, "liquidations": 5 * DAY,
        "candles": 14 * DAY, "sync_events": 21 * DAY,
    }  # fmt: skip


def test_ages_are_said_together() -> None:
    assert compression_lines({"trades": DAY, "book_tops": None, "agg_trades": DAY}) == [
        "compression: trades, agg_trades after 1d",
        "compression: book_tops never",
    ]
    assert compression_lines({}) == []
    assert retention_line({}) == "retention: everything for ever"
    assert retention_line({"trades": 90 * DAY, "candles": 4 * DAY}) == (
        "retention: trades 90d; candles 4d; everything else for ever"
    )


def test_a_deletion_is_said_with_what_went() -> None:
    cutoff = datetime(2024, 8, 8, 12, tzinfo=UTC)
    assert deletion_line(Deletion("trades", cutoff, chunks=3, size_bytes=2_500_000)) == (
        "retention: deleted 3 chunks (about 2.5 MB) of trades from before 2024-08-08 12:00 UTC"
    )
    assert deletion_line(Deletion("sync_events", cutoff, rows=1234)) == (
        "retention: deleted 1,234 rows of sync_events from before 2024-08-08 12:00 UTC"
    )


def test_samples_that_nobody_wrote_or_that_are_broken_are_none(tmp_path: Path) -> None:
    settings = settings_with(data_dir=tmp_path)
    assert read_samples(settings) == []
    samples_path(settings).parent.mkdir(parents=True)
    samples_path(settings).write_text("[{")
    assert read_samples(settings) == []


@pytest.mark.parametrize(
    ("error", "pause_s", "lines"),
    [
        (SinkUnavailableError("away"), storage.RETRY_S, 0),
        (SinkRefusedError("no permission"), storage.LOOK_EVERY_S, 1),
        (OSError("disk full"), storage.LOOK_EVERY_S, 1),
        (KeyError("a bug"), storage.LOOK_EVERY_S, 1),
    ],
)
async def test_whatever_fails_is_tried_again(
    error: Exception, pause_s: float, lines: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def look_after(_keeper: storage.StorageKeeper, now_ns: int) -> None:
        calls.append(now_ns)
        if len(calls) == 1:
            raise error

    async def at_once(work: object) -> object:
        return work()  # type: ignore[operator]  # whatever in_thread takes

    monkeypatch.setattr(storage.StorageKeeper, "look_after", look_after)
    monkeypatch.setattr(storage, "in_thread", at_once)
    said: list[str] = []
    handler = logger.add(said.append, level="WARNING", format="{message}")
    clock = FakeClock()
    task = asyncio.create_task(keep_storage(settings_with(), "postgresql://host/db", clock))
    await clock.advance(pause_s - 1)
    assert len(calls) == 1
    await clock.advance(1)
    assert len(calls) == 2
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    logger.remove(handler)
    assert len(said) == lines
