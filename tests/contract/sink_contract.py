"""What every sink must do. Subclass `SinkContract` and give it two fixtures."""

# a test's name says what it proves

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
import pytest

from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.domain.records import Record
from orderflow_recorder.ports.sink import Batch, Sink
from tests.support import records as build

Row = dict[str, Any]
MakeSink = Callable[[], Sink]
ReadRows = Callable[[str], list[Row]]

TABLES: Final = {
    "Trade": "trades",
    "AggTrade": "agg_trades",
    "DepthDiff": "depth_diffs",
    "BookSnapshot": "book_snapshots",
    "BookTop": "book_tops",
    "BookTicker": "book_tickers",
    "MarkPrice": "mark_prices",
    "Liquidation": "liquidations",
    "RecorderEvent": "sync_events",
    "Instrument": "instruments",
}
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TIME: Final = re.compile(r"time|.*_time")
_NUMBER: Final = re.compile(r".*(price|quantity|rate|size)")
_NUMBERS: Final = re.compile(r".*(prices|quantities)")


def as_row(record: Record) -> Row:
    """Return the columns that ``record`` must become: decimals, times cut to microseconds, the rest as it is."""
    fields = msgspec.structs.asdict(record)
    for name in ("stream", "archived"):  # no columns: the ledger has them
        fields.pop(name, None)
    return {field: _as_column(field, value) for field, value in fields.items()}


