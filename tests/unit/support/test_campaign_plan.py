"""A campaign's faults are a function of its seed, and leave no kind out."""

from itertools import islice

from orderflow_recorder.ports.crashpoint import CrashPoint
from tests.support.campaign_plan import KINDS, plan
from tests.support.campaign_stage import Stage


def test_the_same_seed_gives_the_same_faults() -> None:
    assert list(islice(plan(1), 500)) == list(islice(plan(1), 500))
    assert list(islice(plan(1), 500)) != list(islice(plan(2), 500))


def test_every_kind_and_every_crash_point_comes_before_any_comes_again() -> None:
    kinds = {fault.kind for fault in islice(plan(3), len(KINDS))}
    assert kinds == set(KINDS)
    assert {f"crash_at_{point}" for point in CrashPoint} <= kinds


def test_a_stage_can_play_every_kind() -> None:
    for kind in KINDS:
        assert hasattr(Stage, "_crash_at" if kind.startswith("crash_at_") else f"_{kind}")
