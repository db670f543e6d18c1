"""The request budget against a list of everything ever sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.core.budget import RequestBudget

LIMIT = 50
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["reserve", "reserve", "reserve", "wait", "venue", "refused"]),
        st.integers(1, LIMIT),
        st.floats(0, 40, allow_nan=False),
    ),
    max_size=60,
)


@given(STEPS, st.sampled_from([60.0, 300.0]))
def test_no_window_ever_holds_more_than_the_limit_and_every_wait_is_enough(
    steps: list[tuple[str, int, float]], window_s: float
) -> None:
    now = 1000.0
    budget = RequestBudget(LIMIT, window_s=window_s, now=now)
    sent: list[tuple[float, int]] = []
    blocked_until = now
    for step, weight, seconds in steps:
        match step:
            case "wait":
                now += seconds
            case "venue":
                budget.on_used_weight(weight, now)
                assert budget.used >= weight
            case "refused":
                budget.on_rate_limited(seconds, now)
                blocked_until = max(blocked_until, now + seconds)
            case _:
                waits = 0
                while wait_s := budget.reserve(weight, now):
                    now += wait_s
                    waits += 1
                    # One wait suffices; rounding may cost another millisecond.
                    assert waits <= 2
                assert now >= blocked_until
                sent.append((now, weight))
                assert sum(each for at, each in sent if at + window_s > now) <= LIMIT
        assert budget.used >= 0


@given(st.lists(st.tuples(st.integers(1, LIMIT), st.floats(0, 10, allow_nan=False)), max_size=60))
def test_a_request_waits_only_where_it_must(requests: list[tuple[int, float]]) -> None:
    now = 0.0
    budget = RequestBudget(LIMIT, now=now)
    sent: list[tuple[float, int]] = []
    for weight, pause_s in requests:
        now += pause_s
        in_window = sum(each for at, each in sent if at + 60.0 > now)
        if budget.reserve(weight, now):
            assert in_window + weight > LIMIT
        else:
            sent.append((now, weight))


def test_requests_are_spread_where_the_window_cannot_hold_them_all() -> None:
    budget = RequestBudget(100, window_s=60.0, now=0.0)
    assert budget.reserve(40, 0.0) == 0.0
    assert budget.spacing(20, 3, 1.0) == 0.0
    assert budget.spacing(20, 4, 1.0) == pytest.approx(0.9 * 60 * 20 / 100)
    assert budget.spacing(20, 4, 60.0) == 0.0, "what was sent is out of the window"
