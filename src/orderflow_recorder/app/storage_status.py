"""What the tables take, how fast they grow, and how long the disk lasts: for `status`."""

import shutil
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg

from orderflow_recorder.app.preflight import nearest_existing
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.storage import read_samples, wanted_retention
from orderflow_recorder.core.storage_outlook import SizeSample, days_left, growth_a_day
from orderflow_recorder.postgres.storage import TableStorage, data_directory, read_storage
from orderflow_recorder.postgres.storage_compression import read_compression
from orderflow_recorder.postgres.storage_derived import CANDLES

_HERE: Final = ("localhost", "127.0.0.1", "::1")
_DATABASE: Final = "the database's disk"
_ELSEWHERE: Final = "the disk of DATA_DIR; that of the database cannot be seen from here"


class TableStatus(TableStorage, frozen=True, kw_only=True):
    """What a table takes, and what becomes of it.

    Attributes:
        bytes_a_day: By how much it grows; none where it was not measured yet.
        compress_after_s: Age at which its chunks are compressed; none for never.
        retain_s: Age at which its rows are deleted; none for never.
    """

    bytes_a_day: float | None = None
    compress_after_s: float | None = None
    retain_s: float | None = None


class DiskOutlook(msgspec.Struct, frozen=True):
    """How long a disk lasts.

    Attributes:
        path: Where it was looked at.
        what: Whose disk it is, for people.
        free_bytes: Free to the user.
        bytes_a_day: By how much the tables grow; none where it was not measured yet.
        days_left: Until it is full; none where it never is, or nobody knows.
    """

    path: str
    what: str
    free_bytes: int
    bytes_a_day: float | None
    days_left: float | None


def read_tables(settings: Settings, connection: psycopg.Connection[Any], now_ns: int) -> list[TableStatus]:
    """Return what each table takes, biggest first.

    Args:
        settings: How long rows are kept; where the recorder writes what it measured.
        connection: To the database.
        now_ns: Wall time, ns since the epoch.
    """
    found = read_storage(connection)
    growth = growth_a_day(read_samples(settings), SizeSample(now_ns, {one.table: one.size_bytes for one in found}))
    compression, retention = read_compression(connection), wanted_retention(settings)
    return [
        TableStatus(
            **msgspec.structs.asdict(one),
            bytes_a_day=growth.get(one.table),
            compress_after_s=_seconds(compression, one.table),
            retain_s=_seconds(retention, CANDLES if "candles_1" in one.table else one.table),
        )
        for one in found
    ]


def read_outlook(settings: Settings, connection: psycopg.Connection[Any], tables: Sequence[TableStatus]) -> DiskOutlook:
    """Return how long the database's disk lasts; where it cannot be seen, what is free beside the journal.

    Args:
        settings: Where the embedded database and the journal are.
        connection: To the database.
        tables: What they take, and how they grow.
    """
    measured = [one.bytes_a_day for one in tables if one.bytes_a_day is not None]
    bytes_a_day = sum(measured) if measured else None
    directory = _database_directory(settings, connection)
    if directory is None:
        free = shutil.disk_usage(nearest_existing(settings.data_dir)).free
        return DiskOutlook(str(settings.data_dir), _ELSEWHERE, free, bytes_a_day, None)
    free = shutil.disk_usage(directory).free
    return DiskOutlook(str(directory), _DATABASE, free, bytes_a_day, days_left(free, bytes_a_day))


def _database_directory(settings: Settings, connection: psycopg.Connection[Any]) -> Path | None:
    """Return where the database's files are on this machine; none where they are not, or cannot be told."""
    if not settings.db_url:
        return settings.postgres_directory
    host = connection.info.host
    if not host.startswith("/") and host not in _HERE:
        return None
    # A container that answers on this machine has folders of its own: the server's must be one of ours.
    path = data_directory(connection)
    return Path(path) if path is not None and Path(path).is_dir() else None


def _seconds(ages: Mapping[str, timedelta], table: str) -> float | None:
    age = ages.get(table)
    return None if age is None else age.total_seconds()
