"""When to ask for a book snapshot, and whether the book is proven continuous.

One `BookSync` per market and symbol. It holds ids only: the levels are in the journal, and whoever
wants the book replays them (`order_book.replay`).

States::

    EMPTY       no diff yet
    BUFFERING   diffs are chained while a snapshot is on its way
    WAITING     a snapshot newer than every diff so far is in hand; no diff spans it yet
    SYNCED      snapshot and diffs form one unbroken chain: an epoch

BUFFERING is the only state with a request outstanding, and every way into it makes exactly one:
so there is never a second request in flight, and never none when one is needed. The buffer is
always a chain without holes (a hole discards what lies before it, which could never be applied),
hence only its first diff can lie after a snapshot, and behind a diff that spans all others follow.
"""

from collections import deque
from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

from orderflow_recorder.core.machine import Table
from orderflow_recorder.core.sequencing import Bridge, Verdict, bridge, follows_spot, follows_usdm, judge
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import DepthIds

REGRESSION_RUN: Final = 100
"""Stale diffs in a row, none newer, after which the venue must have restarted its ids."""


class SyncState(StrEnum):
    """Where a book stands."""

    EMPTY = "empty"
    BUFFERING = "buffering"
    WAITING = "waiting"
    SYNCED = "synced"


class SyncSignal(StrEnum):
    """What moves it."""

    DIFF = "diff"
    SNAPSHOT_AHEAD = "snapshot_ahead"
    SNAPSHOT_STALE = "snapshot_stale"
    SPANNED = "spanned"
    BROKEN = "broken"


class RequestSnapshot(msgspec.Struct, frozen=True):
    """Ask the venue for a snapshot; answer with `on_snapshot` or `on_snapshot_failed`."""


class SnapshotStale(msgspec.Struct, frozen=True):
    """The snapshot is older than every diff at hand (``first_buffered``: U of the first)."""

    last_update_id: int
    first_buffered: int


class Synced(msgspec.Struct, frozen=True):
    """A new epoch begins: the diff ending at ``first_final`` is the first on the snapshot."""

    epoch: int
    last_update_id: int
    first_final: int


class BookGap(msgspec.Struct, frozen=True):
    """The epoch ended: ``next_ids`` does not follow the diff that ended at ``after``."""

    epoch: int
    after: int
    next_ids: DepthIds


class BufferGap(msgspec.Struct, frozen=True):
    """Diffs are missing between ``after`` and ``next_ids``, outside of an epoch."""

    after: int
    next_ids: DepthIds


Effect: TypeAlias = RequestSnapshot | SnapshotStale | Synced | BookGap | BufferGap

TABLE: Final = Table(
    "book sync",
    {
        (SyncState.EMPTY, SyncSignal.DIFF): SyncState.BUFFERING,
        # A quiet symbol: the snapshot comes before its first diff.
        (SyncState.EMPTY, SyncSignal.SNAPSHOT_AHEAD): SyncState.WAITING,
        (SyncState.BUFFERING, SyncSignal.DIFF): SyncState.BUFFERING,
        (SyncState.BUFFERING, SyncSignal.SNAPSHOT_AHEAD): SyncState.WAITING,
        (SyncState.BUFFERING, SyncSignal.SNAPSHOT_STALE): SyncState.BUFFERING,
        (SyncState.BUFFERING, SyncSignal.SPANNED): SyncState.SYNCED,
        (SyncState.WAITING, SyncSignal.DIFF): SyncState.WAITING,
        (SyncState.WAITING, SyncSignal.SNAPSHOT_AHEAD): SyncState.WAITING,
        (SyncState.WAITING, SyncSignal.SNAPSHOT_STALE): SyncState.BUFFERING,
        (SyncState.WAITING, SyncSignal.SPANNED): SyncState.SYNCED,
        (SyncState.WAITING, SyncSignal.BROKEN): SyncState.BUFFERING,
        (SyncState.SYNCED, SyncSignal.DIFF): SyncState.SYNCED,
        (SyncState.SYNCED, SyncSignal.BROKEN): SyncState.BUFFERING,
    },
)


