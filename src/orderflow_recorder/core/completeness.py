"""Does a stream's ledger tell the truth about its rows: pure, on what the database was asked for.

Invariant 2 (exactly once): no id is in two rows. Invariant 3 (a hole is registered): each id from the
first to the last one covered is a row or inside exactly one gap that is not healed.

The rows themselves are too many to pass around. What is passed are the *breaks*: the rows, by
first id, that do not begin right after everything the rows before them reach. Between two breaks
there is nothing to say.
"""

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise

import msgspec

from orderflow_recorder.core.intervals import Interval, intersect, normal, subtract


class Promise(StrEnum):
    """What a counter-example breaks."""

    EXACTLY_ONCE = "exactly once"
    HOLES_REGISTERED = "a hole is registered"
    BOOKS_AGREE = "books agree"


class Contradiction(msgspec.Struct, frozen=True):
    """Ids (both included) for which the database says two things that cannot both be true."""

    promise: Promise
    first_id: int | None
    last_id: int | None
    expected: str
    found: str


class RegisteredGap(msgspec.Struct, frozen=True):
    """A gap with ids, as the ledger has it."""

    gap_id: int
    ids: Interval
    healed: bool


class Break(msgspec.Struct, frozen=True, gc=False):
    """A row that does not begin right after the rows before it, in the order of first ids.

    Attributes:
        first: First id of the row.
        last: Last id of the row.
        reached: The last id that the rows before it reach; none for the first row of all.
    """

    first: int
    last: int
    reached: int | None


def check_ledger(cover: Interval, gaps: Sequence[RegisteredGap]) -> Contradiction | None:
    """Return what is wrong with a ledger in itself, rows aside.

    Args:
        cover: From the first to the last id of the stream.
        gaps: All gaps of the stream that have ids.
    """
    for gap in gaps:
        if not cover.first <= gap.ids.first <= gap.ids.last <= cover.last:
            return _unregistered(
                gap.ids,
                expected=f"gaps only between the first and the last id covered, {_ids(cover)}",
                found=f"gap {gap.gap_id} of {_ids(gap.ids)}",
            )
    missing = sorted((gap for gap in gaps if not gap.healed), key=_order)
    for gap, following in pairwise(missing):
        if following.ids.first <= gap.ids.last:
            twice = Interval(following.ids.first, min(gap.ids.last, following.ids.last))
            return _unregistered(
                twice,
                expected="each missing id in one gap that is not healed",
                found=f"gap {gap.gap_id} of {_ids(gap.ids)} and gap {following.gap_id} of {_ids(following.ids)}",
            )
    still_missing = normal(gap.ids for gap in missing)
    for gap in gaps:
        if gap.healed and (both := intersect(still_missing, [gap.ids])):
            return _unregistered(
                both[0],
                expected=f"no id of gap {gap.gap_id} missing, for it is healed",
                found="the same ids in a gap that is not healed",
            )
    return None


