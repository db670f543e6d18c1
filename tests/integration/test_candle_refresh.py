"""Candles while rows come late, gaps are healed, and whoever keeps them stops half-way."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import psycopg
import pytest

from orderflow_recorder.app.candles import refresh_candles
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import Record
from orderflow_recorder.postgres import schema
from orderflow_recorder.postgres.candle_aggregates import CandleAggregates
from orderflow_recorder.postgres.candle_refresh import CandleRefresher
from orderflow_recorder.postgres.connection import connect
from tests.support import records
from tests.support.candles import has_aggregates
from tests.support.ledger_writer import SECOND, Recorder
from tests.support.records import NOON

MINUTE: Final = 60 * SECOND
NOON_TIME: Final = datetime(2024, 8, 8, 12, tzinfo=UTC)
MINUTES: Final = """
SELECT extract(minute FROM bucket)::int, trade_count, complete, stream
FROM candles_1m WHERE symbol = %s ORDER BY bucket
"""


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection, times in UTC."""
    with connect(database_url) as opened:
        opened.execute("SET timezone TO 'UTC'")
        yield opened


@pytest.fixture
def refresher(database_url: str) -> Iterator[CandleRefresher]:
    """Give what keeps candles."""
    opened = CandleRefresher(database_url, time.monotonic)
    yield opened
    opened.close()


def traded(*ids: int, **fields: Any) -> list[Record]:  # noqa: ANN401  # any field of a trade
    """Build trades, one each 20 s from noon on."""
    return [records.trade(n, **({"trade_time": NOON + n * 20 * SECOND} | fields)) for n in ids]


def aggregated(*ids: int, **fields: Any) -> list[Record]:  # noqa: ANN401  # any field of an aggregate
    """Build aggregates of two trades, one each 20 s from noon on."""
    return [records.agg_trade(n, **({"trade_time": NOON + n * 20 * SECOND, "symbol": "BTCUSDT"} | fields)) for n in ids]


def minutes(connection: psycopg.Connection[Any], symbol: str = "BTCUSDT") -> list[tuple[Any, ...]]:
    return connection.execute(MINUTES, (symbol,)).fetchall()


def finished_until(connection: psycopg.Connection[Any]) -> list[datetime]:
    query = "SELECT finished_until FROM candle_marks WHERE finished_until > '-infinity' ORDER BY 1"
    return [row[0] for row in connection.execute(query)]


def changes(connection: psycopg.Connection[Any]) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT stream, minute FROM candle_changes ORDER BY 1, 2").fetchall()


def test_a_gap_makes_the_candles_it_touches_incomplete_until_it_is_healed(
    main: Recorder, connection: psycopg.Connection[Any]
) -> None:
    main.write(*traded(*range(7), *range(9, 20)))
    assert minutes(connection) == [
        (0, 3, True, "trade"), (1, 3, True, "trade"), (2, 1, False, "trade"), (3, 3, False, "trade"),
        (4, 3, True, "trade"), (5, 3, True, "trade"), (6, 2, True, "trade"),
    ]  # fmt: skip
    main.write(*traded(7, 8, event_time=None, receive_time=NOON + 3600 * SECOND))
    assert minutes(connection)[2:4] == [(2, 3, True, "trade"), (3, 3, True, "trade")]


def test_healing_changes_candles_that_were_finished(
    main: Recorder, connection: psycopg.Connection[Any], refresher: CandleRefresher
) -> None:
    main.write(*traded(*range(7), *range(9, 30)))
    assert refresher.refresh(60)
    assert finished_until(connection) == [NOON_TIME + timedelta(minutes=10 if has_aggregates(connection) else 9)]
    assert minutes(connection)[2] == (2, 1, False, "trade")
    main.write(*traded(7, 8, event_time=None, receive_time=NOON + 3600 * SECOND, quantity="2", price="70000"))
    assert changes(connection) == [("trade", NOON_TIME + timedelta(minutes=2))]
    if not has_aggregates(connection):
        assert minutes(connection)[2] == (2, 3, True, "trade")
    assert refresher.refresh(60)
    assert changes(connection) == []
    assert minutes(connection)[2] == (2, 3, True, "trade")
    row = connection.execute("SELECT high, volume, close FROM candles_1m ORDER BY bucket OFFSET 2").fetchone()
    assert row == (Decimal(70000), Decimal("4.001"), Decimal(70000))


def test_what_is_unrecoverable_stays_incomplete(main: Recorder, connection: psycopg.Connection[Any]) -> None:
    main.write(*traded(0, 1, 3, 4, market=Market.USDM))
    assert connection.execute("SELECT status FROM gaps").fetchall() == [("unrecoverable",)]
    assert [complete for _, _, complete, _ in minutes(connection)] == [False, False]


def test_a_gap_of_another_stream_or_symbol_is_none(main: Recorder, connection: psycopg.Connection[Any]) -> None:
    main.write(*traded(0, 1, 2), *traded(0, 2, symbol="ETHUSDT"), *aggregated(0, 2, market=Market.SPOT))
    assert minutes(connection) == [(0, 3, True, "trade")]
    assert minutes(connection, "ETHUSDT") == [(0, 2, False, "trade")]


def test_a_candle_is_never_made_of_both_streams(
    main: Recorder, connection: psycopg.Connection[Any], refresher: CandleRefresher
) -> None:
    main.write(*aggregated(*range(12), market=Market.SPOT), *traded(4))
    expected = [(0, 6, True, "aggTrade"), (1, 1, True, "trade"), (2, 6, True, "aggTrade"), (3, 6, True, "aggTrade")]
    assert minutes(connection) == expected
    assert refresher.refresh(60)
    assert minutes(connection) == expected
    main.write(*traded(5, 6))
    assert refresher.refresh(60)
    assert minutes(connection)[1:3] == [(1, 2, True, "trade"), (2, 1, True, "trade")]


