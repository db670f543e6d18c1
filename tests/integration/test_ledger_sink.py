"""The ledger in the sink's transaction: what is registered, why, and what becomes of it."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import Record
from orderflow_recorder.ports.sink import Batch, WriteResult
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.sink import PostgresSink
from tests.support import records
from tests.support.records import MILLISECOND, NOON

SECOND = 1_000_000_000
DEPTH_LOST = "the venue serves no past book changes; the book is whole again from the next snapshot"


class Recorder:
    """Writes batches of one instance, as its loader would."""

    def __init__(self, url: str, instance: str = "main") -> None:
        """Open a sink."""
        self.instance = instance
        self.sink = PostgresSink(url)
        self.position = self.sink.open(instance)

    def write(self, *batch: Record) -> WriteResult:
        """Write a batch and move on."""
        end = Position(1, self.position.offset + 100)
        result = self.sink.write(Batch(self.instance, self.position, end, batch))
        self.position = end
        return result


class Ledger:
    """Reads what the database says is there and is not."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        """Read through ``connection``."""
        self.connection = connection

    def gaps(self, columns: str = "first_missing_id, last_missing_id, status, cause") -> list[tuple[Any, ...]]:
        """Return columns of all gaps."""
        query = f"SELECT {columns} FROM gaps ORDER BY symbol, stream, first_missing_id, from_time"  # noqa: S608  # a test's own words
        return self.connection.execute(query.encode()).fetchall()

    def coverage(self) -> list[tuple[Any, ...]]:
        """Return what is covered."""
        return self.connection.execute(
            "SELECT symbol, stream, first_id, last_id, last_key FROM coverage ORDER BY market, symbol, stream"
        ).fetchall()

    def ids(self) -> list[int]:
        """Return the ids of trades."""
        return [row[0] for row in self.connection.execute("SELECT trade_id FROM trades ORDER BY trade_id")]


@pytest.fixture
def main(database_url: str) -> Iterator[Recorder]:
    recorder = Recorder(database_url)
    yield recorder
    recorder.sink.close()


@pytest.fixture
def second(database_url: str) -> Iterator[Recorder]:
    recorder = Recorder(database_url, "second")
    yield recorder
    recorder.sink.close()


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    with connect(database_url) as connection:
        yield Ledger(connection)


def trades(*ids: int, **fields: Any) -> list[Record]:  # noqa: ANN401  # any field of a trade
    return [records.trade(number, **fields) for number in ids]


def from_rest(*ids: int, at: int) -> list[Record]:
    return [records.trade(number, event_time=None, receive_time=at) for number in ids]


def event(kind: EventKind, at: int, instance: str = "main", **fields: Any) -> RecorderEvent:  # noqa: ANN401  # any field
    return records.event(kind, time=at, **({"instance": instance, "market": Market.SPOT} | fields))


def received(trade_id: int) -> int:
    """Return when trade ``trade_id`` was received, ns."""
    return NOON + trade_id * MILLISECOND + 12_345_678


def test_what_goes_on_is_covered_and_nothing_is_missing(main: Recorder, ledger: Ledger) -> None:
    main.write(*trades(5, 6, 7), records.agg_trade(3), records.depth_diff(1, 5), records.depth_diff(6, 9))
    main.write(*trades(8), records.depth_diff(10, 12))
    assert ledger.coverage() == [
        ("BTCUSDT", "depth@100ms", 1, 12, None),
        ("BTCUSDT", "trade", 5, 8, None),
        ("ETHUSDT", "aggTrade", 3, 3, None),
    ]
    assert ledger.gaps() == []


def test_coverage_has_the_receive_times_of_its_ends(main: Recorder, ledger: Ledger) -> None:
    main.write(*trades(5, 6))
    main.write(*trades(7))
    query = "SELECT extract(epoch FROM first_time) * 1000000, extract(epoch FROM last_time) * 1000000 FROM coverage"
    assert ledger.connection.execute(query).fetchone() == (received(5) // 1000, received(7) // 1000)


def test_a_hole_within_a_batch_and_between_batches_is_registered(main: Recorder, ledger: Ledger) -> None:
    main.write(*trades(1, 4))
    main.write(*trades(6))
    assert ledger.gaps() == [(2, 3, "open", "venue_skipped"), (5, 5, "open", "venue_skipped")]
    times = "extract(epoch FROM {}) * 1000000"
    columns = ", ".join(times.format(name) for name in ("from_time", "to_time", "opened_at"))
    assert ledger.gaps(columns) == [
        (received(1) // 1000, received(4) // 1000, received(4) // 1000),
        (received(4) // 1000, received(6) // 1000, received(6) // 1000),
    ]


def test_what_no_source_has_is_unrecoverable_from_the_start(main: Recorder, ledger: Ledger) -> None:
    main.write(records.depth_diff(1, 5), records.depth_diff(8, 9))
    main.write(*trades(1, 3, market=Market.USDM, symbol="ETHUSDT"))
    assert ledger.gaps("stream, first_missing_id, last_missing_id, status, reason") == [
        ("depth@100ms", 6, 7, "unrecoverable", DEPTH_LOST),
        ("trade", 2, 2, "unrecoverable", "futures serve old raw trades only to API keys (historicalTrades)"),
    ]


def test_futures_diffs_are_chained_by_the_previous_final_id(main: Recorder, ledger: Ledger) -> None:
    def diff(previous: int, first: int, final: int) -> Record:
        return records.depth_diff(first, final, market=Market.USDM, previous_final_update_id=previous)

    main.write(diff(90, 95, 100), diff(100, 110, 120))
    main.write(diff(120, 121, 130), diff(140, 150, 160))
    assert ledger.coverage() == [("BTCUSDT", "depth@100ms", 91, 160, None)]
    assert ledger.gaps("first_missing_id, last_missing_id") == [(131, 140)]


def test_spent_ids_are_covered_and_are_no_rows(main: Recorder, ledger: Ledger) -> None:
    batch: list[Record] = [
        records.trade(1, market=Market.USDM),
        records.spent_trade_id(2),
        records.trade(3, market=Market.USDM),
    ]
    assert main.write(*batch) == WriteResult(2, 0)
    assert main.write(*batch, records.spent_trade_id(4)) == WriteResult(0, 2)
    assert ledger.coverage() == [("BTCUSDT", "trade", 1, 4, None)]
    assert ledger.gaps() == []


def test_rest_heals_a_gap_in_parts(main: Recorder, ledger: Ledger) -> None:
    main.write(*trades(1, 10))
    main.write(*from_rest(4, 5, at=NOON + 60 * SECOND))
    main.write(*from_rest(1, 2, 3, 4, at=NOON + 90 * SECOND))
    columns = "first_missing_id, last_missing_id, status, healed_by, extract(epoch FROM healed_at)::bigint"
    assert ledger.gaps(columns) == [
        (2, 5, "healed", "rest", NOON // SECOND + 90),
        (6, 9, "open", None, None),
    ]
    assert ledger.ids() == [1, 2, 3, 4, 5, 10]


def test_another_recorder_fills_the_hole_and_is_named(main: Recorder, second: Recorder, ledger: Ledger) -> None:
    main.write(*trades(1, 2, 5))
    assert second.write(*trades(1, 2, 3, 4, 5, 6)) == WriteResult(3, 3)
    assert ledger.gaps("first_missing_id, last_missing_id, status, healed_by, instance") == [
        (3, 4, "healed", "instance:second", "main")
    ]
    assert ledger.ids() == [1, 2, 3, 4, 5, 6]
    assert main.write(*trades(6, 7)) == WriteResult(1, 1)
    assert len(ledger.gaps()) == 1


def test_depth_holes_are_filled_by_another_recorder(main: Recorder, second: Recorder, ledger: Ledger) -> None:
    diffs = [records.depth_diff(first, first + 4) for first in (1, 6, 11, 16)]
    main.write(diffs[0], diffs[3])
    second.write(*diffs)
    assert ledger.gaps("first_missing_id, last_missing_id, status, reason") == [(6, 15, "healed", None)]
    assert ledger.connection.execute("SELECT count(*) FROM depth_diffs").fetchone() == (4,)


def test_what_overlapping_sockets_bring_out_of_order_is_no_gap(main: Recorder, ledger: Ledger) -> None:
    main.write(*trades(1, 2, 5))
    main.write(*trades(3, 4, 5, 6, receive_time=NOON + SECOND))
    assert ledger.gaps() == []
    assert ledger.ids() == [1, 2, 3, 4, 5, 6]


def test_a_gap_of_one_symbol_leaves_others_alone(main: Recorder, ledger: Ledger) -> None:
    main.write(*trades(1, 2), *trades(1, 2, symbol="ETHUSDT"))
    main.write(*trades(9), *trades(3, symbol="ETHUSDT"))
    assert ledger.gaps("symbol") == [("BTCUSDT",)]


def test_ids_from_before_the_first_extend_the_cover(main: Recorder, ledger: Ledger) -> None:
    main.write(*trades(10))
    main.write(*from_rest(7, 8, at=NOON + SECOND))
    assert ledger.coverage() == [("BTCUSDT", "trade", 7, 10, None)]
    assert ledger.gaps() == [(9, 9, "open", "venue_skipped")]


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


def test_a_refused_row_is_missing_not_covered(main: Recorder, ledger: Ledger) -> None:
    result = main.write(*trades(1), *trades(2, price="1.2.3"), *trades(3), *trades(4, price="x"))
    assert (result.inserted, len(result.rejected)) == (2, 2)
    assert ledger.coverage() == [("BTCUSDT", "trade", 1, 3, None)]
    told = event(EventKind.UNPARSABLE_FRAME, received(4), symbol="BTCUSDT", detail={"record": "Trade"})
    main.write(told, *trades(5))
    assert ledger.gaps() == [(2, 2, "open", "unparsable_frame"), (4, 4, "open", "unparsable_frame")]


def test_a_good_row_behind_a_refused_one_of_the_same_id_is_kept(main: Recorder, ledger: Ledger) -> None:
    result = main.write(*trades(1), *trades(2, price="x"), *trades(2, 3))
    assert (result.inserted, result.duplicates, len(result.rejected)) == (3, 0, 1)
    assert ledger.ids() == [1, 2, 3]
    assert ledger.gaps() == []


def test_a_stream_with_nothing_but_refused_rows_is_not_covered(main: Recorder, ledger: Ledger) -> None:
    main.write(*trades(1, price="x"), *trades(1, symbol="ETHUSDT"))
    assert [row[0] for row in ledger.coverage()] == ["ETHUSDT"]


def test_rows_from_before_the_ledger_are_kept_once(main: Recorder, ledger: Ledger) -> None:
    main.write(*trades(1, 2, 3))
    ledger.connection.execute("DELETE FROM coverage")
    with pytest.raises(SinkUnavailableError, match="coverage has lost 1 streams"):
        main.write(*trades(2, 3, 4))
    assert main.sink.open("main") == main.position
    assert main.write(*trades(2, 3, 4)) == WriteResult(1, 2)
    assert ledger.coverage() == [("BTCUSDT", "trade", 2, 4, None)]
    assert ledger.ids() == [1, 2, 3, 4]


def test_what_the_healer_was_refused_is_unrecoverable_with_the_reason(main: Recorder, ledger: Ledger) -> None:
    detail = {"stream": "trade", "first_id": 4, "last_id": 20, "reason": "too old"}
    main.write(*trades(1, 10))
    main.write(event(EventKind.HEAL_REFUSED, NOON + SECOND, symbol="BTCUSDT", detail=detail))
    assert ledger.gaps("first_missing_id, last_missing_id, status, reason") == [
        (2, 3, "open", None),
        (4, 9, "unrecoverable", "too old"),
    ]


def test_a_refusal_counts_from_where_it_is_in_the_journal(main: Recorder, ledger: Ledger) -> None:
    detail = {"stream": "trade", "first_id": 1, "last_id": 99, "reason": "too old"}
    refused = event(EventKind.HEAL_REFUSED, NOON, symbol="BTCUSDT", detail=detail)
    main.write(*trades(1, 3), refused, *trades(5))
    assert ledger.gaps("first_missing_id, status") == [(2, "unrecoverable"), (4, "open")]


@pytest.mark.parametrize("detail", [{}, {"stream": "trade", "first_id": "x", "last_id": 3, "reason": "r"}])
def test_a_refusal_that_says_nothing_changes_nothing(detail: dict[str, Any], main: Recorder, ledger: Ledger) -> None:
    main.write(*trades(1, 3), event(EventKind.HEAL_REFUSED, NOON, symbol="BTCUSDT", detail=detail))
    assert ledger.gaps("status") == [("open",)]


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


def test_two_events_of_one_microsecond_are_two_rows(main: Recorder) -> None:
    events = [event(EventKind.UNPARSABLE_FRAME, NOON, detail={"offset": number}) for number in (1, 2)]
    assert main.write(*events) == WriteResult(2, 0)
    assert main.write(*events) == WriteResult(0, 2)


def test_nothing_of_the_ledger_remains_of_a_batch_that_starts_elsewhere(main: Recorder, ledger: Ledger) -> None:
    main.write(*trades(1))
    with pytest.raises(SinkUnavailableError, match="expected to be the only loader"):
        main.sink.write(Batch("main", Position(9, 9), Position(9, 10), trades(5)))
    assert ledger.gaps() == []
    assert ledger.coverage() == [("BTCUSDT", "trade", 1, 1, None)]
