"""When TimescaleDB's Community edition compresses the chunks of each table: its own jobs, set as wished.

A row that comes late for a compressed chunk is slow to write (8 us), no more: so holding back is a matter
of cost. A gap that the venue may still fill is healed within seconds as a rule. Therefore no chunk is looked
at by itself: while `trades` or `agg_trades` has such a gap, that table's job leaves everything younger
than `HEALED_WITHIN` alone, and goes back to what was wished once the gap is healed or the time is over.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

import msgspec
import psycopg
from psycopg.types.json import Jsonb

from orderflow_recorder.domain.gaps import WANTED
from orderflow_recorder.postgres.hypertable import COMPRESS_AFTER_CHUNKS
from orderflow_recorder.postgres.queries import TIMESCALE_INSTALLED

HEALED_WITHIN: Final = timedelta(hours=48)
"""So long after a gap was registered the venue may still serve what is missing, of futures at least."""

_COMMUNITY: Final[LiteralString] = "SELECT current_setting('timescaledb.license', true) = 'timescale'"

# Candles have jobs of their own, which are none of our business.
_TABLES: Final[LiteralString] = """
SELECT dimension.hypertable_name::text, dimension.time_interval, job.job_id, job.config,
       (job.config ->> 'compress_after')::interval
FROM timescaledb_information.dimensions AS dimension
JOIN timescaledb_information.hypertables AS hypertable USING (hypertable_schema, hypertable_name)
LEFT JOIN timescaledb_information.jobs AS job
    ON job.hypertable_schema = 'public' AND job.hypertable_name = dimension.hypertable_name
    AND job.config ? 'compress_after'
WHERE dimension.hypertable_schema = 'public' AND hypertable.compression_enabled
ORDER BY 1
"""

# What was wanted, e.g. a recording window, is never healed.
_HEALABLE: Final[LiteralString] = """
SELECT DISTINCT CASE stream WHEN 'trade' THEN 'trades' ELSE 'agg_trades' END
FROM public.gaps
WHERE status = 'open' AND NOT cause = ANY(%(wanted)s) AND stream IN ('trade', 'aggTrade') AND opened_at > %(since)s
"""

_ADD: Final[LiteralString] = "SELECT add_compression_policy(%(relation)s::regclass, compress_after => %(after)s)"
_ALTER: Final[LiteralString] = "SELECT alter_job(%(job)s, config => %(config)s)"
_REMOVE: Final[LiteralString] = "SELECT remove_compression_policy(%(relation)s::regclass)"


class Compression(msgspec.Struct, frozen=True):
    """When chunks are to be compressed.

    Attributes:
        enabled: False for never.
        after: Older chunks are; none for so many intervals as `COMPRESS_AFTER_CHUNKS` says.
    """

    enabled: bool = True
    after: timedelta | None = None


class _Table(msgspec.Struct, frozen=True):
    """A table that can be compressed, and its job, if it has one."""

    name: str
    chunk: timedelta
    job: int | None
    config: dict[str, Any] | None
    after: timedelta | None

    @property
    def relation(self) -> str:
        return f"public.{self.name}"


def can_compress(connection: psycopg.Connection[Any]) -> bool:
    """Say whether this is TimescaleDB's Community edition."""
    if connection.execute(TIMESCALE_INSTALLED).fetchone() != (True,):
        return False
    return connection.execute(_COMMUNITY).fetchone() == (True,)


def apply_compression(
    connection: psycopg.Connection[Any], wanted: Compression, now: datetime
) -> dict[str, timedelta | None]:
    """Set the jobs as wanted; one that is right already is left alone.

    Args:
        connection: Autocommit; to a database of any edition.
        wanted: When chunks are to be compressed.
        now: For the age of gaps.

    Returns:
        What was changed: the age by table, none where the table is not compressed any more.

    Raises:
        psycopg.Error: The database failed, or the user may not change the jobs.
    """
    if not can_compress(connection):
        return {}
    parameters = {"since": now - HEALED_WITHIN, "wanted": list(map(str, WANTED))}
    healable = {table for (table,) in connection.execute(_HEALABLE, parameters)}
    changed: dict[str, timedelta | None] = {}
    for table in _tables(connection):
        after = _age(table, wanted, held_back=table.name in healable)
        if after == table.after:
            continue
        _set(connection, table, after)
        changed[table.name] = after
    return changed


def read_compression(connection: psycopg.Connection[Any]) -> Mapping[str, timedelta]:
    """Return the age at which each table's chunks are compressed; tables that never are, are not in it."""
    if not can_compress(connection):
        return {}
    return {table.name: table.after for table in _tables(connection) if table.after is not None}


def _tables(connection: psycopg.Connection[Any]) -> list[_Table]:
    return [_Table(*row) for row in connection.execute(_TABLES).fetchall()]


def _age(table: _Table, wanted: Compression, *, held_back: bool) -> timedelta | None:
    if not wanted.enabled:
        return None
    after = wanted.after or COMPRESS_AFTER_CHUNKS * table.chunk
    return max(after, HEALED_WITHIN) if held_back else after


def _set(connection: psycopg.Connection[Any], table: _Table, after: timedelta | None) -> None:
    if after is None:
        connection.execute(_REMOVE, {"relation": table.relation})
    elif table.job is None or table.config is None:
        connection.execute(_ADD, {"relation": table.relation, "after": after})
    else:
        # As hours, minutes and seconds: an interval of days would be another one where the clock changes.
        seconds = round(after.total_seconds())
        config = table.config | {"compress_after": f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"}
        connection.execute(_ALTER, {"job": table.job, "config": Jsonb(config)})