class BookSync:
    """Keeps one symbol's book synchronised, by ids alone."""

    def __init__(self, market: Market, *, buffer_limit: int = 10_000) -> None:
        """Start without any diff.

        Args:
            market: Whose continuity rules apply.
            buffer_limit: Diffs kept while a snapshot is on its way; beyond it the oldest go (a
                later snapshot bridges all the same).
        """
        self._market = market
        self._follows = follows_usdm if market is Market.USDM else follows_spot
        self._state = SyncState.EMPTY
        self._epoch = 0
        self._last_final: int | None = None
        self._snapshot = 0  # the one in hand; means something while WAITING only
        self._buffer: deque[DepthIds] = deque(maxlen=buffer_limit)
        self._stale_run = 0

    @property
    def state(self) -> SyncState:
        """Return where the book stands."""
        return self._state

    @property
    def epoch(self) -> int:
        """Return the number of the current or last epoch, 0 before the first."""
        return self._epoch

    @property
    def last_final(self) -> int | None:
        """Return the final update id of the newest diff taken in, none before the first."""
        return self._last_final

    def on_diff(self, ids: DepthIds) -> list[Effect]:
        """Take a diff in, in the order of arrival (hot path)."""
        after = self._last_final
        if after is not None and self._state is SyncState.SYNCED and self._follows(after, ids):
            self._stale_run = 0
            self._last_final = ids.final
            return []
        verdict = Verdict.NEXT if after is None else judge(self._market, after, ids)
        if verdict is Verdict.STALE:
            self._stale_run += 1
            if self._stale_run < REGRESSION_RUN:
                return []
        self._stale_run = 0
        self._last_final = ids.final
        if after is None or verdict is Verdict.NEXT:
            return self._on_chained(ids)
        # So long a stale run means that ids restarted (a testnet wipe): a hole, too, for waiting
        # until they catch up could take for ever.
        return self._on_hole(after, ids, regressed=verdict is Verdict.STALE)

    def on_snapshot(self, last_update_id: int) -> list[Effect]:
        """Take a snapshot's id in, whoever asked for it.

        Give every answer of `RequestSnapshot` here; one taken for another reason is welcome, too:
        a synced book ignores it.
        """
        if self._state is SyncState.SYNCED:
            return []
        if self._state is SyncState.BUFFERING:
            return self._try_bridge(last_update_id)
        if self._last_final is None or last_update_id > self._last_final:
            self._move(SyncSignal.SNAPSHOT_AHEAD)
            self._snapshot = last_update_id
        return []

    def on_snapshot_failed(self) -> list[Effect]:
        """Learn that a snapshot could not be had; ask again if one is needed.

        The caller paces the retries.
        """
        return [RequestSnapshot()] if self._state is SyncState.BUFFERING else []

    def _move(self, signal: SyncSignal) -> None:
        self._state = TABLE.next(self._state, signal)

    def _on_chained(self, ids: DepthIds) -> list[Effect]:
        if self._state is SyncState.WAITING:
            return self._try_waiting(ids)
        first = self._state is SyncState.EMPTY
        self._move(SyncSignal.DIFF)
        if self._state is SyncState.BUFFERING:
            self._buffer.append(ids)
        return [RequestSnapshot()] if first else []

    def _on_hole(self, after: int, ids: DepthIds, *, regressed: bool) -> list[Effect]:
        if self._state is SyncState.SYNCED:
            self._move(SyncSignal.BROKEN)
            self._buffer_only(ids)
            return [BookGap(self._epoch, after, ids), RequestSnapshot()]
        hole = BufferGap(after, ids)
        if self._state is SyncState.BUFFERING:
            self._buffer_only(ids)
            return [hole]
        if regressed:
            # The snapshot in hand counts in the old ids; no diff would ever reach it.
            self._move(SyncSignal.BROKEN)
            self._buffer_only(ids)
            return [hole, RequestSnapshot()]
        # A hole before the snapshot does not matter to the book: the snapshot covers it.
        return [hole, *self._try_waiting(ids)]

    def _try_waiting(self, ids: DepthIds) -> list[Effect]:
        self._buffer_only(ids)
        return self._try_bridge(self._snapshot)

    def _try_bridge(self, last_update_id: int) -> list[Effect]:
        """Drop what lies before the snapshot and look at the first diff that does not."""
        while self._buffer:
            first = self._buffer[0]
            match bridge(self._market, last_update_id, first):
                case Bridge.BEFORE:
                    self._buffer.popleft()
                case Bridge.SPANS:
                    self._move(SyncSignal.SPANNED)
                    self._epoch += 1
                    self._buffer.clear()
                    return [Synced(self._epoch, last_update_id, first.final)]
                case Bridge.AFTER:
                    self._move(SyncSignal.SNAPSHOT_STALE)
                    return [SnapshotStale(last_update_id, first.first), RequestSnapshot()]
        self._move(SyncSignal.SNAPSHOT_AHEAD)
        self._snapshot = last_update_id
        return []

    def _buffer_only(self, ids: DepthIds) -> None:
        self._buffer.clear()
        self._buffer.append(ids)
