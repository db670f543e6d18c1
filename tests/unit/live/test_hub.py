"""The fan-out."""

import asyncio
import threading
from typing import Any

import msgspec
import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.live import Hub, TickStore
from orderflow_recorder.live.candles import SETTLED_NS
from orderflow_recorder.live.hub import FLUSH_S, MOST_AT_ONCE, MOST_PENDING, MOST_TOPS_AT_ONCE
from orderflow_recorder.live.reader import Reader, Topic
from tests.support.records import MILLISECOND, NOON, agg_trade, book_snapshot, depth_diff, trade

EVERYTHING: list[Topic] = [("trades", "*", "*"), ("tops", "*", "*"), ("candles", "*", "*"), ("gaps", "*", "*")]
BOOK: dict[str, Any] = {
    "bid_prices": ["1.0"],
    "bid_quantities": ["1"],
    "ask_prices": ["2.0"],
    "ask_quantities": ["1"],
}


class Stage:
    """A store, its hub, and a reader."""

    def __init__(self, *topics: Topic) -> None:
        """Join."""
        self.store = TickStore()
        self.hub = Hub(self.store)
        self.reader = Reader()
        self.hub.join(self.reader, topics)

    def told(self) -> list[dict[str, Any]]:
        while self.hub.flush():
            pass
        return taken(self.reader)


def taken(reader: Reader) -> list[dict[str, Any]]:
    events = []
    while (text := reader.take()) is not None:
        events += msgspec.json.decode(text)
    return events


def ids(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(event["symbol"], event["trade_id"]) for event in events if event["type"] == "trade"]


def test_a_trade_is_told_with_the_takers_side() -> None:
    stage = Stage(("trades", "spot", "BTCUSDT"))
    stage.store.take([trade(1), trade(1), trade(2, buyer_is_maker=False)])
    first, second = stage.told()
    assert first == {
        "type": "trade",
        "market": "spot",
        "symbol": "BTCUSDT",
        "stream": "trade",
        "trade_id": 1,
        "price": "61737.63000000",
        "quantity": "0.00100000",
        "side": "sell",
        "trade_time": "2024-08-08T12:00:00.001000Z",
        "receive_time": "2024-08-08T12:00:00.013345Z",
    }
    assert second["side"] == "buy"
    assert stage.told() == []


@pytest.mark.parametrize(
    ("topics", "expected"),
    [
        ([("trades", "spot", "BTCUSDT")], [("BTCUSDT", 1)]),
        ([("trades", "*", "ETHUSDT")], [("ETHUSDT", 2), ("ETHUSDT", 3)]),
        ([("trades", "spot", "*")], [("BTCUSDT", 1), ("ETHUSDT", 2)]),
        ([("trades", "*", "*"), ("trades", "spot", "*")], [("BTCUSDT", 1), ("ETHUSDT", 2), ("ETHUSDT", 3)]),
        ([("trades", "spot", "*"), ("trades", "*", "ETHUSDT")], [("BTCUSDT", 1), ("ETHUSDT", 2), ("ETHUSDT", 3)]),
        ([("trades", "usdm", "BTCUSDT")], []),
        ([("tops", "*", "*")], []),
        ([], []),
        ([("trades", "spot", f"{n}USDT") for n in range(50)] + [("trades", "spot", "ETHUSDT")], [("ETHUSDT", 2)]),
    ],
)
def test_a_reader_gets_what_it_asked_for_once(topics: list[Topic], expected: list[tuple[str, int]]) -> None:
    stage = Stage(*topics)
    stage.store.take([trade(1), trade(2, symbol="ETHUSDT"), agg_trade(3)])
    assert ids(stage.told()) == expected


def test_readers_of_the_same_get_the_same_text() -> None:
    stage = Stage(*EVERYTHING)
    other = Reader()
    stage.hub.join(other, EVERYTHING)
    stage.store.take([trade(1)])
    stage.hub.flush()
    text = stage.reader.take()
    assert text is not None
    assert other.take() is text


def test_a_reader_that_left_gets_nothing_more() -> None:
    stage = Stage(*EVERYTHING)
    stage.hub.leave(stage.reader)
    stage.hub.leave(stage.reader)
    stage.store.take([trade(1)])
    assert stage.told() == []
    stage.hub.join(stage.reader, EVERYTHING)
    stage.store.take([trade(2)])
    assert ids(stage.told()) == [("BTCUSDT", 2)]


def test_a_top_is_told_when_it_changed() -> None:
    stage = Stage(("tops", "spot", "*"))
    stage.store.take([book_snapshot(1, **BOOK), depth_diff(1, 2, **BOOK)])
    (event,) = stage.told()
    assert event == {
        "type": "top",
        "market": "spot",
        "symbol": "BTCUSDT",
        "last_update_id": 2,
        "bids": [["1.0", "1"]],
        "asks": [["2.0", "1"]],
        "event_time": "2024-08-08T12:00:00.002000Z",
        "receive_time": "2024-08-08T12:00:00.002000Z",
    }
    stage.store.take([depth_diff(3, 3, **BOOK)])
    assert stage.told() == []
    stage.store.take([depth_diff(4, 4, **BOOK | {"bid_quantities": ["3"]}), depth_diff(5, 5, **BOOK)])
    assert stage.told() == []
    stage.store.take([depth_diff(6, 6, **BOOK | {"bid_quantities": ["3"]})])
    (event,) = stage.told()
    assert event["bids"] == [["1.0", "3"]]


