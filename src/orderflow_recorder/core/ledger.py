"""What arrivals change in one stream's ledger: pure, so that the database only carries it out.

Theory. A stream is *covered* between the first and the last id seen, except inside its gaps. An
arrival (a range of ids: one trade, or the update ids of one diff) either extends the cover at an
end, opening a gap where it does not touch it, or fills a part of gaps, or says nothing new and is
dropped. So each id between first and last is always in exactly one of: a kept arrival, one gap
that is not healed.

The outcome depends on the order of arrivals alone, never on how they are cut into batches: a
journal that is loaded again gives the same ledger. So a gap that opens and is filled within one
batch leaves the same trace as any other, and neighbouring pieces of one gap are one entry again
once they fare alike. Only disorder leaves no trace: what the recorder that missed it brings by
stream within `SETTLING_NS` was never lost (two sockets overlap while one replaces the other), nor
was what one answer brings after a later id.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from orderflow_recorder.core.intervals import Interval
from orderflow_recorder.domain.gaps import GapCause, GapStatus

SETTLING_NS: Final = 5_000_000_000
"""What comes out of order comes within this time, ns."""


class Cover(msgspec.Struct, frozen=True):
    """From the first to the last id of a stream, with the receive times (ns) of those two."""

    first: int
    last: int
    first_time: int
    last_time: int


class Origin(msgspec.Struct, frozen=True, order=True):
    """How a gap came about; what is left of it and what was filled share it.

    Attributes:
        opened_at: When the arrival that revealed it was received, ns.
        from_time: When the one before it was received, ns.
        to_time: When the one after it was received, ns.
        cause: Why.
        instance: Which recorder missed it.
    """

    opened_at: int
    from_time: int
    to_time: int
    cause: GapCause
    instance: str


class Entry(msgspec.Struct, frozen=True):
    """A gap, or the part of it that fared alike.

    Attributes:
        ids: What is or was missing.
        origin: How it came about.
        status: What became of it.
        reason: Why it is unrecoverable, if it is.
        healed_at: When the last of it arrived, ns, if it did.
        healed_by: What brought it.
    """

    ids: Interval
    origin: Origin
    status: GapStatus
    reason: str | None = None
    healed_at: int | None = None
    healed_by: str | None = None


class StoredEntry(msgspec.Struct, frozen=True):
    """An entry with its number in the ledger."""

    gap_id: int
    entry: Entry


class LedgerStep(msgspec.Struct, frozen=True):
    """What to write for one stream and batch.

    Attributes:
        kept: For each arrival, in order, whether it brought anything new.
        cover: The cover afterwards; none if nothing ever arrived.
        removed: Numbers of entries that are no more.
        changed: Entries that are others now.
        added: New entries.
    """

    kept: list[bool]
    cover: Cover | None
    removed: list[int]
    changed: list[StoredEntry]
    added: list[Entry]


Explain: TypeAlias = Callable[[int, int, int], GapCause]
"""Returns the cause of what is missing between two receive times (ns), as known at a place in the journal."""


class StreamLedger:
    """One stream's ledger during one batch.

    Args:
        cover: As stored; none for a new stream.
        stored: Its entries, healed ones too, that touch or overlap the ids which will arrive. Those
            that no arrival comes near may be left out.
        instance: Which recorder's journal the arrivals are from.
        no_source: Why nobody serves ids of this stream that are missing; none if somebody does.
        explain: Finds causes.
    """

    def __init__(
        self,
        cover: Cover | None,
        stored: Iterable[StoredEntry] = (),
        *,
        instance: str,
        no_source: str | None,
        explain: Explain,
    ) -> None:
        """Start from what is stored."""
        self._cover = cover
        self._stored = sorted(stored, key=lambda one: one.entry.ids)
        self._missing = [one.entry for one in self._stored if one.entry.status is not GapStatus.HEALED]
        self._healed = [one.entry for one in self._stored if one.entry.status is GapStatus.HEALED]
        self._instance = instance
        self._no_source = no_source
        self._explain = explain
        self._kept: list[bool] = []

    def arrive(self, first: int, last: int, time: int, source: str, place: int = 0) -> bool:
        """Take ids ``first`` to ``last``; say whether any of them is new.

        Args:
            first: First id.
            last: Last id, the same for a trade.
            time: Receive time, ns.
            source: What to say of a gap that this fills: ``rest``, ``instance:<id>`` …
            place: Where in the journal, for causes.
        """
        cover = self._cover
        if cover is None:
            self._cover = Cover(first, last, time, time)
            new = True
        elif first > cover.last:
            if first > cover.last + 1:
                self._open(Interval(cover.last + 1, first - 1), cover.last_time, time, time, place)
            self._cover = Cover(cover.first, last, cover.first_time, time)
            new = True
        else:
            new = self._arrive_late(cover, Interval(first, last), time, source, place)
        self._kept.append(new)
        return new

    def refuse(self, ids: Interval, reason: str) -> None:
        """Take that no source has ``ids``: what of them is open is unrecoverable."""
        for entry in self._take_missing(ids):
            refused = msgspec.structs.replace(entry, status=GapStatus.UNRECOVERABLE, reason=reason)
            insort(self._missing, refused if entry.status is GapStatus.OPEN else entry, key=_last_id)

    def finish(self) -> LedgerStep:
        """Return what the batch changed."""
        entries = _join_alike([*self._missing, *self._healed])
        return LedgerStep(self._kept, self._cover, *_compare(self._stored, entries))

    def _arrive_late(self, cover: Cover, ids: Interval, time: int, source: str, place: int) -> bool:
        """Take an arrival that begins before the end of the cover."""
        new = self._fill(ids, time, source)
        if ids.first < cover.first:
            if ids.last < cover.first - 1:
                self._open(Interval(ids.last + 1, cover.first - 1), time, cover.first_time, time, place)
            cover = Cover(ids.first, cover.last, time, cover.last_time)
            new = True
        if ids.last > cover.last:
            cover = Cover(cover.first, ids.last, cover.first_time, time)
            new = True
        self._cover = cover
        return new

    def _fill(self, ids: Interval, time: int, source: str) -> bool:
        filled = self._take_missing(ids)
        for entry in filled:
            origin = entry.origin
            disorder = source == f"instance:{origin.instance}" and time - origin.opened_at <= SETTLING_NS
            if disorder or time == origin.opened_at:
                continue
            healed_at = max(time, origin.opened_at)
            self._healed.append(Entry(entry.ids, origin, GapStatus.HEALED, None, healed_at, source))
        return bool(filled)

    def _take_missing(self, ids: Interval) -> list[Entry]:
        """Cut ``ids`` out of what is missing and return the pieces."""
        start = end = bisect_left(self._missing, ids.first, key=_last_id)
        taken: list[Entry] = []
        left: list[Entry] = []
        while end < len(self._missing) and self._missing[end].ids.first <= ids.last:
            entry = self._missing[end]
            first, last = max(entry.ids.first, ids.first), min(entry.ids.last, ids.last)
            taken.append(_part(entry, first, last))
            if entry.ids.first < first:
                left.append(_part(entry, entry.ids.first, first - 1))
            if last < entry.ids.last:
                left.append(_part(entry, last + 1, entry.ids.last))
            end += 1
        self._missing[start:end] = left
        return taken

    def _open(self, ids: Interval, from_time: int, to_time: int, opened_at: int, place: int) -> None:
        cause = self._explain(from_time, to_time, place)
        status = GapStatus.OPEN if self._no_source is None else GapStatus.UNRECOVERABLE
        origin = Origin(opened_at, from_time, to_time, cause, self._instance)
        insort(self._missing, Entry(ids, origin, status, self._no_source), key=_last_id)


def _part(entry: Entry, first: int, last: int) -> Entry:
    return msgspec.structs.replace(entry, ids=Interval(first, last))


def _last_id(entry: Entry) -> int:
    return entry.ids.last


def _join_alike(entries: Sequence[Entry]) -> list[Entry]:
    """Return ``entries`` by ids, with neighbours that differ in nothing but ids and healing time made one."""
    joined: list[Entry] = []
    for entry in sorted(entries, key=_last_id):
        before = joined[-1] if joined else None
        if before is not None and before.ids.last + 1 == entry.ids.first and _alike(before, entry):
            healed_at = max(before.healed_at or 0, entry.healed_at or 0) or None
            ids = Interval(before.ids.first, entry.ids.last)
            joined[-1] = msgspec.structs.replace(before, ids=ids, healed_at=healed_at)
        else:
            joined.append(entry)
    return joined


def _alike(left: Entry, right: Entry) -> bool:
    return (left.status, left.reason, left.healed_by, left.origin) == (
        right.status,
        right.reason,
        right.healed_by,
        right.origin,
    )


def _compare(
    stored: Sequence[StoredEntry], entries: Sequence[Entry]
) -> tuple[list[int], list[StoredEntry], list[Entry]]:
    """Return what to remove, change and add so that ``stored`` becomes ``entries``; an entry keeps its number."""
    new = {entry.ids.first: entry for entry in entries}
    outdated = [one for one in stored if new.get(one.entry.ids.first) != one.entry]
    for one in stored:
        if new.get(one.entry.ids.first) == one.entry:
            del new[one.entry.ids.first]
    removed: list[int] = []
    changed: list[StoredEntry] = []
    added = list(new.values())
    for one in outdated:
        parts = [entry for entry in added if entry.origin == one.entry.origin]
        if not parts:
            removed.append(one.gap_id)
            continue
        successor = next((part for part in parts if part.status is one.entry.status), parts[0])
        added.remove(successor)
        changed.append(StoredEntry(one.gap_id, successor))
    return removed, changed, added
