"""Records by stream, and the ids that each accounts for."""

import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthDiff, Record, SpentTradeId, Trade
from orderflow_recorder.domain.streams import Stream, StreamKind
from orderflow_recorder.postgres.ledger_streams import StreamRecords, by_stream, places
from tests.support import records

EACH = records.one_of_each()


def of(*batch: Record) -> StreamRecords:
    (found,) = by_stream(batch)[0].values()
    return found


def futures(previous: int, first: int, final: int) -> DepthDiff:
    return records.depth_diff(first, final, market=Market.USDM, previous_final_update_id=previous)


def test_each_record_belongs_to_a_stream_or_to_none() -> None:
    streams, others = by_stream(EACH)
    assert [(key[2], found.kind) for key, found in streams.items()] == [
        ("bookTicker", StreamKind.BOOK_TICKER),
        ("depth5@100ms", StreamKind.PARTIAL_DEPTH),
        ("depth@100ms", StreamKind.DEPTH),
        ("trade", StreamKind.TRADE),
        ("forceOrder", StreamKind.FORCE_ORDER),
        ("markPrice@1s", StreamKind.MARK_PRICE),
        ("aggTrade", StreamKind.AGG_TRADE),
    ]
    assert all(type(found.records[0]) is found.table for found in streams.values())
    assert list(streams) == sorted(streams)
    assert {kind.__name__ for kind in others} == {"BookSnapshot", "RecorderEvent", "Instrument"}


def test_places_are_those_of_the_streams_records() -> None:
    batch = [*EACH, *EACH]
    found = places(batch)
    for key, stream in by_stream(batch)[0].items():
        assert [batch[place] for place in found[key]] == stream.records
    assert sum(map(len, found.values())) == len(batch)


def test_ids_that_follow_each_other_are_a_run() -> None:
    assert of(*[records.trade(number) for number in (3, 4, 5)]).run() == (3, 5)
    assert of(*[records.agg_trade(number) for number in (3, 4)]).run() == (3, 4)
    assert of(records.depth_diff(1, 5), records.depth_diff(6, 6)).run() == (1, 6)
    assert of(futures(90, 95, 100), futures(100, 110, 120)).run() == (91, 120)


@pytest.mark.parametrize(
    "batch",
    [
        [records.trade(3), records.trade(5)],
        [records.trade(3), records.trade(3)],
        [records.trade(5), records.trade(4), records.trade(3)],
        [records.depth_diff(1, 5), records.depth_diff(7, 8)],
        [records.depth_diff(1, 5), records.depth_diff(4, 8)],
        [futures(90, 95, 100), futures(101, 110, 120)],
    ],
)
def test_anything_else_is_none(batch: list[Record]) -> None:
    assert of(*batch).run() is None


def test_a_diff_that_ends_before_it_begins_accounts_for_its_last_id() -> None:
    assert of(futures(200, 95, 100)).ranges() == [(100, 100)]


def test_spent_ids_are_of_the_trade_stream_and_no_rows() -> None:
    trade = records.trade(1, market=Market.USDM)
    found = of(records.spent_trade_id(0), trade, records.spent_trade_id(2))
    assert found.table is Trade
    assert found.run() == (0, 2)
    assert found.rows() == [trade]
    assert found.rows([0, 2]) == []
    assert type(found.records[0]) is SpentTradeId


def test_rows_may_be_chosen() -> None:
    trades = [records.trade(number) for number in range(4)]
    assert of(*trades).rows() == trades
    assert of(*trades).rows([1, 3]) == [trades[1], trades[3]]


def test_a_stream_without_records_knows_its_table() -> None:
    found = StreamRecords.without_records((Market.SPOT, "BTCUSDT", "aggTrade"))
    assert (found.stream, found.kind, found.records) == (
        Stream(Market.SPOT, "BTCUSDT", "aggTrade"),
        StreamKind.AGG_TRADE,
        (),
    )
