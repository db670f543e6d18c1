"""The tick store."""

import threading
from typing import Any

import pytest

from orderflow_recorder.core.intervals import Interval
from orderflow_recorder.core.rollup import Rollup
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.live import Level, Tick, TickStore
from orderflow_recorder.live.day import BUCKET_NS
from orderflow_recorder.ports.books import BookSeed
from tests.support.records import (
    MILLISECOND,
    NOON,
    agg_trade,
    book_snapshot,
    book_ticker,
    book_top,
    depth_diff,
    event,
    instrument,
    mark_price,
    spent_trade_id,
    trade,
)

SPOT = Market.SPOT


def tick_of(store: TickStore, market: Market = SPOT, symbol: str = "BTCUSDT") -> Tick:
    tick = store.get(market, symbol)
    assert tick is not None
    return tick


def test_nothing_is_known_of_what_never_came() -> None:
    store = TickStore()
    store.take([event(EventKind.RUN_STARTED), instrument(), mark_price()])
    assert store.get("spot", "BTCUSDT") is None
    assert store.get_best(SPOT, "BTCUSDT") is None
    assert store.get_all() == {}


def test_a_market_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="bond"):
        TickStore().get("bond", "BTCUSDT")


def test_the_newest_trade_counts_whatever_comes_late() -> None:
    store = TickStore()
    store.take([trade(5), trade(7), trade(6), trade(7), trade(4)])
    tick = tick_of(store)
    assert tick.trade is not None
    assert (tick.trade.stream, tick.trade.trade_id, tick.trade.buyer_is_maker) == ("trade", 7, True)
    assert tick.day is not None
    assert tick.day.trade_count == 4
    assert tick.updated_at == trade(7).receive_time


def test_of_one_moment_the_higher_id_is_newer() -> None:
    store = TickStore()
    store.take([trade(6, trade_time=NOON), trade(7, trade_time=NOON), trade(5, trade_time=NOON)])
    found = tick_of(store).trade
    assert found is not None
    assert found.trade_id == 7


def test_an_aggregate_can_be_the_newest() -> None:
    store = TickStore()
    store.take([agg_trade(3)])
    found = tick_of(store, Market.USDM, "ETHUSDT").trade
    assert found is not None
    assert (found.stream, found.trade_id, found.price, found.buyer_is_maker) == ("aggTrade", 3, "2300.10", False)


def test_a_spent_id_is_no_trade() -> None:
    store = TickStore()
    store.take([spent_trade_id(5)])
    store.take([trade(5, market=Market.USDM)])
    assert tick_of(store, Market.USDM).trade is None


def test_bid_and_ask_are_those_of_the_book_or_the_ticker_whichever_is_newer() -> None:
    store = TickStore()
    store.take([book_snapshot(1), depth_diff(1, 2)])
    tick = tick_of(store)
    assert tick.book is not None
    assert (tick.book.last_update_id, tick.book.event_time) == (2, NOON + 2 * MILLISECOND)
    assert tick.bid == tick.book.bids[0] == Level("61737.63000000", "0.00100000")
    store.take([book_ticker(3, bid_price="5.0", bid_quantity="2", receive_time=NOON + 3 * MILLISECOND)])
    tick = tick_of(store)
    assert (tick.bid, tick.ask) == (Level("5.0", "2"), None)
    store.take([depth_diff(3, 4, bid_prices=["61738.0"], bid_quantities=["1"])])
    assert tick_of(store).bid == Level("61738.00000000", "1")


def test_without_a_book_the_best_levels_are_those_that_the_venue_tells() -> None:
    store = TickStore()
    store.take([book_top(4), book_top(3, bid_prices=[], bid_quantities=[])])
    tick = tick_of(store)
    assert tick.book is not None
    assert tick.book.last_update_id == 4
    assert tick.book.event_time is None
    assert tick.bid == Level("61737.63000000", "0.00100000")


def test_a_ticker_alone_is_no_book() -> None:
    store = TickStore()
    store.take([book_ticker(3), book_ticker(2, bid_price="1.0")])
    tick = tick_of(store)
    assert tick.book is None
    assert tick.bid is not None
    assert tick.bid.price == "61737.63000000"


def test_get_all_is_a_copy() -> None:
    store = TickStore()
    store.take([trade(1), agg_trade(1)])
    ticks = store.get_all()
    assert set(ticks) == {(SPOT, "BTCUSDT"), (Market.USDM, "ETHUSDT")}
    ticks.clear()
    assert len(store.get_all()) == 2


def test_rates_are_those_of_the_last_seconds() -> None:
    store = TickStore()
    store.take(trade(number, receive_time=NOON + number * 10 * MILLISECOND) for number in range(500))
    assert tick_of(store).trades_per_s == 100
    store.take([trade(1, symbol="ETHUSDT", receive_time=NOON + 30_000 * MILLISECOND)])
    assert tick_of(store).trades_per_s == 0


