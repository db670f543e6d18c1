"""Looks after the tables' storage while a recorder runs: compression, retention, and how fast they grow."""

import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import psycopg
from loguru import logger

from orderflow_recorder.app.durations import NEVER, duration, duration_text
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.status_line import size
from orderflow_recorder.app.threads import in_thread
from orderflow_recorder.core.storage_outlook import SizeSample, recent
from orderflow_recorder.domain.errors import OrderflowError, SinkUnavailableError
from orderflow_recorder.ports.clock import Clock
from orderflow_recorder.postgres.connection import connect, redact_url
from orderflow_recorder.postgres.errors import sink_error
from orderflow_recorder.postgres.schema import SchemaStatus, read_revision, schema_state
from orderflow_recorder.postgres.storage import read_storage
from orderflow_recorder.postgres.storage_batches import Deletion
from orderflow_recorder.postgres.storage_compression import Compression, apply_compression, can_compress
from orderflow_recorder.postgres.storage_derived import CANDLES, EVENTS
from orderflow_recorder.postgres.storage_retention import delete_expired

LOOK_EVERY_S: Final = 3600.0
RETRY_S: Final = 60.0
LONGEST_REST_S: Final = 1.0
STORAGE_LOCK: Final = 0x6F72_6465_7273_746F
"""Key of the advisory lock of whoever looks after a database's storage: ``ordersto``."""

_TRY_LOCK: Final = "SELECT pg_try_advisory_lock(%s)"
_RETAINED: Final[Mapping[str, tuple[str, ...]]] = {
    "retain_trades": ("trades", "agg_trades"),
    "retain_depth": ("depth_diffs", "book_snapshots"),
    "retain_tops": ("book_tops", "book_tickers"),
    "retain_prices": ("mark_prices", "liquidations"),
    "retain_candles": (CANDLES,),
    "retain_events": (EVENTS,),
}


def wanted_compression(settings: Settings) -> Compression:
    """Return when chunks are to be compressed."""
    text = settings.compress_after
    if text == NEVER:
        return Compression(enabled=False)
    return Compression(after=duration(text) if text else None)


def wanted_retention(settings: Settings) -> dict[str, timedelta]:
    """Return how long rows are kept, by table; tables that are kept for ever are not in it."""
    found = {name: getattr(settings, name) for name in _RETAINED}
    return {table: duration(text) for name, text in found.items() if text for table in _RETAINED[name]}


def samples_path(settings: Settings) -> Path:
    """Return the file in which a recorder writes what the tables took lately."""
    return settings.run_directory / "storage.json"


def read_samples(settings: Settings) -> list[SizeSample]:
    """Return what the tables took lately; empty where no recorder has written it."""
    try:
        return msgspec.json.decode(samples_path(settings).read_bytes(), type=list[SizeSample])
    except (OSError, msgspec.DecodeError):
        return []


async def keep_storage(settings: Settings, url: str, clock: Clock) -> None:
    """Look after the storage at once and then every hour, until cancelled; nothing that fails ends it.

    Args:
        settings: What to compress and to keep.
        url: The database.
        clock: Time.
    """
    keeper = StorageKeeper(settings, url)
    try:
        while True:
            pause_s = LOOK_EVERY_S
            try:
                await in_thread(lambda: keeper.look_after(clock.now_ns()))
            except SinkUnavailableError as error:
                logger.debug("storage is looked after later: {}", error)  # the loader says it loudly
                pause_s = RETRY_S
            except (OrderflowError, OSError) as error:
                logger.warning("storage is not looked after, next attempt in {:.0f} s: {}", pause_s, error)
            except Exception:  # noqa: BLE001  # recording goes on whatever happens here
                logger.exception("storage is not looked after, next attempt in {:.0f} s: unexpected error", pause_s)
            await clock.sleep(pause_s)
    finally:
        keeper.stop()


class StorageKeeper:
    """Looks after one database's storage; of several recorders on one database one at a time does.

    Args:
        settings: What to compress and to keep.
        url: The database.
    """

    def __init__(self, settings: Settings, url: str) -> None:
        """Do nothing yet."""
        self._compression = wanted_compression(settings)
        self._retain = wanted_retention(settings)
        self._asked = bool(settings.compress_after) and self._compression.enabled
        self._path = samples_path(settings)
        self._url = url
        self._stopped = threading.Event()
        self._samples: list[SizeSample] = []

    def stop(self) -> None:
        """End what is being done, soon."""
        self._stopped.set()

    def look_after(self, now_ns: int) -> None:
        """Set compression, delete what is too old, measure.

        Args:
            now_ns: Wall time, ns since the epoch.

        Raises:
            SinkError: The database is away, or refuses.
            OSError: The measurements cannot be written.
        """
        address = redact_url(self._url)
        with connect(self._url) as connection:
            try:
                if schema_state(read_revision(connection)).status is not SchemaStatus.CURRENT:
                    return
                if connection.execute(_TRY_LOCK, (STORAGE_LOCK,)).fetchone() == (True,):
                    self._keep(connection, datetime.fromtimestamp(now_ns / 1e9, UTC))
                sizes = {one.table: one.size_bytes for one in read_storage(connection)}
            except psycopg.Error as error:
                raise sink_error(error, address) from error
        # Begun anew with every run: while no recorder runs, nothing grows.
        self._samples = recent([*self._samples, SizeSample(now_ns, sizes)], now_ns)
        scratch = self._path.with_suffix(".tmp")
        scratch.write_bytes(msgspec.json.encode(self._samples))
        scratch.replace(self._path)

    def _keep(self, connection: psycopg.Connection[Any], now: datetime) -> None:
        if self._asked:
            self._asked = False
            if not can_compress(connection):
                logger.warning(
                    "COMPRESS_AFTER has no effect: this is not TimescaleDB's Community edition, which alone compresses"
                )
        for line in compression_lines(apply_compression(connection, self._compression, now)):
            logger.info("{}", line)
        for deletion in delete_expired(connection, self._retain, now, self._rest):
            logger.info("{}", deletion_line(deletion))

    def _rest(self, seconds: float) -> bool:
        """Leave the database to others for as long as it was busy with us."""
        return self._stopped.wait(min(seconds, LONGEST_REST_S))


def compression_lines(ages: Mapping[str, timedelta | None]) -> list[str]:
    """Return what to say of tables and the age at which they are compressed, a line an age."""
    return [
        f"compression: {', '.join(tables)} {'never' if age is None else f'after {duration_text(age)}'}"
        for age, tables in _by_age(ages.items()).items()
    ]


def retention_line(retain: Mapping[str, timedelta]) -> str:
    """Return what to say of how long tables are kept."""
    kept = [f"{', '.join(tables)} {duration_text(age)}" for age, tables in _by_age(retain.items()).items() if age]
    return f"retention: {'; '.join([*kept, 'everything else for ever'])}" if kept else "retention: everything for ever"


def deletion_line(deletion: Deletion) -> str:
    """Return what to say of what was deleted."""
    what = f"{deletion.chunks:,} chunks" if deletion.chunks else f"{deletion.rows:,} rows"
    about = f" (about {size(deletion.size_bytes)})" if deletion.size_bytes else ""
    return f"retention: deleted {what}{about} of {deletion.table} from before {deletion.cutoff:%Y-%m-%d %H:%M} UTC"


def _by_age(ages: Iterable[tuple[str, timedelta | None]]) -> dict[timedelta | None, list[str]]:
    found: dict[timedelta | None, list[str]] = {}
    for table, age in ages:
        found.setdefault(age, []).append(table)
    return found
