"""Waits between attempts."""

import pytest

from orderflow_recorder.core.backoff import Backoff


def test_the_wait_doubles_up_to_its_maximum_and_starts_anew_after_a_success() -> None:
    backoff = Backoff(1.0, 5.0, lambda: 1.0)
    assert [backoff.next() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert backoff.attempts == 5
    backoff.reset()
    assert (backoff.attempts, backoff.next()) == (0, 1.0)


def test_jitter_takes_at_most_half() -> None:
    backoff = Backoff(1.0, 60.0, lambda: 0.0)
    assert [backoff.next() for _ in range(3)] == [0.5, 1.0, 2.0]


def test_a_thousand_attempts_do_not_overflow() -> None:
    backoff = Backoff(1.0, 60.0, lambda: 1.0)
    assert max(backoff.next() for _ in range(5000)) == 60.0


@pytest.mark.parametrize(("base_s", "maximum_s"), [(0, 1), (-1, 1), (2, 1)])
def test_contradictory_bounds_are_refused(base_s: float, maximum_s: float) -> None:
    with pytest.raises(ValueError, match="expected 0 < base_s <= maximum_s"):
        Backoff(base_s, maximum_s, lambda: 0.0)
