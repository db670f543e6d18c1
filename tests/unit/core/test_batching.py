"""When a batch is due."""

import pytest

from orderflow_recorder.core.batching import Batcher, BatchPolicy

POLICY = BatchPolicy(max_rows=10, max_bytes=1000, max_age_s=0.25)


def test_an_empty_batch_is_never_due() -> None:
    batcher = Batcher(POLICY)
    assert not batcher.should_flush(1e9)
    assert batcher.seconds_left(0.0) is None


@pytest.mark.parametrize(("rows", "size", "due"), [(9, 999, False), (10, 1, True), (1, 1000, True)])
def test_rows_and_bytes_make_a_batch_due(rows: int, size: int, *, due: bool) -> None:
    batcher = Batcher(POLICY)
    batcher.add(rows, size, 5.0)
    assert batcher.should_flush(5.0) is due


def test_age_counts_from_the_first_entry() -> None:
    batcher = Batcher(POLICY)
    batcher.add(1, 1, 5.0)
    batcher.add(1, 1, 5.2)
    assert batcher.seconds_left(5.125) == 0.125
    assert not batcher.should_flush(5.2)
    assert batcher.should_flush(5.25)
    assert batcher.seconds_left(6.0) == 0.0


def test_an_entry_without_rows_moves_the_position_in_time_too() -> None:
    batcher = Batcher(POLICY)
    batcher.add(0, 50, 1.0)
    assert batcher.should_flush(1.25)


def test_reset_begins_an_empty_batch() -> None:
    batcher = Batcher(POLICY)
    batcher.add(10, 1000, 1.0)
    batcher.reset()
    assert not batcher.should_flush(100.0)
    assert batcher.seconds_left(100.0) is None


@pytest.mark.parametrize(("rows", "size", "age"), [(0, 1, 1.0), (1, 0, 1.0), (1, 1, 0.0)])
def test_limits_of_zero_are_refused(rows: int, size: int, age: float) -> None:
    with pytest.raises(ValueError, match="limits above 0"):
        BatchPolicy(rows, size, age)
