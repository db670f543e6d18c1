"""The venue's limits as counters."""

from orderflow_recorder.sim.limits import SlidingWindow, WeightBudget


def test_the_window_admits_its_limit_and_forgets() -> None:
    window = SlidingWindow(2, 1.0)
    assert [window.admit(now) for now in (0.0, 0.5, 0.9)] == [True, True, False]
    assert window.admit(2.5)


def test_weight_is_counted_by_the_minute() -> None:
    budget = WeightBudget(100)
    assert budget.charge(60, 1.0).used == 60
    assert budget.charge(40, 59.0).used == 100
    assert budget.charge(10, 61.0).used == 10


def test_too_much_is_429_and_going_on_is_a_ban() -> None:
    budget = WeightBudget(100)
    assert budget.charge(100, 10.0).status is None
    first = budget.charge(5, 10.0)
    assert (first.status, first.retry_after) == (429, 51)
    statuses = [budget.charge(5, 11.0).status for _ in range(12)]
    assert statuses == [429] * 9 + [418] * 3
    assert budget.charge(1, 70.0).status == 418
    assert budget.charge(1, 140.0).status is None
