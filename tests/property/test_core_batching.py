"""The batcher against a list of what was put in."""

from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.core.batching import Batcher, BatchPolicy

STEPS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 500), st.integers(0, 200)), max_size=60)


@given(steps=STEPS, flushes=st.booleans())
def test_a_batch_is_due_exactly_when_a_limit_is_reached(steps: list[tuple[int, int, int]], *, flushes: bool) -> None:
    policy = BatchPolicy(max_rows=10, max_bytes=2000, max_age_s=1.0)
    batcher = Batcher(policy)
    held: list[tuple[int, int, float]] = []
    now = 0.0
    for rows, size, pause in steps:
        now += pause / 256  # exact in binary, so that ages compare exactly
        batcher.add(rows, size, now)
        held.append((rows, size, now))
        full = sum(each[0] for each in held) >= 10 or sum(each[1] for each in held) >= 2000
        old = now - held[0][2] >= 1.0
        left_s = batcher.seconds_left(now)
        assert batcher.should_flush(now) == (full or old)
        assert left_s == (0.0 if full or old else held[0][2] + 1.0 - now)
        if not full and left_s is not None:
            assert batcher.should_flush(now + left_s)
        if flushes and batcher.should_flush(now):
            batcher.reset()
            held = []
            assert batcher.seconds_left(now) is None
