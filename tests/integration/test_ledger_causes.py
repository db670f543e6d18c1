"""Why the ledger says something is missing, and streams without ids, on a real database."""

import uuid

from orderflow_recorder.core.shards import Shard
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import Record
from orderflow_recorder.ports.sink import WriteResult
from tests.support import records
from tests.support.ledger_writer import SECOND, Ledger, Recorder, event, received, trades
from tests.support.records import NOON

RUNS = [str(uuid.UUID(int=number)) for number in range(3)]
SYMBOLS = [f"SYMBOL{number}USDT" for number in range(20)]


def test_the_cause_is_what_the_recorder_said_between_the_two_records(main: Recorder, ledger: Ledger) -> None:
    streams = ["btcusdt@trade"]
    stalled = event(EventKind.STALLED, received(2) + SECOND, connection=1)
    lost = event(EventKind.DISCONNECTED, received(2) + 2 * SECOND, connection=1, detail={"streams": streams})
    main.write(*trades(1, 2), *trades(1, 2, symbol="ETHUSDT"), stalled, lost)
    later = received(2) + 9 * SECOND
    main.write(*trades(5, receive_time=later), *trades(5, symbol="ETHUSDT", receive_time=later))
    assert ledger.gaps("symbol, cause") == [("BTCUSDT", "stall"), ("ETHUSDT", "venue_skipped")]


def test_an_event_of_the_same_batch_is_a_cause_only_if_it_came_before(main: Recorder, ledger: Ledger) -> None:
    def stopped(after: int) -> RecorderEvent:
        return event(EventKind.RUN_STARTED, received(after) + 1000, market=None, detail={})

    main.write(*trades(1), stopped(1), *trades(3), *trades(6), stopped(3))
    assert ledger.gaps("cause") == [("restart",), ("venue_skipped",)]


def test_what_another_instance_went_through_is_no_cause(main: Recorder, second: Recorder, ledger: Ledger) -> None:
    main.write(*trades(1))
    second.write(event(EventKind.RUN_STARTED, received(1) + 1000, instance="second", market=None))
    main.write(*trades(3))
    assert ledger.gaps("cause") == [("venue_skipped",)]


def test_a_frame_that_could_not_be_read_is_the_cause(main: Recorder, ledger: Ledger) -> None:
    bad = event(EventKind.UNPARSABLE_FRAME, received(2), connection=1, detail={"stream": "btcusdt@trade"})
    main.write(*trades(1), bad, *trades(3))
    assert ledger.gaps() == [(2, 2, "open", "unparsable_frame")]


def test_rows_without_ids_are_kept_once_by_two_recorders(main: Recorder, second: Recorder, ledger: Ledger) -> None:
    def batch(*numbers: int, late: int) -> list[Record]:
        return [
            one
            for number in numbers
            for one in (
                records.book_ticker(number, receive_time=NOON + number * SECOND + late),
                records.book_top(number, receive_time=NOON + number * SECOND + late),
                records.mark_price(event_time=NOON + number * SECOND, receive_time=NOON + number * SECOND + late),
                records.liquidation(event_time=NOON + number * SECOND, receive_time=NOON + number * SECOND + late),
            )
        ]

    assert main.write(*batch(1, 2, late=5000)) == WriteResult(8, 0)
    assert second.write(*batch(1, 2, 3, late=9000)) == WriteResult(4, 8)
    assert [(stream, key) for _, stream, _, _, key in ledger.coverage()] == [
        ("bookTicker", 3),
        ("depth5@100ms", 3),
        ("forceOrder", NOON + 3 * SECOND),
        ("markPrice@1s", NOON + 3 * SECOND),
    ]
    assert ledger.gaps() == []


def test_an_interrupted_stream_without_ids_has_a_gap_in_time(main: Recorder, ledger: Ledger) -> None:
    lost = event(EventKind.DISCONNECTED, NOON + 2 * SECOND, connection=1, detail={"streams": ["btcusdt@bookTicker"]})
    tickers = [
        records.book_ticker(number, symbol=symbol, receive_time=NOON + number * SECOND)
        for number in (1, 4, 5)
        for symbol in ("BTCUSDT", "ETHUSDT")
    ]
    main.write(*tickers[:2])
    main.write(lost)
    main.write(*tickers[2:4])
    main.write(*tickers[4:])
    seconds = "extract(epoch FROM {} - '2024-08-08 12:00+00')::int"
    columns = ", ".join(seconds.format(name) for name in ("from_time", "to_time", "opened_at"))
    assert ledger.gaps(f"symbol, first_missing_id, cause, status, reason, {columns}") == [
        ("BTCUSDT", None, "disconnect", "unrecoverable", "the venue serves no past data of this stream", 1, 4, 4)
    ]


def test_a_reopened_sink_remembers_the_interruption(database_url: str, main: Recorder, ledger: Ledger) -> None:
    main.write(records.book_ticker(1), event(EventKind.DISK_FULL, NOON + SECOND, market=None))
    again = Recorder(database_url)
    again.write(records.book_ticker(2, receive_time=NOON + 2 * SECOND))
    again.sink.close()
    assert ledger.gaps("stream, cause") == [("bookTicker", "disk_full")]


def test_a_symbol_that_moved_takes_the_cause_along_and_others_have_nothing_to_do_with_it(
    database_url: str, ledger: Ledger
) -> None:
    """Collector 2 of 2 meets a full disk, and after a restart its symbol is collector 1's, who has all of them."""
    first, second = (Shard(number, 2) for number in (1, 2))
    moved, stayed = (next(name for name in SYMBOLS if one.takes(Market.SPOT, name)) for one in (second, first))
    main, other = Recorder(database_url, "main"), Recorder(database_url, "main.2")

    def begins(instance: str, run_id: str, count: int, at: int) -> RecorderEvent:
        detail = {"version": "1", "settings": {"COLLECTOR_SHARDS": str(count)}}
        return event(EventKind.RUN_STARTED, at, instance=instance, run_id=run_id, market=None, detail=detail)

    main.write(begins("main", RUNS[0], 2, received(0)), *trades(1, symbol=stayed))
    full = event(EventKind.DISK_FULL, received(2), instance="main.2", run_id=RUNS[1], market=None)
    other.write(begins("main.2", RUNS[1], 2, received(0)), *trades(1, symbol=moved), full)
    later = received(1) + 9 * SECOND
    main.write(begins("main", RUNS[2], 1, received(1) + SECOND))
    main.write(*(one for name in (moved, stayed) for one in trades(9, symbol=name, receive_time=later)))
    assert dict(ledger.gaps("symbol, cause")) == {moved: "disk_full", stayed: "restart"}
    for recorder in (main, other):
        recorder.sink.close()