def test_two_recorders_make_the_same_candles_and_note_what_the_other_finished(
    main: Recorder, second: Recorder, connection: psycopg.Connection[Any], refresher: CandleRefresher, database_url: str
) -> None:
    main.write(*traded(*range(4), *range(6, 30)))
    assert refresher.refresh(60)
    second.write(*traded(*range(40)))
    refresh_candles(database_url, time.monotonic)
    assert [count for _, count, _, _ in minutes(connection)] == [3] * 13 + [1]
    assert all(complete for _, _, complete, _ in minutes(connection))
    assert refresher.refresh(60)
    assert [count for _, count, _, _ in minutes(connection)] == [3] * 13 + [1]


def test_rows_put_in_by_hand_show_up_at_once(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "INSERT INTO trades SELECT 'spot', symbol, n, 100, 1, false, '2024-08-08 12:00+00', NULL, now() "
        "FROM unnest(ARRAY['BTCUSDT', 'ETHUSDT']) AS symbol, generate_series(1, 3) AS n"
    )
    assert minutes(connection) == minutes(connection, "ETHUSDT") == [(0, 3, True, "trade")]


def test_what_is_left_undone_is_done_by_the_next(
    main: Recorder, connection: psycopg.Connection[Any], database_url: str
) -> None:
    main.write(*traded(*range(7), *range(9, 30)), *aggregated(*range(30), symbol="ETHUSDT"))
    refresh_candles(database_url, time.monotonic)
    main.write(*traded(7, event_time=None))
    main.write(*aggregated(-1, 31, symbol="ETHUSDT"))
    calls = 0
    done = False
    while not done:
        crashed = CandleRefresher(database_url, time.monotonic)
        done = crashed.refresh(0)
        crashed.close()
        calls += 1
    assert calls > 2
    assert changes(connection) == []
    assert connection.execute("SELECT count(*) FROM candle_marks WHERE refresh_from IS NOT NULL").fetchone() == (0,)
    assert minutes(connection)[2] == (2, 2, False, "trade")
    assert minutes(connection, "ETHUSDT")[0] == (59, 2, True, "aggTrade")


def test_a_minute_that_gets_rows_while_it_is_refreshed_is_refreshed_again(
    main: Recorder, connection: psycopg.Connection[Any], database_url: str
) -> None:
    if not has_aggregates(connection):
        pytest.skip("needs the Community edition of TimescaleDB: elsewhere the sink waits meanwhile")
    main.write(*traded(*range(7), *range(9, 30)))
    refresh_candles(database_url, time.monotonic)
    main.write(*traded(7, event_time=None))

    class Interrupted(CandleAggregates):
        """Another row is written after the second's candles are refreshed, before the minute's."""

        def _call(self, name: str, since: datetime, until: datetime) -> None:
            super()._call(name, since, until)
            if name.endswith("1s"):
                main.write(*traded(8, event_time=None))

    for _ in Interrupted(connection, version="2.29").refresh():
        pass
    assert changes(connection) == [("trade", NOON_TIME + timedelta(minutes=2))]
    refresh_candles(database_url, time.monotonic)
    assert minutes(connection)[2] == (2, 3, True, "trade")


def test_finished_candles_outlive_their_rows(
    main: Recorder, connection: psycopg.Connection[Any], refresher: CandleRefresher
) -> None:
    main.write(*traded(*range(5), *range(6, 30)))
    assert refresher.refresh(60)
    before = minutes(connection)
    connection.execute("DELETE FROM trades WHERE trade_id < 9")
    main.write(*traded(*range(30, 40)))
    assert refresher.refresh(60)
    assert minutes(connection)[:9] == before[:9]
    if not has_aggregates(connection):  # an aggregate is what its rows are, once a row comes to a minute that lost some
        main.write(*traded(5, event_time=None))
        assert refresher.refresh(60)
        assert minutes(connection)[1] == (1, 3, True, "trade")


def test_work_in_pieces_is_the_same_in_the_end(
    main: Recorder, connection: psycopg.Connection[Any], refresher: CandleRefresher
) -> None:
    hour = 3600 * SECOND
    main.write(*[records.trade(n, trade_time=NOON + n * hour) for n in range(30)])
    while not refresher.refresh(0):
        pass
    assert connection.execute("SELECT count(*), sum(trade_count) FROM candles_1m").fetchone() == (30, 30)


def test_a_database_from_before_has_candles_after_the_upgrade(empty_database_url: str) -> None:
    schema.upgrade(empty_database_url, revision="0003_books")
    with connect(empty_database_url) as connection:
        connection.execute(
            "INSERT INTO trades SELECT 'spot', 'BTCUSDT', n, 100, 1, false, "
            "timestamptz '2024-08-08 12:00+00' + n * interval '20 s', NULL, now() FROM generate_series(0, 29) AS n"
        )
        connection.execute("INSERT INTO coverage VALUES ('spot', 'BTCUSDT', 'trade', 0, 29, now(), now())")
        schema.upgrade(empty_database_url)
        connection.execute("SET timezone TO 'UTC'")
        assert minutes(connection) == [(n, 3, True, "trade") for n in range(10)]
        refresh_candles(empty_database_url, time.monotonic)
        assert len(finished_until(connection)) == 1
        assert minutes(connection) == [(n, 3, True, "trade") for n in range(10)]
