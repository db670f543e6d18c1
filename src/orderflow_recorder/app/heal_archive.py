"""Healing from the venue's daily files: only rows whose ids are missing are taken."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, date, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec

from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.heal_journal import HealJournal
from orderflow_recorder.binance.archive import ArchiveError, ArchiveFile, archive_file
from orderflow_recorder.binance.archive_store import ArchiveStore, read_rows
from orderflow_recorder.core.intervals import Interval, intersect, normal, subtract
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream, StreamKind
from orderflow_recorder.ports.venue import RestAnswer
from orderflow_recorder.postgres.ledger_reads import GapRow

_PAGE_ROWS: Final = 1000
"""Rows in one journal entry, as in a REST answer."""
_MARGIN: Final = timedelta(minutes=10)
"""A gap's times are when its neighbours were received: its trades may lie so far outside."""
_DAY: Final = timedelta(days=1)


def heal_from_archive(
    store: ArchiveStore, gaps: Sequence[GapRow], journal: HealJournal, progress: Callable[[], object]
) -> list[str]:
    """Journal and load what the archive has of ``gaps``, and refuse what it has not.

    Args:
        store: Where the files are.
        gaps: With ids, of trades and aggregate trades.
        journal: Takes rows and refusals.
        progress: Called after each file.

    Returns:
        What a person should look at: files that are not there yet, or cannot be used.
    """
    problems = []
    for stream, members in groupby(sorted(gaps, key=_stream), key=_stream):
        healing = _StreamHealing(store, stream, list(members), journal)
        for day in healing.days():
            try:
                if not healing.take(day):
                    problems.append(f"{stream.market} {stream.symbol} {stream.name}: there is no file of {day} (yet)")
            except ArchiveError as error:
                problems.append(str(error))
            journal.load()
            progress()
        healing.refuse()
    return problems


def _stream(gap: GapRow) -> Stream:
    return Stream(gap.market, gap.symbol, gap.stream)


class _StreamHealing:
    """The gaps of one stream, day by day.

    Args:
        store: Where the files are.
        stream: The stream.
        gaps: What is missing.
        journal: Takes rows and refusals.
    """

    def __init__(self, store: ArchiveStore, stream: Stream, gaps: Sequence[GapRow], journal: HealJournal) -> None:
        self._store = store
        self._stream = stream
        self._journal = journal
        self._clock = SystemClock()
        self._missing = [(_ids(gap), *_days(gap)) for gap in gaps]
        self._brought: list[Interval] = []
        self._known: list[tuple[date, Interval]] = []

    def days(self) -> list[date]:
        """Return the days that may hold what is missing."""
        return sorted(
            {first + _DAY * number for _, first, last in self._missing for number in range((last - first).days + 1)}
        )

    def take(self, day: date) -> bool:
        """Journal what the file of ``day`` has of what is missing; say whether there is one.

        Raises:
            ArchiveError: It cannot be used.
        """
        overlapping = normal(ids for ids, first, last in self._missing if first <= day <= last)
        wanted = subtract(overlapping, self._brought)
        if not wanted:
            return True
        file = archive_file(self._stream.market, self._stream.symbol, self._stream.name, day)
        with self._store.fetch(file) as path:
            if path is None:
                return False
            span = self._read(file, path, wanted)
        if span is not None:
            self._add_known(day, span)
        return True

    def refuse(self) -> None:
        """Put on record what whole files lack although they have ids around it."""
        missing = normal(ids for ids, _, _ in self._missing)
        known = normal(span for _, span in self._known)
        reason = "not in the venue's archive either"
        if self._stream.market is Market.USDM and self._stream.kind is StreamKind.TRADE:
            reason += " (spent ids have no trade)"
        for lost in subtract(intersect(missing, known), self._brought):
            detail = {"stream": self._stream.name, "first_id": lost.first, "last_id": lost.last, "reason": reason}
            self._journal.intake.event(
                EventKind.HEAL_REFUSED, market=self._stream.market, symbol=self._stream.symbol, detail=detail
            )
        self._journal.load()

    def _read(self, file: ArchiveFile, path: Path, wanted: Sequence[Interval]) -> Interval | None:
        """Journal the wanted rows; return from where to where the file's ids go."""
        is_wanted = _membership(wanted)
        span: Interval | None = None
        page: list[tuple[int, dict[str, Any]]] = []
        for number, row in read_rows(file, path):
            span = Interval(min(span.first, number), max(span.last, number)) if span else Interval(number, number)
            if is_wanted(number):
                page.append((number, row))
                if len(page) == _PAGE_ROWS:
                    self._write(file, page)
                    page = []
        if page:
            self._write(file, page)
        return span

    def _write(self, file: ArchiveFile, page: Sequence[tuple[int, dict[str, Any]]]) -> None:
        self._journal.intake.rest(
            RestAnswer(
                market=file.market,
                path=file.entry_path,
                params={"file": file.name},
                symbol=file.symbol,
                receive_time=self._clock.now_ns(),
                body=msgspec.json.encode([row for _, row in page]),
            )
        )
        self._brought = normal([*self._brought, *(Interval(number, number) for number, _ in page)])

    def _add_known(self, day: date, span: Interval) -> None:
        """Join the ids of two days in a row: between them there is nothing that a third file could have."""
        if self._known and self._known[-1][0] == day - _DAY:
            before = self._known.pop()[1]
            span = Interval(min(before.first, span.first), max(before.last, span.last))
        self._known.append((day, span))


def _membership(wanted: Sequence[Interval]) -> Callable[[int], bool]:
    firsts = [interval.first for interval in wanted]
    lasts = [interval.last for interval in wanted]

    def is_wanted(number: int) -> bool:
        place = bisect_right(firsts, number) - 1
        return place >= 0 and number <= lasts[place]

    return is_wanted


def _ids(gap: GapRow) -> Interval:
    if gap.first_missing_id is None or gap.last_missing_id is None:
        message = f"expected a gap with ids, got {gap}"
        raise ValueError(message)
    return Interval(gap.first_missing_id, gap.last_missing_id)


def _days(gap: GapRow) -> tuple[date, date]:
    """Return the first and the last day (UTC) that a gap's trades may be of."""
    moments = [moment for moment in (gap.from_time, gap.to_time) if moment is not None] or [gap.opened_at]
    return (min(moments) - _MARGIN).astimezone(UTC).date(), (max(moments) + _MARGIN).astimezone(UTC).date()
