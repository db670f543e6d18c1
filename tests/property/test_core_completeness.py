"""The check of a ledger against a naive one that writes every id down."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orderflow_recorder.core.completeness import (
    Break,
    Contradiction,
    IdCheck,
    Promise,
    RegisteredGap,
    check_ledger,
    check_shared_rows,
)
from orderflow_recorder.core.intervals import Interval, normal

LAST = 30


def breaks(rows: Sequence[Interval]) -> list[Break]:
    """Return what the database returns: rows that do not begin right after what was reached."""
    found: list[Break] = []
    reached: int | None = None
    for row in sorted(rows, key=lambda one: (one.first, -one.last)):
        if reached is None or row.first != reached + 1:
            found.append(Break(row.first, row.last, reached))
        reached = row.last if reached is None else max(reached, row.last)
    return found


def check(
    cover: Interval, gaps: Sequence[RegisteredGap], rows: Sequence[Interval], *, ranges: bool, spendable: bool = False
) -> tuple[Contradiction | None, list[Interval]]:
    if wrong := check_ledger(cover, gaps):
        return wrong, []
    machine = IdCheck(cover, gaps, several_ids_a_row=ranges, ids_may_be_spent=spendable)
    for row in breaks(rows):
        if wrong := machine.take(row):
            return wrong, []
    return machine.finish(max((row.last for row in rows), default=None)), machine.spent


def ids(intervals: Sequence[Interval]) -> list[int]:
    return [one for interval in intervals for one in range(interval.first, interval.last + 1)]


def holds(
    cover: Interval, gaps: Sequence[RegisteredGap], rows: Sequence[Interval], *, ranges: bool, spendable: bool
) -> bool:
    """Say the same by sets."""
    covered = set(ids([cover]))
    missing = ids([gap.ids for gap in gaps if not gap.healed])
    healed = set(ids([gap.ids for gap in gaps if gap.healed]))
    there = ids(rows)
    if ranges:
        repeated = any(
            a.first <= b.first and b.last <= a.last for i, a in enumerate(rows) for j, b in enumerate(rows) if i != j
        )
    else:
        repeated = len(there) != len(set(there))
    return (
        not repeated
        and len(missing) == len(set(missing))
        and not healed & set(missing)
        and healed <= covered
        and not set(there) & set(missing)
        and (set(there) | set(missing) == covered or (spendable and set(there) | set(missing) <= covered))
    )


def interval(longest: int) -> st.SearchStrategy[Interval]:
    return st.builds(
        lambda first, size: Interval(first, min(first + size, LAST)), st.integers(0, LAST), st.integers(0, longest)
    )


@st.composite
def states(draw: st.DrawFn, *, ranges: bool) -> tuple[Interval, list[RegisteredGap], list[Interval]]:
    """Draw a ledger that is right, then perhaps break it in one or two places."""
    cuts = sorted(draw(st.sets(st.integers(1, LAST - 1), max_size=12)) | {0, LAST})
    pieces = [Interval(a, b - 1) for a, b in pairwise(cuts)]
    rows: list[Interval] = []
    gaps: list[RegisteredGap] = []
    for number, piece in enumerate(pieces):
        kind = draw(st.sampled_from(("row", "row", "missing", "healed")))
        if kind != "missing" or number in {0, len(pieces) - 1}:
            rows += [piece] if ranges else [Interval(one, one) for one in ids([piece])]
        if kind == "missing" and number not in {0, len(pieces) - 1}:
            gaps.append(RegisteredGap(number, piece, healed=False))
        elif kind == "healed":
            gaps.append(RegisteredGap(number, piece, healed=True))
    cover = Interval(0, LAST - 1)
    for _ in range(draw(st.integers(0, 2))):
        match draw(st.sampled_from(("drop", "add", "gap", "forget", "cover"))):
            case "drop" if rows:
                rows.pop(draw(st.integers(0, len(rows) - 1)))
            case "add":
                row = draw(interval(5))
                rows.append(row if ranges else Interval(row.first, row.first))
            case "gap":
                gaps.append(RegisteredGap(99, draw(interval(5)), healed=draw(st.booleans())))
            case "forget" if gaps:
                gaps.pop(draw(st.integers(0, len(gaps) - 1)))
            case _:
                cover = draw(interval(LAST))
    return cover, gaps, rows


@given(states(ranges=False), st.booleans())
def test_trades_are_judged_as_a_naive_set_judges_them(
    state: tuple[Interval, list[RegisteredGap], list[Interval]],
    spendable: bool,  # noqa: FBT001  # hypothesis passes by position
) -> None:
    cover, gaps, rows = state
    wrong, spent = check(cover, gaps, rows, ranges=False, spendable=spendable)
    assert (wrong is None) == holds(cover, gaps, rows, ranges=False, spendable=spendable)
    if wrong is None:
        missing = [gap.ids for gap in gaps if not gap.healed]
        assert set(ids(spent)) == set(ids([cover])) - set(ids(rows)) - set(ids(missing))


@given(states(ranges=True))
def test_diffs_are_judged_as_a_naive_set_judges_them(
    state: tuple[Interval, list[RegisteredGap], list[Interval]],
) -> None:
    cover, gaps, rows = state
    wrong, _ = check(cover, gaps, rows, ranges=True)
    assert (wrong is None) == holds(cover, gaps, rows, ranges=True, spendable=False)


@given(states(ranges=True))
def test_what_a_counter_example_names_is_really_wrong(
    state: tuple[Interval, list[RegisteredGap], list[Interval]],
) -> None:
    cover, gaps, rows = state
    wrong, _ = check(cover, gaps, rows, ranges=True)
    assume(wrong is not None)
    assert wrong is not None
    assert wrong.first_id is not None
    assert wrong.last_id is not None
    there, missing = ids(rows), ids([gap.ids for gap in gaps if not gap.healed])
    for one in range(wrong.first_id, wrong.last_id + 1):
        outside = not cover.first <= one <= cover.last
        healed = any(gap.healed and gap.ids.first <= one <= gap.ids.last for gap in gaps)
        assert outside or healed or there.count(one) + missing.count(one) != 1 or "gap" in wrong.found


@given(states(ranges=True))
def test_rows_that_are_shared_must_still_leave_no_unregistered_hole(
    state: tuple[Interval, list[RegisteredGap], list[Interval]],
) -> None:
    cover, gaps, rows = state
    wrong = check_shared_rows(cover, gaps, normal(rows))
    missing = ids([gap.ids for gap in gaps if not gap.healed])
    assert (wrong is None) == (set(ids([cover])) <= set(ids(rows)) | set(missing))


@pytest.mark.parametrize(
    ("rows", "gaps", "promise", "first", "last"),
    [
        ([(1, 1), (2, 2), (2, 2), (3, 3)], [], Promise.EXACTLY_ONCE, 2, 2),
        ([(1, 1), (3, 3)], [], Promise.HOLES_REGISTERED, 2, 2),
        ([(1, 1), (2, 2), (3, 3)], [(2, 2)], Promise.HOLES_REGISTERED, 2, 2),
        ([(2, 2), (3, 3)], [], Promise.HOLES_REGISTERED, 1, 1),
        ([(1, 1), (2, 2), (3, 3), (4, 4)], [], Promise.HOLES_REGISTERED, 4, 4),
        ([], [], Promise.HOLES_REGISTERED, 1, 3),
    ],
    ids=["twice", "lost", "registered but there", "begins later", "ends later", "no rows"],
)
def test_the_ids_in_question_are_named(
    rows: list[tuple[int, int]], gaps: list[tuple[int, int]], promise: Promise, first: int, last: int
) -> None:
    registered = [RegisteredGap(n, Interval(*one), healed=False) for n, one in enumerate(gaps)]
    wrong, _ = check(Interval(1, 3), registered, [Interval(*row) for row in rows], ranges=False)
    assert wrong is not None
    assert (wrong.promise, wrong.first_id, wrong.last_id) == (promise, first, last)