def test_a_book_that_is_lost_is_told() -> None:
    stage = Stage(("tops", "*", "*"))
    stage.store.take([book_snapshot(1, **BOOK), depth_diff(1, 2, **BOOK)])
    assert stage.told()[0]["bids"]
    stage.store.take(depth_diff(number, number, **BOOK) for number in range(10, 200))
    (event,) = stage.told()
    assert (event["bids"], event["asks"], event["last_update_id"]) == ([], [], None)


def test_the_best_levels_of_now_can_be_asked() -> None:
    stage = Stage()
    assert stage.hub.now(Market.SPOT, "BTCUSDT").bids == []
    stage.store.take([book_snapshot(1, **BOOK), depth_diff(1, 2, **BOOK)])
    assert stage.hub.now(Market.SPOT, "BTCUSDT").bids == [("1.0", "1")]


def test_candles_are_told_as_they_grow_and_in_the_end() -> None:
    stage = Stage(("candles", "spot", "BTCUSDT"))
    stage.store.take([trade(1, trade_time=NOON, receive_time=NOON), trade(2, trade_time=NOON + 1, receive_time=NOON)])
    (event,) = stage.told()
    assert event == {
        "type": "candle",
        "market": "spot",
        "symbol": "BTCUSDT",
        "resolution": "1s",
        "bucket": "2024-08-08T12:00:00.000000Z",
        "open": "61737.63000000",
        "high": "61737.63000000",
        "low": "61737.63000000",
        "close": "61737.63000000",
        "volume": "0.00200000",
        "buy_volume": "0",
        "sell_volume": "0.00200000",
        "delta": "-0.00200000",
        "trade_count": 2,
        "final": False,
    }
    stage.hub.settle(NOON + 1000 * MILLISECOND + SETTLED_NS)
    (last,) = stage.told()
    assert last == event | {"final": True}


def test_candles_are_whole_for_a_reader_that_comes_in_the_middle() -> None:
    stage = Stage()
    stage.store.take([trade(1, trade_time=NOON)])
    stage.hub.join(stage.reader, [("candles", "*", "*")])
    stage.store.take([trade(2, trade_time=NOON + 1)])
    assert [event["trade_count"] for event in stage.told()] == [2]


def test_gaps_are_told_as_they_are() -> None:
    stage = Stage(("gaps", "spot", "*"))
    for market in Market:
        stage.hub.tell_gap(market, "BTCUSDT", 7, {"gap_id": 7, "market": market, "cause": "stall"})
    assert stage.told() == [{"type": "gap", "gap_id": 7, "market": "spot", "cause": "stall"}]


def test_many_trades_come_in_several_messages() -> None:
    stage = Stage(*EVERYTHING[:1])
    stage.store.take(trade(number) for number in range(MOST_AT_ONCE * 2 + 1))
    assert stage.hub.flush()
    assert len(taken(stage.reader)) == MOST_AT_ONCE
    assert stage.hub.flush()
    assert not stage.hub.flush()
    assert len(taken(stage.reader)) == MOST_AT_ONCE + 1


def test_what_nobody_flushes_is_bounded_and_missed_by_all() -> None:
    stage = Stage(*EVERYTHING[:1])
    for begin in range(0, MOST_PENDING, 1000):
        stage.store.take(trade(number) for number in range(begin, begin + 1000))
    stage.store.take(trade(number) for number in range(MOST_PENDING, MOST_PENDING + 10))
    events: list[dict[str, Any]] = []
    more = True
    while more:
        more = stage.hub.flush()
        events += taken(stage.reader)
    assert len(ids(events)) == MOST_PENDING
    assert events[-1]["type"] == "missed"
    assert [events[-1][name] for name in ("count", "first_id", "last_id")] == [10, MOST_PENDING, MOST_PENDING + 9]
    stage.store.take([trade(MOST_PENDING + 10)])
    assert ids(stage.told()) == [("BTCUSDT", MOST_PENDING + 10)]


def test_many_books_come_in_several_messages() -> None:
    stage = Stage(("tops", "*", "*"))
    for number in range(MOST_TOPS_AT_ONCE + 5):
        symbol = f"A{number}USDT"
        stage.store.take([book_snapshot(1, symbol=symbol, **BOOK), depth_diff(1, 2, symbol=symbol, **BOOK)])
    assert stage.hub.flush()
    assert len(taken(stage.reader)) == MOST_TOPS_AT_ONCE
    assert not stage.hub.flush()
    assert len(taken(stage.reader)) == 5


async def test_it_flushes_when_there_is_something_and_then_pauses() -> None:
    stage = Stage(*EVERYTHING[:1])
    pauses: list[float] = []
    paused, go_on = asyncio.Event(), asyncio.Event()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        paused.set()
        await go_on.wait()

    running = asyncio.create_task(stage.hub.run(pause))
    await asyncio.sleep(0)
    feeder = threading.Thread(target=lambda: stage.store.take([trade(1)]))
    feeder.start()
    async with asyncio.timeout(10):
        assert '"trade_id":1,' in await stage.reader.wait()
        await paused.wait()
        stage.store.take([trade(2)])
        assert stage.reader.take() is None
        go_on.set()
        assert '"trade_id":2,' in await stage.reader.wait()
    feeder.join()
    assert min(pauses) >= FLUSH_S
    running.cancel()
    await asyncio.wait([running])
    stage.store.take([trade(3)])
