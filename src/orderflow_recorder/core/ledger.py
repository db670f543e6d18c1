"""What a batch changes in one stream's ledger: pure, so that the database only carries it out.

Theory. A stream is *covered* between the first and the last id seen, except inside its gaps. An
arrival (a range of ids: one trade, or the update ids of one diff) either extends the cover at an
end, opening a gap where it does not touch it, or fills a part of gaps, or says nothing new and is
dropped. So each id between first and last is always in exactly one of: a kept arrival, one gap.
"""

from collections.abc import Iterable, Sequence

import msgspec

from orderflow_recorder.core.intervals import Interval, intersect, normal, subtract


class Cover(msgspec.Struct, frozen=True):
    """From the first to the last id of a stream, with the receive times (ns) of those two."""

    first: int
    last: int
    first_time: int
    last_time: int


class Gap(msgspec.Struct, frozen=True):
    """Ids known missing, between the receive times (ns) of their neighbours."""

    ids: Interval
    from_time: int
    to_time: int


class KnownGap(msgspec.Struct, frozen=True):
    """A gap that is already in the ledger."""

    gap_id: int
    gap: Gap


class Healed(msgspec.Struct, frozen=True):
    """A known gap of which ``filled`` arrived and ``rest`` is still missing."""

    gap_id: int
    gap: Gap
    filled: Sequence[Interval]
    rest: Sequence[Interval]


class LedgerStep(msgspec.Struct, frozen=True):
    """What to write for one stream and batch.

    Attributes:
        kept: For each arrival, in order, whether it brought anything new.
        cover: The cover afterwards; none if nothing ever arrived.
        opened: Gaps that came to light and that the batch itself did not fill.
        healed: Known gaps that the batch filled, wholly or in part.
    """

    kept: list[bool]
    cover: Cover | None
    opened: list[Gap]
    healed: list[Healed]


class StreamLedger:
    """One stream's ledger during one batch.

    Args:
        cover: As stored; none for a new stream.
        gaps: Its gaps that are not healed.
    """

    def __init__(self, cover: Cover | None, gaps: Iterable[KnownGap] = ()) -> None:
        """Start from what is stored."""
        self._cover = cover
        self._known = {known.gap_id: known.gap for known in gaps}
        self._opened: list[Gap] = []
        self._missing = normal(gap.ids for gap in self._known.values())
        self._missing_before = self._missing
        self._kept: list[bool] = []

    def arrive(self, first: int, last: int, time: int) -> bool:
        """Take ids ``first`` to ``last``, received at ``time`` (ns); say whether any of them is new."""
        cover = self._cover
        if cover is None:
            self._cover = Cover(first, last, time, time)
            new = True
        elif first > cover.last:
            if first > cover.last + 1:
                self._open(Gap(Interval(cover.last + 1, first - 1), cover.last_time, time))
            self._cover = Cover(cover.first, last, cover.first_time, time)
            new = True
        else:
            new = self._arrive_late(cover, first, last, time)
        self._kept.append(new)
        return new

    def finish(self) -> LedgerStep:
        """Return what the batch changed."""
        arrived = subtract(self._missing_before, self._missing)
        healed = []
        for gap_id, gap in self._known.items():
            if filled := intersect([gap.ids], arrived):
                healed.append(Healed(gap_id, gap, filled, subtract([gap.ids], filled)))
        opened = [
            Gap(ids, gap.from_time, gap.to_time) for gap in self._opened for ids in intersect([gap.ids], self._missing)
        ]
        return LedgerStep(self._kept, self._cover, opened, healed)

    def _arrive_late(self, cover: Cover, first: int, last: int, time: int) -> bool:
        """Take an arrival that begins before the end of the cover."""
        arrival = [Interval(first, last)]
        new = False
        if filled := intersect(self._missing, arrival):
            self._missing = subtract(self._missing, filled)
            new = True
        if first < cover.first:
            if last < cover.first - 1:
                self._open(Gap(Interval(last + 1, cover.first - 1), time, cover.first_time))
            cover = Cover(first, cover.last, time, cover.last_time)
            new = True
        if last > cover.last:
            cover = Cover(cover.first, last, cover.first_time, time)
            new = True
        self._cover = cover
        return new

    def _open(self, gap: Gap) -> None:
        self._opened.append(gap)
        self._missing = normal([*self._missing, gap.ids])
