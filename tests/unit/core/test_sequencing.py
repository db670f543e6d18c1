"""Each of the venue's numbered rules, on both markets."""

import pytest

from orderflow_recorder.core.sequencing import Bridge, Verdict, bridge, judge
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds


@pytest.mark.parametrize(
    ("ids", "verdict"),
    [
        (DepthIds(101, 105), Verdict.NEXT),
        (DepthIds(101, 101), Verdict.NEXT),
        (DepthIds(99, 101), Verdict.NEXT),  # overlaps: absolute quantities
        (DepthIds(90, 99), Verdict.STALE),
        (DepthIds(90, 100), Verdict.STALE),  # equal is harmless
        (DepthIds(102, 105), Verdict.GAP),
    ],
)
def test_spot_judges_by_first_and_final_id(ids: DepthIds, verdict: Verdict) -> None:
    assert judge(Market.SPOT, 100, ids) is verdict


@pytest.mark.parametrize(
    ("ids", "verdict"),
    [
        (DepthIds(101, 105, 100), Verdict.NEXT),
        (DepthIds(104, 105, 100), Verdict.NEXT),  # U jumps: only pu decides
        (DepthIds(101, 105, 99), Verdict.GAP),
        (DepthIds(101, 105, 101), Verdict.GAP),
        (DepthIds(90, 99, 89), Verdict.STALE),
        (DepthIds(90, 100, 89), Verdict.STALE),
    ],
)
def test_futures_judge_by_the_previous_final_id(ids: DepthIds, verdict: Verdict) -> None:
    assert judge(Market.USDM, 100, ids) is verdict


def test_a_futures_diff_without_previous_id_is_a_gap_and_never_judged_by_the_spot_rule() -> None:
    assert judge(Market.USDM, 100, DepthIds(101, 105)) is Verdict.GAP
    assert judge(Market.USDM, 100, DepthIds(90, 95)) is Verdict.GAP


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (DepthIds(95, 99), Bridge.BEFORE),
        (DepthIds(95, 100), Bridge.BEFORE),  # step 4: u <= lastUpdateId
        (DepthIds(95, 101), Bridge.SPANS),
        (DepthIds(101, 101), Bridge.SPANS),
        (DepthIds(101, 110), Bridge.SPANS),
        (DepthIds(102, 110), Bridge.AFTER),  # step 3: snapshot too old
    ],
)
def test_spot_bridges_a_snapshot(ids: DepthIds, expected: Bridge) -> None:
    assert bridge(Market.SPOT, 100, ids) is expected


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (DepthIds(95, 99, 90), Bridge.BEFORE),
        (DepthIds(95, 100, 90), Bridge.SPANS),  # step 3 drops only u < lastUpdateId
        (DepthIds(100, 110, 98), Bridge.SPANS),
        (DepthIds(103, 110, 100), Bridge.SPANS),  # the snapshot falls exactly between two events
        (DepthIds(103, 110, 97), Bridge.SPANS),
        (DepthIds(103, 110, 101), Bridge.AFTER),
        (DepthIds(101, 110, 101), Bridge.AFTER),  # the spot rule would take it
        (DepthIds(101, 110), Bridge.AFTER),
        (DepthIds(99, 110), Bridge.SPANS),
    ],
)
def test_futures_bridge_a_snapshot(ids: DepthIds, expected: Bridge) -> None:
    assert bridge(Market.USDM, 100, ids) is expected
