"""Healing against a naive venue: every missing id is asked for once, and answered or refused."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.core.healing import HealPlan, read_page
from orderflow_recorder.core.intervals import Interval
from orderflow_recorder.domain.gaps import OpenGap
from orderflow_recorder.domain.market import Market

GAPS = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 40)).map(lambda pair: Interval(pair[0], sum(pair))))


def ids(intervals: Iterable[Interval]) -> set[int]:
    return {number for interval in intervals for number in range(interval.first, interval.last + 1)}


@given(GAPS, st.sets(st.integers(0, 260)), st.integers(1, 30))
def test_every_missing_id_is_asked_for_once_and_found_refused_or_beyond(
    gaps: list[Interval], venue: set[int], page: int
) -> None:
    plan = HealPlan(page)
    plan.refresh(OpenGap(1, Market.SPOT, "A", "trade", gap.first, gap.last, 1, 2, "stall") for gap in gaps)
    brought: set[int] = set()
    skipped: set[int] = set()
    beyond: set[int] = set()
    while request := plan.next(0):
        assert request.limit <= page
        answer = sorted(one for one in venue if one >= request.from_id)[: request.limit]
        reading = read_page(request.missing, answer)
        parts = [ids(reading.brought), ids(reading.skipped), ids(reading.beyond)]
        assert set.union(*parts) == ids(request.missing)
        assert sum(map(len, parts)) == len(ids(request.missing))
        assert not ids(request.missing) & (brought | skipped | beyond), "asked for twice"
        brought |= parts[0]
        skipped |= parts[1]
        beyond |= parts[2]
        plan.rest(request, request.missing, until=1)
    assert brought | skipped | beyond == ids(gaps)
    assert brought == ids(gaps) & venue
    assert not skipped & venue
    assert all(one > max(venue, default=-1) for one in beyond)
