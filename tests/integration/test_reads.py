"""Reads against a real server: holes by each market's rule, records as they were written."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import psycopg
import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.domain.records import Record
from orderflow_recorder.ports.sink import Batch
from orderflow_recorder.postgres import reads
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.reads import StreamSummary
from orderflow_recorder.postgres.sink import PostgresSink
from tests.support import records

Write = Callable[..., None]


@pytest.fixture
def write(database_url: str) -> Write:
    def write_all(*batch: Record) -> None:
        sink = PostgresSink(database_url)
        start = sink.open("main")
        sink.write(Batch("main", start, Position(1, start.offset + 100), batch))
        sink.close()

    return write_all


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as opened:
        yield opened


def spot(*ranges: tuple[int, int]) -> list[Record]:
    return [records.depth_diff(first, final) for first, final in ranges]


def futures(*ranges: tuple[int, int, int]) -> list[Record]:
    return [
        records.depth_diff(first, final, market=Market.USDM, previous_final_update_id=previous)
        for previous, first, final in ranges
    ]


def nameless(*diffs: Record) -> list[Record]:
    """Return diffs as they are read back: no column tells which stream they came by."""
    return [msgspec.structs.replace(one, stream="") for one in diffs]


def holes(connection: psycopg.Connection[Any]) -> list[int | None]:
    return [one.holes for one in reads.stream_summary(connection)]


def test_an_empty_database_has_no_streams(connection: psycopg.Connection[Any]) -> None:
    assert reads.stream_summary(connection) == []


def test_missing_trade_ids_are_counted_per_symbol(write: Write, connection: psycopg.Connection[Any]) -> None:
    write(*[records.trade(n) for n in (5, 6, 9, 10)], *[records.trade(n, symbol="ETHUSDT") for n in (1, 2)])
    assert reads.stream_summary(connection) == [
        StreamSummary(Market.SPOT, "BTCUSDT", "trades", 4, 5, 10, 2),
        StreamSummary(Market.SPOT, "ETHUSDT", "trades", 2, 1, 2, 0),
    ]


def test_missing_aggregate_ids_are_counted(write: Write, connection: psycopg.Connection[Any]) -> None:
    write(*[records.agg_trade(n) for n in (1, 2, 4)])
    assert holes(connection) == [1]


def test_ids_that_futures_spent_without_a_trade_are_no_holes(write: Write, connection: psycopg.Connection[Any]) -> None:
    write(records.trade(1, market=Market.USDM), records.spent_trade_id(2), records.trade(4, market=Market.USDM))
    assert reads.stream_summary(connection) == [StreamSummary(Market.USDM, "BTCUSDT", "trades", 2, 1, 4, 1)]


@pytest.mark.parametrize(
    ("diffs", "expected"),
    [
        (spot((1, 5), (6, 9), (10, 10)), 0),
        (spot((1, 5), (7, 9), (12, 13)), 3),
        (spot((1, 5), (4, 9), (10, 12)), 0),
        (futures((0, 1, 5), (5, 8, 9), (9, 20, 30)), 0),
        (futures((0, 1, 5), (6, 7, 9)), 1),
        (futures((0, 1, 5), (7, 8, 9), (9, 20, 30), (31, 32, 33)), 3),
    ],
    ids=["spot whole", "spot holes", "spot overlap", "futures whole though U jumps", "futures hole", "futures holes"],
)
def test_depth_is_judged_by_its_own_markets_rule(
    diffs: list[Record], expected: int, write: Write, connection: psycopg.Connection[Any]
) -> None:
    write(*diffs)
    assert holes(connection) == [expected]


def test_streams_without_consecutive_ids_have_no_count_of_holes(
    write: Write, connection: psycopg.Connection[Any]
) -> None:
    write(records.book_ticker(5), records.book_top(6), records.book_snapshot(7), records.mark_price())
    write(records.liquidation())
    assert [(one.table, one.rows, one.first_id, one.holes) for one in reads.stream_summary(connection)] == [
        ("book_snapshots", 1, 7, None),
        ("book_tickers", 1, 5, None),
        ("book_tops", 1, 6, None),
        ("liquidations", 1, None, None),
        ("mark_prices", 1, None, None),
    ]


def test_snapshots_and_diffs_come_back_as_they_were(write: Write, connection: psycopg.Connection[Any]) -> None:
    snapshots = [records.book_snapshot(n, receive_time=records.NOON + n * 1000) for n in (1, 2)]
    diffs = [records.depth_diff(1, 5), records.depth_diff(6, 9, ask_prices=[], ask_quantities=[])]
    write(*diffs, *snapshots, *futures((5, 8, 9)))
    assert reads.read_snapshots(connection, Market.SPOT, "BTCUSDT") == snapshots
    assert reads.read_diffs(connection, Market.SPOT, "BTCUSDT") == nameless(*diffs)
    assert reads.read_diffs(connection, Market.SPOT, "BTCUSDT", after_update_id=5) == nameless(*diffs[1:])
    assert reads.read_diffs(connection, Market.USDM, "BTCUSDT") == nameless(*futures((5, 8, 9)))


def test_positions_tell_how_far_each_sink_is(write: Write, connection: psycopg.Connection[Any]) -> None:
    assert reads.loader_positions(connection) == []
    write(records.trade())
    (one,) = reads.loader_positions(connection)
    assert (one.instance, one.sink, one.position) == ("main", "postgres", Position(1, 100))
    assert one.position > JOURNAL_START
    assert one.idle_seconds >= 0
