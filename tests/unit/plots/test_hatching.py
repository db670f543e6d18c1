"""Lines over what is not known."""

from itertools import pairwise

import pytest

from orderflow_recorder.plots.hatching import SPACING, Area, Line, hatching
from tests.support.pictures import MINUTE, NOON, SECOND

AREA = Area(NOON, NOON + MINUTE, 100.0, 200.0, 600, 300)
"""Ten pixels a second, three a unit of price."""


def pixels(line: Line) -> tuple[float, float, float, float]:
    return (
        (line.start - NOON) / SECOND * 10,
        (line.end - NOON) / SECOND * 10,
        (line.low - 100) * 3,
        (line.high - 100) * 3,
    )


def test_lines_are_parallel_evenly_spaced_and_within_the_box() -> None:
    lines = [pixels(line) for line in hatching(AREA, [(NOON + 10 * SECOND, NOON + 25 * SECOND, 120.0, 180.0)])]
    assert len(lines) == (150 + 180) // SPACING - 1
    for left, right, bottom, top in lines:
        assert top - bottom == pytest.approx(right - left)
        assert 100 <= left < right <= 250
        assert 60 - 1e-9 <= bottom < top <= 240 + 1e-9
    offsets = sorted(bottom - left for left, _, bottom, _ in lines)
    assert all(after - before == pytest.approx(SPACING) for before, after in pairwise(offsets))


def test_boxes_side_by_side_are_hatched_as_one() -> None:
    whole = {round(line[2] - line[0]) for line in map(pixels, hatching(AREA, [(NOON, NOON + MINUTE, 100.0, 200.0)]))}
    halves = [(NOON, NOON + 30 * SECOND, 100.0, 200.0), (NOON + 30 * SECOND, NOON + MINUTE, 100.0, 200.0)]
    assert {round(line[2] - line[0]) for line in map(pixels, hatching(AREA, halves))} == whole


def test_nothing_has_no_lines() -> None:
    assert list(hatching(AREA, [])) == []
    assert list(hatching(AREA, [(NOON, NOON, 100.0, 200.0)])) == []
