"""The last 24 hours."""

import random
from typing import Any

from orderflow_recorder.core.rollup import Rollup, total
from orderflow_recorder.domain.records import AggTrade, Trade
from orderflow_recorder.live.day import BUCKET_NS, RollingDay
from tests.support.records import NOON, agg_trade, trade

DAY_NS = 288 * BUCKET_NS


def at(number: int, time: int, **fields: Any) -> Trade:  # noqa: ANN401  # of the record
    return trade(number, trade_time=time, price=str(100 + number % 13), **fields)


def naive(trades: list[Trade], now: int) -> Rollup | None:
    oldest = now // BUCKET_NS - 287
    found = sorted((one for one in trades if one.trade_time // BUCKET_NS >= oldest), key=lambda one: one.trade_id)
    return total([Rollup.of(one) for one in found])


def test_a_day_is_the_sum_of_its_trades_whenever_somebody_looks() -> None:
    dice = random.Random(2)  # noqa: S311  # the same each time
    day, trades, time = RollingDay(), list[Trade](), NOON
    for number in range(1, 800):
        time += dice.randrange(BUCKET_NS)
        one = at(number, time, quantity=f"0.{number}")
        trades.append(one)
        day.take(one)
        if dice.random() < 0.1:
            found = day.look(time)
            assert found is not None
            assert found[1] == naive(trades, time)
            assert found[0] == max(trades[0].trade_time // BUCKET_NS, time // BUCKET_NS - 287) * BUCKET_NS


def test_what_comes_late_is_added_where_it_belongs() -> None:
    day = RollingDay()
    times = {number: NOON + number * BUCKET_NS // 2 for number in range(1, 20)}
    order = [1, 2, 3, 9, 10, 15, 4, 12, 19, 5, 18]
    for number in order:
        day.take(at(number, times[number]))
        day.look(times[19])
    found = day.look(times[19])
    assert found is not None
    assert found[1] == naive([at(number, times[number]) for number in order], times[19])


def test_nothing_is_left_a_day_later() -> None:
    day = RollingDay()
    assert day.look(NOON) is None
    day.take(at(1, NOON))
    assert day.look(NOON + DAY_NS - BUCKET_NS) is not None
    assert day.look(NOON + DAY_NS) is None


def test_what_is_older_than_a_day_is_not_taken() -> None:
    day = RollingDay()
    day.take(at(2, NOON + DAY_NS))
    day.take(at(1, NOON))
    found = day.look(NOON + DAY_NS)
    assert found is not None
    assert found[1].trade_count == 1


def test_trades_count_before_aggregates_in_each_five_minutes() -> None:
    day = RollingDay()

    def aggregate(number: int, time: int) -> AggTrade:
        return agg_trade(number, first_trade_id=number, last_trade_id=number, trade_time=time, quantity="1")

    day.take(aggregate(1, NOON))
    day.take(at(1, NOON + BUCKET_NS, quantity="2"))
    day.take(aggregate(2, NOON + BUCKET_NS))
    day.take(aggregate(3, NOON + 2 * BUCKET_NS))
    found = day.look(NOON + 2 * BUCKET_NS)
    assert found is not None
    assert found[1].volume == 4
    day.take(at(2, NOON + 2 * BUCKET_NS, quantity="5"))
    found = day.look(NOON + 2 * BUCKET_NS)
    assert found is not None
    assert found[1].volume == 8


def test_it_goes_on_where_the_tables_end() -> None:
    whole, seeded = RollingDay(), RollingDay()
    trades = [at(number, NOON + number * BUCKET_NS // 3) for number in range(1, 30)]
    parts: dict[int, Rollup] = {}
    for one in trades:
        whole.take(one)
    for one in trades[:20]:
        number = one.trade_time // BUCKET_NS
        if number in parts:
            parts[number].add(one)
        else:
            parts[number] = Rollup.of(one)
    for number, part in parts.items():
        seeded.put(number, part, aggregates=False)
    for one in trades[20:]:
        seeded.take(one)
    assert seeded.look(trades[-1].trade_time) == whole.look(trades[-1].trade_time)
