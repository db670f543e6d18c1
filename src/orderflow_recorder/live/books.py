"""A symbol's book as it is now: `core.local_book` follows it, a `TopView` looks at it."""

from collections import deque
from collections.abc import Iterable
from typing import Final

from loguru import logger

from orderflow_recorder.core.book_levels import BookLevels, Pace
from orderflow_recorder.core.local_book import LocalBook
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff
from orderflow_recorder.live.top import Sides, TopView
from orderflow_recorder.ports.books import BookSeed

LEVELS: Final = 20
"""Of each side, at most."""

_RECENT: Final = 16
_RECENT_WITHOUT_BOOK: Final = 512
"""Diffs that are kept, for a snapshot that is older than they are: the book itself needs none of them."""
_UNSEEN: Final = 32
"""Diffs after which a view that nobody looks at is given up: to find the best levels anew is as cheap then."""
_PACE: Final = Pace()


class _Book(LocalBook):
    """A local book that can be looked into."""

    @property
    def levels(self) -> BookLevels | None:
        return self._book


class LiveBook:
    """The book of one symbol, without holes or not at all.

    Attributes:
        last: The diff with which the book ends; none before the first that it took.
    """

    def __init__(self) -> None:
        """Start without a book."""
        self.last: DepthDiff | None = None
        self._book = _Book(top_levels=0, pace=_PACE, packed=False)
        self._recent: deque[DepthDiff] = deque(maxlen=_RECENT_WITHOUT_BOOK)
        self._view: TopView | None = None
        self._unseen: list[DepthDiff] = []
        self._failed = False

    @property
    def last_update_id(self) -> int | None:
        """Return the update with which the book ends; none where there is no book."""
        levels = self._book.levels
        return None if levels is None else levels.last_update_id

    def restore(self, seed: BookSeed, diffs: Iterable[DepthDiff]) -> None:
        """Take up the book where the database has it.

        Args:
            seed: The newest checkpoint, and the snapshot after it.
            diffs: Those after the older of the two, by final id.
        """
        later = list(diffs)
        try:
            if seed.checkpoint is not None:
                self._book.restore(seed.checkpoint, later)
            if seed.snapshot is not None:
                self._book.take_snapshot(seed.snapshot, later)
            self.last = next((diff for diff in later if diff.final_update_id == self.last_update_id), None)
        except Exception:  # noqa: BLE001  # as `take`
            self._drop()

    def take(self, record: DepthDiff | BookSnapshot) -> None:
        """Take a diff or a snapshot (hot path)."""
        try:
            if isinstance(record, DepthDiff):
                self._take_diff(record)
            else:
                self._book.take_snapshot(record, sorted(self._recent, key=_final))
        except Exception:  # noqa: BLE001  # no book is worth the others
            self._drop()

    def best(self) -> Sides | None:
        """Return the best levels; none where there is no book."""
        levels = self._book.levels
        if levels is None:
            self._view, self._unseen = None, []
            return None
        unseen, self._unseen = self._unseen, []
        if self._view is not None and self._view.is_of(levels):
            sides = self._view.look(unseen, LEVELS)
            if sides is not None:
                return sides
        self._view = TopView(levels)
        return self._view.look((), LEVELS)

    def _take_diff(self, diff: DepthDiff) -> None:
        before = self.last_update_id
        self._book.take_diff(diff)
        recent = self._recent
        recent.append(diff)
        levels = self._book.levels
        if levels is None:
            return
        if levels.last_update_id == diff.final_update_id:
            self.last = diff
        elif levels.last_update_id != before:  # it closed a hole, and others that were looked at before were taken
            self._view = None
        while len(recent) > _RECENT:
            recent.popleft()
        if self._view is not None:
            self._unseen.append(diff)
            if len(self._unseen) > _UNSEEN:
                self._view, self._unseen = None, []

    def _drop(self) -> None:
        self._book = _Book(top_levels=0, pace=_PACE, packed=False)
        self._view, self._unseen = None, []
        if not self._failed:
            self._failed = True
            logger.bind(component="live").exception("a live book is dropped until its next snapshot")


def _final(diff: DepthDiff) -> int:
    return diff.final_update_id
