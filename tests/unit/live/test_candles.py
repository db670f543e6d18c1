"""Candles of a second, while they grow."""

from orderflow_recorder.domain.market import Market
from orderflow_recorder.live.candles import SETTLED_NS, SecondCandles
from tests.support.records import MILLISECOND, NOON, agg_trade, trade

SECOND = 1_000 * MILLISECOND
FIRST = NOON // SECOND


def told(candles: SecondCandles, now: int) -> list[tuple[int, int, bool]]:
    return [(place[0] - FIRST, candle.trade_count, final) for place, candle, final in candles.tell(now)]


def test_a_candle_is_told_as_it_grows_and_once_in_the_end() -> None:
    candles = SecondCandles()
    delay = 100 * MILLISECOND
    candles.take([trade(1, trade_time=NOON, receive_time=NOON + delay)])
    assert told(candles, NOON + delay) == [(0, 1, False)]
    assert told(candles, NOON + delay) == []
    candles.take(trade(number, trade_time=NOON + number) for number in (2, 3))
    candles.take([trade(4, trade_time=NOON + SECOND, receive_time=NOON + SECOND + delay)])
    assert told(candles, NOON + SECOND + delay) == [(0, 3, False), (1, 1, False)]
    end = NOON + SECOND + delay + SETTLED_NS
    assert told(candles, end - 1) == []
    assert told(candles, end) == [(0, 3, True)]
    assert told(candles, end + SECOND) == [(1, 1, True)]


def test_what_comes_after_the_end_or_from_rest_makes_no_candle() -> None:
    candles = SecondCandles()
    candles.take([trade(1, trade_time=NOON, receive_time=NOON)])
    assert told(candles, NOON + 10 * SECOND) == [(0, 1, True)]
    candles.take([trade(2, trade_time=NOON), trade(3, trade_time=NOON + SECOND, event_time=None)])
    assert told(candles, NOON + 20 * SECOND) == []


def test_the_venues_clock_may_be_years_behind() -> None:
    candles = SecondCandles()
    later = NOON + 10**17
    candles.take([trade(1, trade_time=NOON, receive_time=later)])
    assert told(candles, later) == [(0, 1, False)]
    assert told(candles, later + SECOND + SETTLED_NS) == [(0, 1, True)]


def test_trades_count_before_aggregates() -> None:
    candles = SecondCandles()
    aggregate = agg_trade(1, market=Market.SPOT, symbol="BTCUSDT", trade_time=NOON)
    candles.take([aggregate])
    assert told(candles, NOON) == [(0, 2, False)]
    candles.take([trade(1, trade_time=NOON)])
    assert told(candles, NOON) == [(0, 1, False)]
