"""A sink that goes on from what it wrote last: somebody else who writes is noticed before anything is done."""

from concurrent.futures import ThreadPoolExecutor

from orderflow_recorder.postgres.connection import connect
from tests.support import records
from tests.support.ledger_writer import Ledger, Recorder, trades
from tests.support.processes import wait_until

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
HOLD = "SELECT FROM coverage WHERE stream = %s FOR UPDATE"


def test_rows_of_another_recorder_are_not_written_twice(main: Recorder, second: Recorder, ledger: Ledger) -> None:
    for number in (1, 2, 3):
        main.write(*trades(number))
    second.write(*trades(2, 3, 4, 5))
    result = main.write(*trades(4, 5, 6))
    assert (result.inserted, result.duplicates) == (1, 2)
    assert second.write(*trades(6, 7)).inserted == 1
    assert main.write(*trades(7, 8)).inserted == 1
    assert ledger.ids() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert ledger.coverage() == [("BTCUSDT", "trade", 1, 8, None)]
    assert ledger.gaps() == []


def test_a_hole_that_another_recorder_left_is_healed(main: Recorder, second: Recorder, ledger: Ledger) -> None:
    for number in (1, 2, 3):
        main.write(*trades(number))
    second.write(*trades(6))
    assert ledger.gaps("first_missing_id, last_missing_id, status") == [(4, 5, "open")]
    main.write(*trades(4, 5, 6, 7))
    assert ledger.gaps("first_missing_id, last_missing_id, status, healed_by") == [(4, 5, "healed", "instance:main")]
    assert ledger.ids() == [1, 2, 3, 4, 5, 6, 7]


def test_a_stream_that_another_recorder_is_ahead_in_leaves_the_rest_alone(
    main: Recorder, second: Recorder, ledger: Ledger
) -> None:
    for number in (1, 2, 3):
        main.write(*trades(number), records.agg_trade(number), records.depth_diff(number, number))
    second.write(records.agg_trade(4))
    result = main.write(*trades(4), records.agg_trade(4), records.depth_diff(4, 4))
    assert (result.inserted, result.duplicates) == (2, 1)
    assert [row[2:4] for row in ledger.coverage()] == [(1, 4), (1, 4), (1, 4)]


def test_a_stream_that_somebody_holds_is_waited_for(main: Recorder, ledger: Ledger, database_url: str) -> None:
    for number in (1, 2):
        main.write(*trades(number), records.agg_trade(number))
    waits = lambda: ledger.connection.execute(WAITING).fetchone() == (1,)  # noqa: E731  # a question
    with connect(database_url) as holder, ThreadPoolExecutor(1) as pool:
        with holder.transaction():
            holder.execute(HOLD, ("aggTrade",))
            writing = pool.submit(main.write, *trades(3), records.agg_trade(3))
            wait_until(waits, within_s=20, what="the sink waits for the row")
        assert writing.result(20).inserted == 2
    assert [row[2:4] for row in ledger.coverage()] == [(1, 3), (1, 3)]


def test_a_begin_that_was_moved_meanwhile_stays(main: Recorder, ledger: Ledger, database_url: str) -> None:
    for number in (1, 2, 3):
        main.write(*trades(number))
    with connect(database_url) as connection:  # as retention does
        connection.execute("UPDATE coverage SET first_id = 3")
    main.write(*trades(4))
    main.write(*trades(5))
    assert ledger.coverage() == [("BTCUSDT", "trade", 3, 5, None)]
