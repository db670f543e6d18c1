"""What the queries read: the natural key's index, and of a hypertable only the chunks of the window.

Ten symbols of each market over a day, so that the planner has to choose; our clock is a year off the
venue's, so that a plan which takes the one for the other finds nothing.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
import pytest
from psycopg import sql

from orderflow_recorder.postgres.connection import connect
from tests.support.database import new_database
from tests.support.queries import NAMES, Row, ask, compose

START: Final = datetime(2024, 8, 8, tzinfo=UTC)
NOON: Final = START + timedelta(hours=12)
HOUR: Final = timedelta(hours=1)
YEAR: Final = timedelta(days=365)
FILL: Final = (
    """CREATE TEMPORARY TABLE filler AS
       SELECT 'spot' AS spot, 'usdm' AS usdm, 'S' || number || 'USDT' AS symbol,
              1 + (extract(epoch FROM time - '2024-08-08 00:00+00') / 40)::bigint AS id, time,
              time + interval '365 days' AS heard, 100.5 + number AS price, 2.0 AS quantity, number % 2 = 0 AS sold
       FROM generate_series(0, 9) AS number,
            generate_series(timestamptz '2024-08-08 00:00+00', '2024-08-08 23:59+00', '40 s') AS time""",
    "INSERT INTO trades SELECT spot, symbol, id, price, quantity, sold, time, time, heard FROM filler",
    "INSERT INTO agg_trades SELECT usdm, symbol, id, id, id, price, quantity, sold, time, time, heard FROM filler",
    """INSERT INTO depth_diffs SELECT spot, symbol, id, id, NULL, time, NULL, heard, ARRAY[price], ARRAY[quantity],
       ARRAY[price + 1], ARRAY[quantity] FROM filler""",
    """INSERT INTO book_snapshots (market, symbol, last_update_id, source, receive_time, bid_prices, bid_quantities,
       ask_prices, ask_quantities) SELECT spot, symbol, id, 'rest', heard, ARRAY[price], ARRAY[quantity],
       ARRAY[price + 1], ARRAY[quantity] FROM filler WHERE id % 90 = 1""",
    """INSERT INTO book_tickers SELECT spot, symbol, id, price, quantity, price + 1, quantity, NULL, NULL, heard
       FROM filler""",
    """INSERT INTO book_tops SELECT usdm, symbol, id, 'stream', time, heard, ARRAY[price], ARRAY[quantity],
       ARRAY[price + 1], ARRAY[quantity] FROM filler""",
    """INSERT INTO liquidations SELECT usdm, symbol, 'BUY', 'LIMIT', 'IOC', price, price, 1, 1, 1, 'FILLED', time,
       time, heard FROM filler""",
    "ANALYZE",
)
KEY_TIMES: Final = {
    "trades": "trade_time",
    "agg_trades": "trade_time",
    "depth_diffs": "event_time",
    "book_tickers": "receive_time",
    "book_tops": "receive_time",
    "liquidations": "event_time",
}
"""Each big table with the time of its natural key."""
CHUNKS: Final = """
    SELECT chunk_name, hypertable_name, range_start, range_end FROM timescaledb_information.chunks
     WHERE hypertable_name = ANY (%s)"""

TAPE: Final = (("spot", {"trades"}), ("usdm", {"trades", "agg_trades"}))
"""Futures have no trades here: one look into the index says so."""
READS: Final = {
    "cvd": TAPE,
    "footprint": TAPE,
    "trade_imbalance": TAPE,
    "vpin": TAPE,
    "large_trades": TAPE,
    "order_flow_imbalance": (
        ("spot", {"trades", "agg_trades", "depth_diffs", "book_tickers"}),
        ("usdm", {"trades", "agg_trades", "depth_diffs", "book_tickers", "book_tops"}),
    ),
    "gap_aware_join": (
        ("spot", {"trades", "book_tickers"}),
        ("usdm", {"trades", "agg_trades", "book_tickers", "book_tops"}),
    ),
    "effective_spread": (
        ("spot", {"trades", "book_tickers"}),
        ("usdm", {"trades", "agg_trades", "book_tickers", "book_tops"}),
    ),
    "liquidations_against_price": (("usdm", {"trades", "agg_trades", "liquidations"}),),
    # What these read, their functions and views read for them.
    "slippage": (("spot", set()),),
    "spread_and_depth": (("spot", set()),),
}
CALENDAR: Final = (
    ("trade", "spot", "trades"),
    ("aggTrade", "usdm", "agg_trades"),
    ("depth@100ms", "spot", "depth_diffs"),
)
MARGIN: Final = {"liquidations_against_price": timedelta(hours=1), "hole_calendar": timedelta(hours=1)}
"""How far a query looks beyond its window, where it is more than a minute: prices before, neighbours."""


@pytest.fixture(scope="module")
def filled(postgres_url: str, postgres_template: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to a database with a day of twenty symbols."""
    with new_database(postgres_url, template=postgres_template) as url, connect(url) as connection:
        for statement in FILL:
            connection.execute(statement.encode())
        connection.execute("SET jit = off")
        yield connection


