"""Continuity rules against sets of ids."""

from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.core.sequencing import Bridge, Verdict, bridge, judge
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds

SMALL = st.integers(0, 30)


@given(SMALL, SMALL, st.integers(0, 10))
def test_on_spot_the_next_diff_is_one_that_has_the_next_id(last: int, first: int, size: int) -> None:
    says = set(range(first, first + size + 1))
    verdict = judge(Market.SPOT, last, DepthIds(first, first + size))
    assert (verdict is Verdict.NEXT) == (last + 1 in says)
    assert (verdict is Verdict.STALE) == (not any(update > last for update in says))


@given(SMALL, SMALL, st.integers(0, 5), st.integers(0, 10))
def test_on_futures_the_first_id_never_matters_to_the_chain(last: int, previous: int, jump: int, size: int) -> None:
    first = previous + 1 + jump
    verdict = judge(Market.USDM, last, DepthIds(first, first + size, previous))
    assert verdict is judge(Market.USDM, last, DepthIds(0, first + size, previous))
    assert (verdict is Verdict.NEXT) == (previous == last)


@given(SMALL, SMALL, st.integers(0, 10))
def test_on_spot_a_diff_that_spans_a_snapshot_is_one_that_continues_it(last: int, first: int, size: int) -> None:
    ids = DepthIds(first, first + size)
    same = {Verdict.NEXT: Bridge.SPANS, Verdict.STALE: Bridge.BEFORE, Verdict.GAP: Bridge.AFTER}
    assert bridge(Market.SPOT, last, ids) is same[judge(Market.SPOT, last, ids)]


@given(SMALL, SMALL, st.integers(0, 5), st.integers(0, 10))
def test_on_futures_a_diff_spans_exactly_the_snapshots_between_its_previous_and_its_final_id(
    last: int, previous: int, jump: int, size: int
) -> None:
    ids = DepthIds(previous + 1 + jump, previous + 1 + jump + size, previous)
    assert (bridge(Market.USDM, last, ids) is Bridge.SPANS) == (previous <= last <= ids.final)
    assert (bridge(Market.USDM, last, ids) is Bridge.BEFORE) == (ids.final < last)