def test_those_who_subscribed_are_told_once_for_what_is_fed_at_once() -> None:
    store = TickStore()
    told: dict[str, list[Tick]] = {"all": [], "spot": [], "eth": [], "one": []}
    store.subscribe(told["all"].append)
    store.subscribe(told["spot"].append, "spot")
    store.subscribe(told["eth"].append, symbol="ETHUSDT")
    end = store.subscribe(told["one"].append, SPOT, "BTCUSDT")
    store.take([trade(1), trade(2), agg_trade(1)])
    assert {name: len(ticks) for name, ticks in told.items()} == {"all": 2, "spot": 1, "eth": 1, "one": 1}
    assert told["one"] == [tick_of(store)]
    store.take([trade(2)])
    end()
    end()
    store.take([trade(3)])
    assert {name: len(ticks) for name, ticks in told.items()} == {"all": 3, "spot": 2, "eth": 1, "one": 1}


def test_who_raises_harms_nobody_and_is_counted() -> None:
    store = TickStore()
    told: list[Tick] = []
    news: list[int] = []

    def fail(_: object) -> None:
        raise ValueError("no")

    def fail_news(*_: object) -> None:
        raise ValueError("no")

    store.follow(fail_news)
    end = store.follow(lambda trades, _books, _newest: news.append(len(trades)))
    store.subscribe(fail)
    store.subscribe(told.append)
    store.take([trade(1)])
    store.take([trade(2)])
    assert (len(told), news, store.failures) == (2, [1, 1], 4)
    end()
    store.take([trade(3)])
    assert news == [1, 1]


def test_whoever_is_told_may_ask_and_feed() -> None:
    store = TickStore()
    found: list[Tick | None] = []
    store.subscribe(lambda tick: found.append(store.get(tick.market, tick.symbol)), symbol="BTCUSDT")
    store.subscribe(lambda _: store.take([agg_trade(1)]), symbol="BTCUSDT")
    store.take([trade(1)])
    assert found == [store.get(SPOT, "BTCUSDT")]
    assert store.get("usdm", "ETHUSDT") is not None


def test_followers_are_told_what_is_new_and_whose_book_was_touched() -> None:
    store = TickStore()
    told: list[Any] = []
    store.follow(lambda trades, books, newest: told.append((list(trades), set(books), newest)))
    store.take([trade(1), trade(1), depth_diff(1, 2, symbol="ETHUSDT")])
    assert told == [([trade(1)], {(SPOT, "ETHUSDT")}, trade(1).receive_time)]


def test_several_threads_feed_and_ask() -> None:
    store = TickStore()
    errors: list[BaseException] = []
    done = threading.Event()

    def feed(symbol: str) -> None:
        try:
            for number in range(1, 400):
                store.take([trade(number, symbol=symbol), depth_diff(number, number, symbol=symbol)])
        except BaseException as error:  # noqa: BLE001  # told by the test
            errors.append(error)

    def ask() -> None:
        try:
            while not done.is_set():
                store.get_all()
                store.subscribe(lambda _: None)()
        except BaseException as error:  # noqa: BLE001  # the same
            errors.append(error)

    feeders = [threading.Thread(target=feed, args=(symbol,)) for symbol in ("AUSDT", "BUSDT")]
    asking = threading.Thread(target=ask)
    for thread in (*feeders, asking):
        thread.start()
    for thread in feeders:
        thread.join()
    done.set()
    asking.join()
    assert errors == []
    for symbol in ("AUSDT", "BUSDT"):
        day = tick_of(store, SPOT, symbol).day
        assert day is not None
        assert day.trade_count == 399


def test_what_the_tables_have_is_known_and_not_taken_again() -> None:
    store = TickStore()
    store.seed_ids(SPOT, "BTCUSDT", [Interval(1, 3), Interval(5, 5)], aggregates=False)
    rollup = Rollup.of(trade(1))
    for number in (2, 3, 5):
        rollup.add(trade(number))
    store.seed_day(SPOT, "BTCUSDT", NOON // BUCKET_NS, rollup, aggregates=False)
    store.seed_trade(trade(5))
    tick = tick_of(store)
    assert tick.trade is not None
    assert tick.day is not None
    assert (tick.trade.trade_id, tick.day.trade_count) == (5, 4)
    store.take([trade(number) for number in range(1, 8)])
    day = tick_of(store).day
    assert day is not None
    assert day.trade_count == 7


def test_a_book_goes_on_where_the_tables_have_it() -> None:
    store = TickStore()
    store.seed_book(SPOT, "BTCUSDT", BookSeed(checkpoint=book_snapshot(3, source="checkpoint")), [depth_diff(4, 5)])
    top = store.get_best(SPOT, "BTCUSDT")
    assert top is not None
    assert top.last_update_id == 5