def scans(node: Row) -> Iterator[Row]:
    """Yield the parts of a plan that read a table, or a chunk, and were executed."""
    if not node.get("Actual Loops"):
        return
    below = node.get("Plans", ())
    if "Relation Name" in node:
        # A bitmap's index stands in the node below.
        indexes = [one for one in (node, *below) if "Index Name" in one]
        yield {"relation": node["Relation Name"]} | {
            name: indexes[0][key] if indexes else ""
            for name, key in (("index", "Index Name"), ("condition", "Index Cond"))
        }
    for one in below:
        yield from scans(one)


def plan(connection: psycopg.Connection[Any], name: str, market: str, stream: str = "trade") -> list[Row]:
    """Run a query over the hour from noon on; return what its plan read."""
    given = {"market": market, "symbol": "S3USDT", "stream": stream, "start": NOON, "end": NOON + HOUR, "at": NOON}
    assert ask(connection, name, step="20 minutes", **given), "the window is not empty"
    query = sql.SQL("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ") + compose(name, step="20 minutes", **given)
    row = connection.execute(query).fetchone()
    assert row is not None
    return list(scans(row[0][0]["Plan"]))


def check(connection: psycopg.Connection[Any], name: str, found: list[Row]) -> set[str]:
    """Hold a plan to how it may read the big tables; return which it read."""
    if connection.execute("SELECT FROM pg_extension WHERE extname = 'timescaledb'").rowcount:
        chunks = {chunk: rest for chunk, *rest in connection.execute(CHUNKS, (list(KEY_TIMES),)).fetchall()}
        touched = [chunks[scan["relation"]] for scan in found if scan["relation"] in chunks]
        margin = MARGIN.get(name, timedelta(minutes=1))
        for table, first, last in touched:
            noon = NOON + YEAR if KEY_TIMES[table] == "receive_time" else NOON
            assert first < noon + HOUR + margin, (table, first)
            assert last > noon - margin, (table, last)
        return {table for table, _, _ in touched}
    big = [scan for scan in found if scan["relation"] in KEY_TIMES]
    for scan in big:
        assert scan["index"] == f"{scan['relation']}_key"
        assert "(symbol = 'S3USDT'::text)" in scan["condition"]
        assert f"({KEY_TIMES[scan['relation']]} " in scan["condition"]
    return {scan["relation"] for scan in big}


def test_every_query_has_a_plan_test() -> None:
    assert {*READS, "hole_calendar", "realised_volatility"} == set(NAMES)


@pytest.mark.parametrize(
    ("name", "market", "reads"), [(name, market, reads) for name in READS for market, reads in READS[name]]
)
def test_a_query_reads_its_window_alone(
    name: str, market: str, reads: set[str], filled: psycopg.Connection[Any]
) -> None:
    assert check(filled, name, plan(filled, name, market)) == reads


@pytest.mark.parametrize(("stream", "market", "table"), CALENDAR)
def test_the_calendar_reads_the_window_and_its_neighbours(
    stream: str, market: str, table: str, filled: psycopg.Connection[Any]
) -> None:
    assert check(filled, "hole_calendar", plan(filled, "hole_calendar", market, stream)) == {table}


def test_volatility_reads_its_window_alone_of_what_is_no_candle_yet(filled: psycopg.Connection[Any]) -> None:
    plan_of_candles = plan(filled, "realised_volatility", "spot")
    assert check(filled, "realised_volatility", plan_of_candles) <= {"trades", "agg_trades"}
