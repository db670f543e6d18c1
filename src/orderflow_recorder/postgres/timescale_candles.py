"""Candles as continuous aggregates of TimescaleDB, where its edition has them.

Nothing here may fail an upgrade: what is refused is logged once, and the caller keeps candles itself.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec
from loguru import logger
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from orderflow_recorder.postgres.timescale import is_community

if TYPE_CHECKING:
    from sqlalchemy import Connection

BUCKETS_PER_BATCH: Final = 600
"""The default of 10 costs twelve times as much for buckets of a second."""

_CHUNK_DAYS: Final = 7
_COMPRESS_AFTER_DAYS: Final = 14
_INSTALLED: Final = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb')"
_IS_HYPERTABLE: Final = (
    "SELECT EXISTS (SELECT FROM timescaledb_information.hypertables "
    "WHERE hypertable_schema = 'public' AND hypertable_name = 'trades')"
)
_KNOWS_BATCHES: Final = (
    "SELECT EXISTS (SELECT FROM pg_proc WHERE proname = 'add_continuous_aggregate_policy' "
    "AND 'buckets_per_batch' = ANY (proargnames))"
)


class CandleAggregate(msgspec.Struct, frozen=True):
    """One continuous aggregate.

    Attributes:
        name: In schema public.
        query: What it keeps; with columns market, symbol, bucket.
        end_offset: How old a bucket must be before it is kept, an interval.
    """

    name: str
    query: str
    end_offset: str


def make_candle_aggregates(connection: "Connection", aggregates: Sequence[CandleAggregate]) -> bool:
    """Create all of ``aggregates``, or none.

    Args:
        connection: In a transaction; on anything missing it stays usable.
        aggregates: What to make, each after those it reads.

    Returns:
        Whether they are there.
    """
    if not connection.scalar(text(_INSTALLED)) or not is_community(connection):
        return False  # what is missing was said when the tables were made
    if not connection.scalar(text(_IS_HYPERTABLE)):
        return False
    try:
        with connection.begin_nested():
            for aggregate in aggregates:
                _create(connection, aggregate)
    except DBAPIError as error:
        logger.warning("TimescaleDB: no continuous aggregates, the loader keeps candles: {}", _first_line(error))
        return False
    for aggregate in aggregates:
        _keep_fresh(connection, aggregate)
        _compress(connection, aggregate)
    return True


def _create(connection: "Connection", aggregate: CandleAggregate) -> None:
    # WITH DATA cannot be in a transaction; the loader and the policy fill it. Names come from the revision.
    connection.execute(
        text(
            f"CREATE MATERIALIZED VIEW public.{aggregate.name} WITH (timescaledb.continuous, "
            f"timescaledb.materialized_only = false, timescaledb.create_group_indexes = false) AS {aggregate.query} "
            "WITH NO DATA"
        )
    )
    connection.execute(
        text("SELECT set_chunk_time_interval(CAST(:name AS regclass), make_interval(days => :days))"),
        {"name": f"public.{aggregate.name}", "days": _CHUNK_DAYS},
    )
    connection.execute(text(f"CREATE INDEX {aggregate.name}_key ON public.{aggregate.name} (market, symbol, bucket)"))


def _keep_fresh(connection: "Connection", aggregate: CandleAggregate) -> None:
    batches = f", buckets_per_batch => {BUCKETS_PER_BATCH}" if connection.scalar(text(_KNOWS_BATCHES)) else ""
    try:
        with connection.begin_nested():
            connection.execute(
                text(
                    "SELECT add_continuous_aggregate_policy(CAST(:name AS regclass), start_offset => interval '1 day', "
                    "end_offset => CAST(:end_offset AS interval), "
                    f"schedule_interval => interval '30 seconds'{batches})"
                ),
                {"name": f"public.{aggregate.name}", "end_offset": aggregate.end_offset},
            )
    except DBAPIError as error:
        logger.warning("TimescaleDB: {} has no refresh policy: {}", aggregate.name, _first_line(error))


def _compress(connection: "Connection", aggregate: CandleAggregate) -> None:
    try:
        with connection.begin_nested():
            connection.execute(
                text(
                    f"ALTER MATERIALIZED VIEW public.{aggregate.name} SET (timescaledb.compress, "
                    "timescaledb.compress_segmentby = 'market, symbol', timescaledb.compress_orderby = 'bucket')"
                )
            )
            connection.execute(
                text(
                    "SELECT add_compression_policy(CAST(:name AS regclass), "
                    "compress_after => make_interval(days => :days))"
                ),
                {"name": f"public.{aggregate.name}", "days": _COMPRESS_AFTER_DAYS},
            )
    except DBAPIError as error:
        logger.warning("TimescaleDB: {} stays uncompressed: {}", aggregate.name, _first_line(error))


def _first_line(error: DBAPIError) -> str:
    return str(error.orig).partition("\n")[0]