class IdCheck:
    """Compares the rows of one stream with its ledger; breaks are taken in order, then `finish`.

    Attributes:
        spent: Ids that are neither a row nor in a gap, where that is allowed.
    """

    def __init__(
        self, cover: Interval, gaps: Sequence[RegisteredGap], *, several_ids_a_row: bool, ids_may_be_spent: bool
    ) -> None:
        """Start before the first row.

        Args:
            cover: From the first to the last id of the stream.
            gaps: All its gaps that have ids; `check_ledger` must have passed.
            several_ids_a_row: Rows are ranges of ids (depth) and may overlap in part; one within
                another is still a repetition.
            ids_may_be_spent: The venue uses up ids without a row (futures trades).
        """
        self._cover = cover
        self._missing = sorted((gap for gap in gaps if not gap.healed), key=_order)
        self._several_ids_a_row = several_ids_a_row
        self._ids_may_be_spent = ids_may_be_spent
        self._next_gap = 0
        self.spent: list[Interval] = []

    def take(self, row: Break) -> Contradiction | None:
        """Take the next break."""
        if row.reached is None:
            if row.first < self._cover.first:
                return self._outside(Interval(row.first, min(row.last, self._cover.first - 1)))
            return self._hole(self._cover.first, row.first - 1)
        if row.first > row.reached + 1:
            return self._hole(row.reached + 1, row.first - 1)
        if self._several_ids_a_row and row.last > row.reached:
            return None
        ids = Interval(row.first, row.last)
        return Contradiction(
            Promise.EXACTLY_ONCE,
            ids.first,
            ids.last,
            expected="one row for each id",
            found=f"another row that has {_ids(ids)} as well",
        )

    def finish(self, reached: int | None) -> Contradiction | None:
        """Take the end of the rows.

        Args:
            reached: The last id of all rows; none if there are no rows.
        """
        if reached is None:
            return self._hole(self._cover.first, self._cover.last)
        if reached > self._cover.last:
            return self._outside(Interval(self._cover.last + 1, reached))
        return self._hole(reached + 1, self._cover.last)

    def _hole(self, first: int, last: int) -> Contradiction | None:
        """Compare a range without rows (perhaps an empty one) with the gaps there."""
        if wrong := self._gaps_before(first):
            return wrong
        position = first
        while self._next_gap < len(self._missing) and self._missing[self._next_gap].ids.first <= last:
            gap = self._missing[self._next_gap]
            if gap.ids.first > position and (wrong := self._unaccounted(position, gap.ids.first - 1)):
                return wrong
            if gap.ids.last > last:
                return _both(gap, last + 1)  # a hole ends with a row
            position = gap.ids.last + 1
            self._next_gap += 1
        return self._unaccounted(position, last) if position <= last else None

    def _gaps_before(self, first: int) -> Contradiction | None:
        """Return the next gap as wrong if it begins before ``first``, where everything is rows."""
        if self._next_gap == len(self._missing) or self._missing[self._next_gap].ids.first >= first:
            return None
        gap = self._missing[self._next_gap]
        return _both(gap, gap.ids.first)

    def _unaccounted(self, first: int, last: int) -> Contradiction | None:
        ids = Interval(first, last)
        if self._ids_may_be_spent:
            self.spent.append(ids)
            return None
        return _unregistered(ids, expected="each id in a row or in a gap", found=f"{_ids(ids)} in neither")

    def _outside(self, ids: Interval) -> Contradiction:
        return _unregistered(
            ids,
            expected=f"rows only between the first and the last id covered, {_ids(self._cover)}",
            found=f"{_ids(ids)} in rows",
        )


def check_shared_rows(cover: Interval, gaps: Sequence[RegisteredGap], rows: Sequence[Interval]) -> Contradiction | None:
    """Return what is wrong with a ledger whose rows cannot be told from those of another stream.

    A symbol that was recorded with two speeds of the depth stream has the rows of both in one table.
    What is in no row at all must still be in a gap.

    Args:
        cover: From the first to the last id of the stream.
        gaps: All its gaps that have ids.
        rows: The ids in the rows of all streams of this kind.
    """
    missing = normal(gap.ids for gap in gaps if not gap.healed)
    for ids in subtract(subtract([cover], rows), missing):
        return _unregistered(ids, expected="each id in a row or in a gap", found=f"{_ids(ids)} in neither")
    return None


def _order(gap: RegisteredGap) -> Interval:
    return gap.ids


def _ids(ids: Interval) -> str:
    return f"id {ids.first}" if ids.size == 1 else f"ids {ids.first} to {ids.last}"


def _both(gap: RegisteredGap, first_row: int) -> Contradiction:
    """Return that a row begins, or goes on, at an id that is registered missing."""
    return _unregistered(
        Interval(first_row, first_row),
        expected=f"no row for the ids of gap {gap.gap_id}, {_ids(gap.ids)}, for it is not healed",
        found=f"id {first_row} in a row",
    )


def _unregistered(ids: Interval, *, expected: str, found: str) -> Contradiction:
    return Contradiction(Promise.HOLES_REGISTERED, ids.first, ids.last, expected, found)
