"""Sums of trades."""

from decimal import Decimal

from orderflow_recorder.core.rollup import Rollup, plain, total
from tests.support.records import agg_trade, trade


def of(*trades: tuple[int, str, str, bool]) -> Rollup:
    made = [trade(number, price=price, quantity=quantity, buyer_is_maker=m) for number, price, quantity, m in trades]
    rollup = Rollup.of(made[0])
    for each in made[1:]:
        rollup.add(each)
    return rollup


def test_everything_is_exact_and_in_the_order_of_ids() -> None:
    rollup = of((5, "0.3", "0.1", False), (4, "0.1", "0.2", True), (6, "0.2", "0.3", True))
    assert (rollup.open, rollup.high, rollup.low, rollup.close) == tuple(map(Decimal, ("0.1", "0.3", "0.1", "0.2")))
    assert (rollup.volume, rollup.buy_volume, rollup.sell_volume) == tuple(map(Decimal, ("0.6", "0.1", "0.5")))
    assert rollup.delta == Decimal("-0.4")
    assert rollup.change == Decimal("0.1")
    assert rollup.quote_volume == Decimal("0.11")
    assert rollup.trade_count == 3


def test_many_digits_are_kept() -> None:
    rollup = of((1, "99999999999.99999999", "99999999999.99999999", False), (2, "0.00000001", "0.00000001", False))
    assert plain(rollup.quote_volume) == "9999999999999999998000.0000000000000002"


def test_an_aggregate_is_several_trades() -> None:
    rollup = Rollup.of(agg_trade(7, first_trade_id=10, last_trade_id=14))
    assert (rollup.first_id, rollup.last_id, rollup.trade_count) == (7, 7, 5)


def test_parts_add_up_to_the_whole() -> None:
    trades = [(number, str(1 + number % 7), f"0.{number}", number % 3 == 0) for number in range(1, 50)]
    assert total([of(*trades[:10]), of(*trades[10:11]), of(*trades[11:])]) == of(*trades)
    assert total([]) is None


def test_small_numbers_have_no_exponent() -> None:
    assert plain(Decimal("0.00000001")) == "0.00000001"
