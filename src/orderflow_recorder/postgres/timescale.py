"""What a server offers of TimescaleDB, and hypertables where it does.

Nothing here may fail an upgrade: each thing that is missing is logged once, and the tables stay
plain. Every query runs the same on both.
"""

from typing import TYPE_CHECKING, Final

from loguru import logger
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from orderflow_recorder.postgres.hypertable import COMPRESS_AFTER_CHUNKS, Hypertable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

_ABSENT: Final = "the server does not have it"
_INSTALLED: Final = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
_AVAILABLE: Final = "SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'"
# The extension's loader defines settings of its own. Asking shared_preload_libraries instead would
# need a superuser, and touching the extension without the loader ends the connection (FATAL).
_PRELOADED: Final = "SELECT EXISTS (SELECT FROM pg_settings WHERE name LIKE 'timescaledb.%')"
_LICENSE: Final = "SELECT current_setting('timescaledb.license', true)"


def is_community(connection: "Connection") -> bool:
    """Say whether compression and policies are licensed here; the extension must be installed."""
    return bool(connection.scalar(text(_LICENSE)) == "timescale")


def make_hypertables(connection: "Connection", hypertables: "Iterable[Hypertable]") -> None:
    """Turn empty tables into hypertables, compressed ones in the Community edition.

    Args:
        connection: In a transaction; on anything missing it stays usable.
        hypertables: What to make.
    """
    reason = _unusable(connection)
    if reason is not None:
        level = "INFO" if reason == _ABSENT else "WARNING"  # the others a person could mend
        logger.log(level, "TimescaleDB: {}; tables are plain, every query still runs", reason)
        return
    community = is_community(connection)
    if not community:
        logger.warning(
            "TimescaleDB: this is the Apache edition: hypertables, but no compression; "
            "expect about 9 times the disk of the Community edition"
        )
    for hypertable in hypertables:
        _create(connection, hypertable)
        if community:
            _compress(connection, hypertable)


def _unusable(connection: "Connection") -> str | None:
    """Return why TimescaleDB cannot be used, after trying to install it; none if it can."""
    installed = connection.scalar(text(_INSTALLED)) is not None
    if not installed and connection.scalar(text(_AVAILABLE)) is None:
        return _ABSENT
    if not connection.scalar(text(_PRELOADED)):
        return "the server has it but does not load it: add timescaledb to shared_preload_libraries, restart the server"
    if not installed:
        try:
            with connection.begin_nested():
                connection.execute(text("CREATE EXTENSION IF NOT EXISTS timescaledb"))
        except DBAPIError as error:
            return (
                f"the extension cannot be created ({_first_line(error)}); "
                "have a superuser run CREATE EXTENSION timescaledb before the first upgrade"
            )
    return None


def _create(connection: "Connection", hypertable: Hypertable) -> None:
    # The unique index is enough; the default index on time alone would cost every insert.
    connection.execute(
        text(
            "SELECT create_hypertable(CAST(:relation AS regclass), CAST(:time AS name), "
            "chunk_time_interval => make_interval(hours => :hours), create_default_indexes => false)"
        ),
        {"relation": f"public.{hypertable.table}", "time": hypertable.time, "hours": hypertable.chunk_hours},
    )


def _compress(connection: "Connection", hypertable: Hypertable) -> None:
    """Set compression in the words that old and new (2.18 columnstore) versions both know."""
    order = ", ".join((hypertable.time, *hypertable.order))
    try:
        with connection.begin_nested():
            # Identifiers come from the revision, not from input; ALTER TABLE takes no parameters.
            connection.execute(
                text(
                    f"ALTER TABLE public.{hypertable.table} SET (timescaledb.compress, "
                    f"timescaledb.compress_segmentby = 'market, symbol', timescaledb.compress_orderby = '{order}')"
                )
            )
            connection.execute(
                text(
                    "SELECT add_compression_policy(CAST(:relation AS regclass), "
                    "compress_after => make_interval(hours => :hours))"
                ),
                {
                    "relation": f"public.{hypertable.table}",
                    "hours": COMPRESS_AFTER_CHUNKS * hypertable.chunk_hours,
                },
            )
    except DBAPIError as error:
        logger.warning("TimescaleDB: {} stays uncompressed: {}", hypertable.table, _first_line(error))


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0]