def _as_column(field: str, value: Any) -> Any:  # noqa: ANN401  # any column's type
    if value is None:
        return None
    if _TIME.fullmatch(field):
        return _EPOCH + timedelta(microseconds=value // 1000)
    if _NUMBERS.fullmatch(field):
        return [Decimal(text) for text in value]
    if _NUMBER.fullmatch(field):
        return Decimal(value)
    return value


def batch(start: Position, end: Position, *records: Record, instance: str = "main") -> Batch:
    """Return a batch of ``records``."""
    return Batch(instance, start, end, records)


ONE = Position(1, 100)
TWO = Position(1, 200)
THREE = Position(2, 50)


class SinkContract:
    """The tests; each runs on an empty store."""

    @pytest.fixture
    def make_sink(self) -> MakeSink:
        """Return what makes a new sink, all of them on the same store."""
        raise NotImplementedError

    @pytest.fixture
    def read_rows(self) -> ReadRows:
        """Return what reads a table of that store: one dict of columns a row, in any order."""
        raise NotImplementedError

    @pytest.fixture
    def sink(self, make_sink: MakeSink) -> Sink:
        """Return one sink, closed."""
        return make_sink()

    def test_new_sink_begins_at_the_start(self, sink: Sink) -> None:
        assert sink.open("main") == JOURNAL_START
        sink.close()

    def test_position_survives_reopening(self, make_sink: MakeSink) -> None:
        first = make_sink()
        first.open("main")
        first.write(batch(JOURNAL_START, ONE, build.trade()))
        first.close()
        second = make_sink()
        assert second.open("main") == ONE
        second.close()

    def test_same_sink_can_be_opened_again(self, sink: Sink) -> None:
        sink.open("main")
        sink.write(batch(JOURNAL_START, ONE))
        assert sink.open("main") == ONE
        sink.close()
        assert sink.open("main") == ONE
        sink.close()

    def test_empty_batch_moves_the_position(self, sink: Sink) -> None:
        sink.open("main")
        result = sink.write(batch(JOURNAL_START, ONE))
        assert (result.inserted, result.duplicates, list(result.rejected)) == (0, 0, [])
        assert sink.open("main") == ONE
        sink.close()

    def test_batch_that_does_not_move_writes_its_records(self, sink: Sink, read_rows: ReadRows) -> None:
        sink.open("main")
        sink.write(batch(JOURNAL_START, JOURNAL_START, build.trade()))
        assert len(read_rows("trades")) == 1
        assert sink.open("main") == JOURNAL_START
        sink.close()

    def test_positions_are_kept_per_instance(self, sink: Sink) -> None:
        sink.open("main")
        sink.write(batch(JOURNAL_START, ONE))
        assert sink.open("other") == JOURNAL_START
        sink.write(batch(JOURNAL_START, THREE, instance="other"))
        assert sink.open("main") == ONE
        assert sink.open("other") == THREE
        sink.close()

    def test_batch_that_starts_elsewhere_is_refused_and_leaves_nothing(self, sink: Sink, read_rows: ReadRows) -> None:
        sink.open("main")
        sink.write(batch(JOURNAL_START, ONE))
        with pytest.raises(SinkUnavailableError):
            sink.write(batch(TWO, THREE, build.trade()))
        assert sink.open("main") == ONE
        assert read_rows("trades") == []
        sink.close()

    def test_batch_replayed_after_a_crash_leaves_no_duplicates(self, make_sink: MakeSink, read_rows: ReadRows) -> None:
        replayed = batch(JOURNAL_START, ONE, *build.one_of_each())
        crashed = make_sink()
        crashed.open("main")
        crashed.write(replayed)
        following = make_sink()
        position = following.open("main")
        with pytest.raises(SinkUnavailableError):
            following.write(replayed)
        assert position == following.open("main") == ONE
        assert [len(read_rows(table)) for table in TABLES.values()] == [1] * len(TABLES)
        crashed.close()
        following.close()

    def test_second_loader_of_a_journal_is_told_so(self, make_sink: MakeSink, read_rows: ReadRows) -> None:
        first, second = make_sink(), make_sink()
        first.open("main")
        second.open("main")
        second.write(batch(JOURNAL_START, ONE, build.trade(1)))
        with pytest.raises(SinkUnavailableError):
            first.write(batch(JOURNAL_START, ONE, build.trade(1)))
        assert first.open("main") == ONE
        first.write(batch(ONE, TWO, build.trade(2)))
        assert len(read_rows("trades")) == 2
        first.close()
        second.close()

    def test_duplicates_inside_a_batch_are_counted_and_kept_once(self, sink: Sink, read_rows: ReadRows) -> None:
        sink.open("main")
        result = sink.write(batch(JOURNAL_START, ONE, build.trade(1), build.trade(2), build.trade(1)))
        assert (result.inserted, result.duplicates) == (2, 1)
        assert sorted(row["trade_id"] for row in read_rows("trades")) == [1, 2]
        sink.close()

    def test_duplicates_across_batches_and_instances_are_counted_and_kept_once(
        self, sink: Sink, read_rows: ReadRows
    ) -> None:
        sink.open("main")
        sink.write(batch(JOURNAL_START, ONE, build.trade(1), build.depth_diff(1, 5)))
        result = sink.write(batch(ONE, TWO, build.trade(1), build.trade(2), build.depth_diff(1, 5)))
        assert (result.inserted, result.duplicates) == (1, 2)
        sink.open("other")
        other = batch(JOURNAL_START, ONE, build.trade(2), build.trade(3), instance="other")
        result = sink.write(other)
        assert (result.inserted, result.duplicates) == (1, 1)
        assert sorted(row["trade_id"] for row in read_rows("trades")) == [1, 2, 3]
        sink.close()

    @pytest.mark.parametrize("record", build.one_of_each(), ids=lambda record: type(record).__name__)
    def test_record_can_be_read_back_exactly(self, sink: Sink, read_rows: ReadRows, record: Record) -> None:
        sink.open("main")
        result = sink.write(batch(JOURNAL_START, ONE, record))
        assert (result.inserted, result.duplicates, list(result.rejected)) == (1, 0, [])
        (row,) = read_rows(TABLES[type(record).__name__])
        assert row == as_row(record)
        sink.close()

    def test_decimal_text_is_exact_beyond_binary_and_64_bit_numbers(self, sink: Sink, read_rows: ReadRows) -> None:
        sink.open("main")
        text = "123456789012345678901234567890.12345678901234567890"
        sink.write(batch(JOURNAL_START, ONE, build.trade(price=text, quantity="0.1")))
        (row,) = read_rows("trades")
        assert (row["price"], row["quantity"]) == (Decimal(text), Decimal("0.1"))
        sink.close()

    def test_empty_side_of_a_book_is_an_empty_list(self, sink: Sink, read_rows: ReadRows) -> None:
        sink.open("main")
        sink.write(batch(JOURNAL_START, ONE, build.depth_diff(1, 5, bid_prices=[], bid_quantities=[])))
        (row,) = read_rows("depth_diffs")
        assert (row["bid_prices"], row["bid_quantities"]) == ([], [])
        sink.close()

    def test_spent_trade_id_is_no_row(self, sink: Sink, read_rows: ReadRows) -> None:
        sink.open("main")
        sink.write(batch(JOURNAL_START, ONE, build.spent_trade_id(7)))
        assert read_rows("trades") == []
        assert sink.open("main") == ONE
        sink.close()

    def test_bad_record_is_rejected_alone(self, sink: Sink, read_rows: ReadRows) -> None:
        bad = build.trade(2, price="1.2.3")
        sink.open("main")
        result = sink.write(batch(JOURNAL_START, ONE, build.trade(1), bad, build.trade(3), build.agg_trade()))
        assert [rejected.record for rejected in result.rejected] == [bad]
        assert all(rejected.record is bad for rejected in result.rejected)
        assert all(rejected.reason for rejected in result.rejected)
        assert result.inserted == 3
        assert sorted(row["trade_id"] for row in read_rows("trades")) == [1, 3]
        assert sink.open("main") == ONE
        sink.close()

    def test_newer_description_of_an_instrument_replaces_the_older(self, sink: Sink, read_rows: ReadRows) -> None:
        older = build.instrument(status="TRADING", receive_time=build.NOON)
        newer = build.instrument(status="BREAK", receive_time=build.NOON + 10**9)
        sink.open("main")
        sink.write(batch(JOURNAL_START, ONE, older))
        sink.write(batch(ONE, TWO, newer))
        sink.write(batch(TWO, THREE, older))
        (row,) = read_rows("instruments")
        assert row == as_row(newer)
        sink.close()

    def test_events_without_market_symbol_and_connection_are_told_apart_by_time(
        self, sink: Sink, read_rows: ReadRows
    ) -> None:
        events = [build.event(EventKind.DISK_FULL, time=build.NOON + microsecond * 1000) for microsecond in range(3)]
        sink.open("main")
        result = sink.write(batch(JOURNAL_START, ONE, *events, events[0]))
        assert (result.inserted, result.duplicates) == (3, 1)
        assert len(read_rows("sync_events")) == 3
        sink.close()

    def test_closed_sink_refuses_to_write(self, sink: Sink) -> None:
        sink.open("main")
        sink.close()
        sink.close()
        with pytest.raises(SinkUnavailableError):
            sink.write(batch(JOURNAL_START, ONE))
