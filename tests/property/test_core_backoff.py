"""Waits stay within their bounds whatever the dice say."""

from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.core.backoff import Backoff

UNIFORM = st.floats(0, 1, exclude_max=True)


@given(st.floats(0.001, 10), st.floats(1, 100), st.lists(UNIFORM, min_size=1, max_size=50))
def test_every_wait_lies_between_half_of_its_cap_and_the_cap(base_s: float, factor: float, dice: list[float]) -> None:
    rolls = iter(dice)
    backoff = Backoff(base_s, base_s * factor, lambda: next(rolls))
    for attempt in range(len(dice)):
        cap_s = min(base_s * 2.0**attempt, base_s * factor)
        assert 0 < cap_s / 2 <= backoff.next() <= cap_s
        assert backoff.attempts == attempt + 1
