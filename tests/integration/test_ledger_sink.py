"""The ledger in the sink's transaction: what is registered, and what becomes of it."""

from typing import Any

import pytest

from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import Record
from orderflow_recorder.ports.sink import Batch, WriteResult
from tests.support import records
from tests.support.ledger_writer import SECOND, Ledger, Recorder, event, from_rest, received, trades
from tests.support.records import NOON

DEPTH_LOST = "the venue serves no past book changes; the book is whole again from the next snapshot"


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
