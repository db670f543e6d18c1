"""A symbol's local book while its journal is loaded: snapshots and diffs in, checkpoints and tops out.

Everything comes in journal order, and what comes out is a function of that alone.

* **A snapshot never speaks at once.** It becomes a *newcomer*, a second book beside the one there may
  be, and takes the diffs that came before it and are newer than it. At the next diff that both books
  take they are the same book, and *join*: where both know they must agree, and what the snapshot knows
  beyond the book is added, so that what is known only grows. Where they disagree, where the book has a
  hole or where there is none, the newcomer becomes the book. Of several newcomers the last one counts.
* **At that diff a checkpoint is cut**, so that it is the base of all that follows; then whenever
  applying what came since would be work enough (`Pace`).
* **A hole is waited for.** While one socket replaces another, a diff may come a little before the one
  that it follows: some are kept, and applied once the chain closes. Beyond that the book, or the newcomer,
  is lost until the next snapshot.
* **Taken up again** from its newest checkpoint, the diffs after it and the newest snapshot received
  after it, a book goes on as if it had never been away: whatever a diff has been applied to, a checkpoint
  was cut from.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from orderflow_recorder.core.book_levels import BookLevels, Pace
from orderflow_recorder.core.level_texts import AmbiguousPriceError
from orderflow_recorder.core.local_top import LocalTop
from orderflow_recorder.core.sequencing import Verdict
from orderflow_recorder.domain.records import BookSnapshot, BookTop, DepthDiff

MOST_AHEAD: Final = 64
"""Diffs kept beyond a hole: six seconds of them, more than two sockets are apart."""


class Remark(msgspec.Struct, frozen=True):
    """Something that a person may want to know.

    Attributes:
        text: What happened to the book, and what becomes of it.
    """

    text: str


Effect: TypeAlias = BookSnapshot | BookTop | Remark
"""A checkpoint, the best levels, or a remark."""


class LocalBook:
    """The book of one symbol of one market.

    Attributes:
        newest: The diff with the highest final id that was taken; none before the first.
    """

    def __init__(self, *, top_levels: int, pace: Pace, packed: bool = True) -> None:
        """Start without a book.

        Args:
            top_levels: How many of the best levels to tell after each diff that changed them; 0 for none.
            pace: When a checkpoint is due.
            packed: False for one that is looked into all the time.
        """
        self._packed = packed
        self._pace = pace
        self._top = LocalTop(top_levels) if top_levels else None
        self._book: BookLevels | None = None
        self._newcomer: BookLevels | None = None
        self._ahead: list[DepthDiff] = []
        self.newest: DepthDiff | None = None

    def restore(self, checkpoint: BookSnapshot, later: Iterable[DepthDiff]) -> None:
        """Take a book up again, in silence; before anything else is taken.

        Args:
            checkpoint: The newest one.
            later: The diffs after it, by final id; read as far as the book can follow.
        """
        book = BookLevels(checkpoint, self._pace, packed=self._packed)
        ahead = _catch_up(book, later)
        if ahead is None:
            return
        self._book, self._ahead = book, ahead
        if self._top is not None:
            self._top.take_book(book)
            self._top.look(None)

    def take_snapshot(self, snapshot: BookSnapshot, later: Iterable[DepthDiff]) -> None:
        """Take what the venue says the book is.

        Args:
            snapshot: From REST.
            later: The diffs taken before that are newer than it, by final id; read as far as it can follow.
        """
        self._newcomer = None
        book = self._book
        self._ahead = [diff for diff in self._ahead if book is not None and book.follows(diff) is Verdict.GAP]
        if not snapshot.bid_prices or not snapshot.ask_prices:
            return  # of such a side nobody can tell how far it is known
        newcomer = BookLevels(snapshot, self._pace, packed=self._packed)
        ahead = _catch_up(newcomer, later)
        if ahead is not None:
            self._newcomer = newcomer
            # Of one that came twice the first counts, as in the tables.
            self._ahead = list({_final(diff): diff for diff in reversed((*self._ahead, *ahead))}.values())

    def take_diff(self, diff: DepthDiff) -> Sequence[Effect]:
        """Take a diff (hot path)."""
        if self.newest is None or diff.final_update_id > self.newest.final_update_id:
            self.newest = diff
        book = self._book
        try:
            if self._newcomer is not None or self._ahead:
                return self._take_slowly(diff)
            if book is None:
                return ()
            if book.is_next(diff):
                return self._apply(book, diff)
            verdict = book.follows(diff)
            if verdict is Verdict.NEXT:
                return self._apply(book, diff)
        except AmbiguousPriceError as error:
            return self._drop(error)
        if verdict is Verdict.GAP:
            self._ahead.append(diff)
        return ()

    def take_diffs(self, diffs: Sequence[DepthDiff]) -> list[Effect]:
        """Take diffs one after another (hot path)."""
        effects: list[Effect] = []
        place = 0
        while place < len(diffs):
            book, begin = self._book, place
            if book is not None and self._top is None and self._newcomer is None and not self._ahead:
                place += book.apply_run(diffs[place:])
            if place == begin:
                effects += self.take_diff(diffs[place])
                place += 1
                continue
            last = diffs[place - 1]
            if self.newest is None or last.final_update_id > self.newest.final_update_id:
                self.newest = last
            if book is not None and book.changes >= book.due:
                try:
                    effects.append(book.cut(last.receive_time))
                except AmbiguousPriceError as error:
                    effects += self._drop(error)
        return effects

    def _take_slowly(self, diff: DepthDiff) -> Sequence[Effect]:
        """Take a diff while others wait, or a newcomer does."""
        if any(each.final_update_id == diff.final_update_id for each in self._ahead):
            return ()
        waiting = sorted([*self._ahead, diff], key=_final)
        self._ahead = []
        effects: list[Effect] = []
        for each in waiting:
            effects += self._offer(each)
        if len(self._ahead) > MOST_AHEAD:
            self._give_up()
        return effects

    def _offer(self, diff: DepthDiff) -> Sequence[Effect]:
        """Give one diff to the book and to the newcomer; keep it where it is too early."""
        book, newcomer = self._book, self._newcomer
        ours = None if book is None else book.follows(diff)
        theirs = None if newcomer is None else newcomer.follows(diff)
        if newcomer is not None and theirs is Verdict.NEXT:
            newcomer.apply(diff)
            if book is not None and ours is Verdict.NEXT:
                return self._join(book, newcomer, diff)
            if ours is not Verdict.STALE:
                return self._begin(newcomer, diff)
        if Verdict.GAP in (ours, theirs):
            self._ahead.append(diff)
        return self._apply(book, diff) if book is not None and ours is Verdict.NEXT else ()

    def _join(self, book: BookLevels, newcomer: BookLevels, diff: DepthDiff) -> Sequence[Effect]:
        """Make one book of two at a diff that both take."""
        book.apply(diff)
        wrong = book.join(newcomer)
        if wrong is None:
            return self._begin(book, diff)
        text = f"the local book disagrees with the snapshot that begins it anew, {wrong}"
        return [Remark(text), *self._begin(newcomer, diff)]

    def _give_up(self) -> None:
        """Wait no longer for what leads to the diffs ahead."""
        last = self._ahead[-1]
        if self._newcomer is not None and self._newcomer.follows(last) is Verdict.GAP:
            self._newcomer = None
        if self._book is not None and self._book.follows(last) is Verdict.GAP:
            self._lose()
        self._ahead = []

    def _begin(self, book: BookLevels, diff: DepthDiff) -> Sequence[Effect]:
        """Go on with a book that began with this diff, or learned something at it."""
        self._book, self._newcomer = book, None
        if self._top is not None:
            self._top.take_book(book)
        return [book.cut(diff.receive_time), *self._look(diff)]

    def _apply(self, book: BookLevels, diff: DepthDiff) -> Sequence[Effect]:
        book.apply(diff)
        if self._top is None and book.changes < book.due:
            return ()
        if self._top is not None:
            self._top.take_diff(diff, book)
        effects = self._look(diff)
        return [book.cut(diff.receive_time), *effects] if book.changes >= book.due else effects

    def _look(self, diff: DepthDiff) -> Sequence[BookTop]:
        top = None if self._top is None else self._top.look(diff)
        return () if top is None else (top,)

    def _drop(self, error: AmbiguousPriceError) -> Sequence[Effect]:
        self._lose()
        self._newcomer, self._ahead = None, []
        return [Remark(f"the local book is dropped until the next snapshot: {error}")]

    def _lose(self) -> None:
        self._book = None
        if self._top is not None:
            self._top.forget()


def _final(diff: DepthDiff) -> int:
    return diff.final_update_id


def _catch_up(book: BookLevels, later: Iterable[DepthDiff]) -> list[DepthDiff] | None:
    """Apply what follows; return what lies ahead of a hole, none where that is too much to wait."""
    ahead: list[DepthDiff] = []
    for diff in later:
        verdict = book.follows(diff)
        if verdict is Verdict.NEXT:
            book.apply(diff)
        elif verdict is Verdict.GAP:
            ahead.append(diff)
            if len(ahead) > MOST_AHEAD:
                return None
    return ahead
