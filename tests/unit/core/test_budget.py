"""The request budget."""

import pytest

from orderflow_recorder.core.budget import RequestBudget


def test_weight_is_booked_until_the_limit_and_free_again_a_window_later() -> None:
    budget = RequestBudget(100, now=0.0)
    assert budget.reserve(60, 0.0) == 0.0
    assert budget.reserve(40, 10.0) == 0.0
    assert budget.used == 100
    assert budget.reserve(1, 20.0) == 40.0
    assert budget.used == 100
    assert budget.reserve(60, 60.0) == 0.0
    assert budget.reserve(40, 60.0) == 10.0


def test_a_wait_covers_every_request_that_must_fall_out_of_the_window() -> None:
    budget = RequestBudget(10, now=0.0)
    for at in range(10):
        assert budget.reserve(1, float(at)) == 0.0
    assert budget.reserve(3, 10.0) == 52.0


def test_the_minute_boundary_gives_no_double_budget() -> None:
    budget = RequestBudget(100, now=0.0)
    assert budget.reserve(100, 59.0) == 0.0
    assert budget.reserve(100, 61.0) == 58.0


def test_the_venues_higher_count_is_taken_over_and_a_lower_one_is_not() -> None:
    budget = RequestBudget(100, now=0.0)
    budget.reserve(10, 0.0)
    budget.on_used_weight(5, 1.0)
    assert budget.used == 10
    budget.on_used_weight(95, 2.0)
    assert budget.used == 95
    assert budget.reserve(10, 3.0) == 57.0
    assert budget.reserve(20, 60.0) == 2.0


def test_a_venues_count_above_the_limit_only_waits() -> None:
    budget = RequestBudget(100, now=0.0)
    budget.on_used_weight(250, 0.0)
    assert budget.reserve(1, 10.0) == 50.0
    assert budget.reserve(1, 60.0) == 0.0


def test_a_refusal_blocks_everything_and_a_shorter_one_does_not_shorten_it() -> None:
    budget = RequestBudget(100, now=5.0)
    assert budget.blocked_until == 5.0
    budget.on_rate_limited(120, 10.0)
    budget.on_rate_limited(1, 11.0)
    assert budget.blocked_until == 130.0
    assert budget.reserve(1, 12.0) == 118.0
    assert budget.reserve(1, 130.0) == 0.0


def test_connection_attempts_are_limited_the_same_way() -> None:
    budget = RequestBudget(300, window_s=300.0, now=0.0)
    assert all(budget.reserve(1, at / 10) == 0.0 for at in range(300))
    assert budget.reserve(1, 30.0) == 270.0
    assert budget.reserve(1, 300.0) == 0.0


@pytest.mark.parametrize("weight", [0, -1, 101])
def test_a_weight_that_no_window_can_hold_is_an_error(weight: int) -> None:
    with pytest.raises(ValueError, match="expected a weight from 1 to the limit 100, got"):
        RequestBudget(100, now=0.0).reserve(weight, 0.0)


@pytest.mark.parametrize(("limit", "window_s"), [(0, 60.0), (1, 0.0)])
def test_an_empty_budget_is_refused(limit: int, window_s: float) -> None:
    with pytest.raises(ValueError, match="limit and window_s above 0"):
        RequestBudget(limit, window_s=window_s, now=0.0)


def test_a_request_may_have_to_leave_room_for_others() -> None:
    budget = RequestBudget(100, window_s=60, now=0)
    assert budget.reserve(50, 0) == 0
    assert budget.reserve(20, 0, keep_free=40) == 60
    assert budget.reserve(20, 0) == 0
    assert budget.reserve(20, 60, keep_free=40) == 0
    assert (budget.used, budget.limit) == (20, 100)
    with pytest.raises(ValueError, match="to the limit 60, got 61"):
        budget.reserve(61, 60, keep_free=40)


def test_what_others_of_ours_may_spend_is_not_taken_for_a_strangers() -> None:
    """Two processes of 50 each: the venue counts them together."""
    budget = RequestBudget(50, now=0.0, others=50)
    assert budget.reserve(10, 0.0) == 0.0
    budget.on_used_weight(60, 1.0)
    assert budget.used == 10
    assert budget.reserve(40, 1.0) == 0.0


def test_what_a_stranger_spends_leaves_less_to_each_of_ours() -> None:
    budget = RequestBudget(50, now=0.0, others=50)
    budget.on_used_weight(80, 0.0)
    assert budget.used == 30
    assert budget.reserve(20, 0.0) == 0.0
    assert budget.reserve(1, 0.0) == 60.0
