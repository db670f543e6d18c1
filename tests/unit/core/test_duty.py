"""Work that must not take more than a share of the time."""

import pytest

from orderflow_recorder.core.duty import DutyCycle


def test_the_first_time_is_at_once() -> None:
    assert DutyCycle(15, 0.05).is_due(0)


def test_short_work_is_due_again_after_the_least_time() -> None:
    duty = DutyCycle(15, 0.05)
    duty.worked(100, 100.5)
    assert not duty.is_due(114.9)
    assert duty.is_due(115)


def test_long_work_is_due_again_when_it_took_no_more_than_its_share() -> None:
    duty = DutyCycle(15, 0.05)
    duty.worked(100, 102)
    assert not duty.is_due(139.9)
    assert duty.is_due(140)


@pytest.mark.parametrize(("every_s", "share"), [(0, 0.5), (-1, 0.5), (1, 0), (1, 1.1)])
def test_limits_that_make_no_sense_are_refused(every_s: float, share: float) -> None:
    with pytest.raises(ValueError, match="expected every_s > 0"):
        DutyCycle(every_s, share)
