"""A book's life as steps."""

from collections.abc import Sequence

import pyarrow as pa
import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.export.book_steps import Begun, BookSteps, Changed, Lost
from orderflow_recorder.postgres.export_reads import Book

Ids = tuple[int, int, int | None]


def batch(ids: Sequence[Ids]) -> pa.RecordBatch:
    """Build rows of diffs that have nothing but ids."""
    names = ("first_update_id", "final_update_id", "previous_final_update_id")
    return pa.record_batch([pa.array(column, pa.int64()) for column in zip(*ids, strict=True)], names)


def book(last_update_id: int) -> Book:
    """Build an empty book."""
    return Book(last_update_id, [], [], [], [])


def life(
    market: Market, batches: Sequence[Sequence[Ids]], snapshots: Sequence[int] = (), opening: int | None = None
) -> list[tuple[str, int] | tuple[str, list[int]]]:
    """Return the steps: lost at a diff, begun from a snapshot at a diff, changed by diffs."""

    def next_snapshot(lowest: int) -> Book | None:
        return next((book(one) for one in sorted(snapshots) if one >= lowest), None)

    steps = BookSteps(market, None if opening is None else book(opening), next_snapshot)
    found: list[tuple[str, int] | tuple[str, list[int]]] = []
    for step in steps.run([batch(ids) for ids in batches]):
        match step:
            case Lost():
                found.append(("lost", step.diff["final_update_id"][0].as_py()))
            case Begun():
                found.append((f"begun from {step.book.last_update_id}", step.diff["final_update_id"][0].as_py()))
            case Changed():
                found.append(("changed", step.diffs["final_update_id"].to_pylist()))
    return found


def spot(*spans: tuple[int, int]) -> list[Ids]:
    """Build spot ids."""
    return [(first, final, None) for first, final in spans]


def test_a_book_begins_with_the_snapshot_that_bridges() -> None:
    assert life(Market.SPOT, [spot((1, 5), (6, 9), (10, 12), (13, 20))], [7]) == [
        ("lost", 5),
        ("begun from 7", 9),
        ("changed", [9, 12, 20]),
    ]


def test_an_opening_book_is_continued_by_the_first_diff() -> None:
    assert life(Market.SPOT, [spot((6, 9), (10, 12))], [], opening=5) == [("begun from 5", 9), ("changed", [9, 12])]


def test_an_opening_book_that_the_first_diff_does_not_continue_is_no_book() -> None:
    assert life(Market.SPOT, [spot((7, 9), (10, 12))], [11], opening=5) == [
        ("lost", 9),
        ("begun from 11", 12),
        ("changed", [12]),
    ]


def test_a_hole_loses_the_book_until_a_snapshot_bridges() -> None:
    assert life(Market.SPOT, [spot((1, 5), (8, 9), (10, 12), (13, 14))], [3, 12]) == [
        ("begun from 3", 5),
        ("changed", [5]),
        ("lost", 9),
        ("begun from 12", 14),
        ("changed", [14]),
    ]


def test_a_snapshot_right_after_a_hole_begins_at_once() -> None:
    assert life(Market.SPOT, [spot((1, 5), (8, 9))], [0, 8]) == [
        ("begun from 0", 5),
        ("changed", [5]),
        ("begun from 8", 9),
        ("changed", [9]),
    ]


def test_a_snapshot_inside_of_a_hole_is_passed_by() -> None:
    assert life(Market.SPOT, [spot((1, 5), (8, 9), (20, 25))], [0, 15, 21]) == [
        ("begun from 0", 5),
        ("changed", [5]),
        ("lost", 9),
        ("begun from 21", 25),
        ("changed", [25]),
    ]


def test_without_a_snapshot_there_is_no_book() -> None:
    assert life(Market.SPOT, [spot((1, 5)), spot((6, 9))], []) == [("lost", 5)]


def test_what_is_covered_already_is_left_out() -> None:
    assert life(Market.SPOT, [spot((1, 5), (2, 4), (6, 9))], [0]) == [
        ("begun from 0", 5),
        ("changed", [5]),
        ("changed", [9]),
    ]


def test_a_book_lives_on_from_batch_to_batch() -> None:
    assert life(Market.SPOT, [spot((1, 5), (6, 7)), spot((8, 9)), spot((11, 12))], [0]) == [
        ("begun from 0", 5),
        ("changed", [5, 7]),
        ("changed", [9]),
        ("lost", 12),
    ]


@pytest.mark.parametrize(("snapshot", "begun"), [(90, 100), (95, 100), (100, 100), (150, 180), (180, 180)])
def test_futures_chain_by_their_own_ids(snapshot: int, begun: int) -> None:
    diffs: list[Ids] = [(97, 100, 90), (120, 180, 100)]
    finals = [100, 180] if begun == 100 else [180]
    lost = [] if begun == 100 else [("lost", 100)]
    assert life(Market.USDM, [diffs], [snapshot]) == [*lost, (f"begun from {snapshot}", begun), ("changed", finals)]


def test_a_futures_hole_is_seen_by_the_id_before() -> None:
    assert life(Market.USDM, [[(97, 100, 90), (120, 180, 110)]], [95]) == [
        ("begun from 95", 100),
        ("changed", [100]),
        ("lost", 180),
    ]
