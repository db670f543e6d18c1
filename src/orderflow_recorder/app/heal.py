"""Healing on demand: asks the venue, or reads its archive, for what the ledger says is missing."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final, TypeAlias

import msgspec

from orderflow_recorder.app.candles import refresh_candles
from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.collect import tls_context
from orderflow_recorder.app.heal_archive import heal_from_archive
from orderflow_recorder.app.heal_journal import HealJournal, open_heal_journal
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.binance.archive_store import open_store
from orderflow_recorder.binance.rest import BinanceVenue, default_budget
from orderflow_recorder.collector import Healer
from orderflow_recorder.core.intervals import Interval, normal, subtract
from orderflow_recorder.domain.gaps import WANTED, GapStatus, OpenGap
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind, stream_kind
from orderflow_recorder.postgres.ledger_reads import Filter, GapRow, one_moment, read_gaps

PATIENCE_S: Final = 60.0
"""Healing ends when nothing has come for so long."""
_PAUSE_S: Final = 1.0
_WITH_PAST: Final = (StreamKind.TRADE, StreamKind.AGG_TRADE)

Key: TypeAlias = tuple[Market, str, str]
"""Market, symbol, stream."""


class StreamHealing(msgspec.Struct, frozen=True):
    """What became of one stream's gaps.

    Attributes:
        market: The market.
        symbol: Upper case.
        stream: Wire name without the symbol.
        gaps: How many there were.
        missing: Ids that were missing.
        healed: Of these: came.
        unrecoverable: Of these: nobody has them.
        still_open: Of these: not asked for, or the venue could not be asked.
        reasons: Why ids are unrecoverable.
    """

    market: Market
    symbol: str
    stream: str
    gaps: int
    missing: int
    healed: int
    unrecoverable: int
    still_open: int
    reasons: Sequence[str]


class Healing(msgspec.Struct, frozen=True):
    """What healing did.

    Attributes:
        streams: By market, symbol, stream.
        problems: What a person should look at.
    """

    streams: Sequence[StreamHealing]
    problems: Sequence[str]

    @property
    def done(self) -> bool:
        """Say whether nothing is left that might still be healed."""
        return not any(stream.still_open for stream in self.streams)


def heal(
    settings: Settings, url: str, wanted: Filter, archive: str | None, observe: Callable[[int, int], None]
) -> Healing:
    """Heal what is missing, as far as the source has it.

    Args:
        settings: Where the venue and the journal are.
        url: Of the database.
        wanted: Which gaps.
        archive: Folder or base URL of archive files; none asks the venue's REST.
        observe: Told how many ids are dealt with, and of how many.

    Raises:
        OrderflowError: It does not work; the text says what to do.
    """
    store = None if archive is None else open_store(archive, verify=tls_context(verify=not settings.insecure_tls))
    statuses = (GapStatus.OPEN, GapStatus.UNRECOVERABLE) if store else (GapStatus.OPEN,)
    ledger = SelectedLedger(url, wanted, statuses)
    before = ledger.read()
    total = count(before)
    if not before:
        return Healing((), ())

    def progress() -> int:
        left = count(ledger.read())
        observe(total - left, total)
        return left

    with open_heal_journal(settings, url) as journal:
        if store is None:
            problems = asyncio.run(_heal_from_rest(settings, ledger, journal, progress))
        else:
            problems = heal_from_archive(store, before, journal, progress)
        journal.load()
    refresh_candles(url, SystemClock().monotonic)
    return Healing(_summary(before, ledger.read_unhealed()), problems)


class SelectedLedger:
    """The part of the ledger that is to be healed; satisfies `orderflow_recorder.ports.ledger.Ledger`."""

    def __init__(self, url: str, wanted: Filter, statuses: Sequence[GapStatus]) -> None:
        """Look at gaps of ``statuses`` among those ``wanted``."""
        self._url = url
        self._wanted = wanted
        self._statuses = statuses

    def read(self) -> list[GapRow]:
        """Return the gaps to heal, oldest first."""
        return [gap for gap in self.read_unhealed() if gap.status in self._statuses]

    def read_unhealed(self) -> list[GapRow]:
        """Return them with those that nobody can heal."""
        with one_moment(self._url) as connection:
            gaps = read_gaps(connection, self._wanted)
        return [gap for gap in reversed(gaps) if _has_source(gap) and gap.status is not GapStatus.HEALED]

    async def open_gaps(self, market: Market) -> Sequence[OpenGap]:
        """Return what may be asked for in ``market``, oldest first."""
        return [_open_gap(gap) for gap in self.read() if gap.market is market]


def count(gaps: Iterable[GapRow]) -> int:
    """Return how many ids are missing."""
    return sum(_ids(gap).size for gap in gaps)


async def _heal_from_rest(
    settings: Settings, ledger: SelectedLedger, journal: HealJournal, progress: Callable[[], int]
) -> list[str]:
    """Ask the venue until nothing is open, or nothing has come for `PATIENCE_S`."""
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        healers = []
        for market in sorted({gap.market for gap in ledger.read()}):
            venue = BinanceVenue(
                market,
                settings.rest_base_url(market),
                clock=clock,
                budget=default_budget(market, clock.monotonic()),
                verify=tls_context(verify=not settings.insecure_tls),
                random=random.random,
            )
            stack.push_async_callback(venue.close)
            healers.append(Healer(market, venue, ledger, journal.intake, clock, random=random.random))
        left, moved_at = progress(), clock.monotonic()
        while left and clock.monotonic() - moved_at < PATIENCE_S:
            asked = sum([await healer.look() for healer in healers])
            journal.load()
            before, left = left, progress()
            if left != before:
                moved_at = clock.monotonic()
            elif not asked:
                await clock.sleep(_PAUSE_S)
        return [healer.last_error for healer in healers if healer.last_error]


def _summary(before: Sequence[GapRow], after: Sequence[GapRow]) -> list[StreamHealing]:
    """Compare by ids: a gap may have been split, or the recorder have found new ones meanwhile."""
    after_by_key = _by_key(after)
    found = []
    for key, gaps in sorted(_by_key(before).items()):
        missing = normal(map(_ids, gaps))
        still = after_by_key.get(key, [])
        left = {
            status: _within(missing, (gap for gap in still if gap.status is status))
            for status in (GapStatus.OPEN, GapStatus.UNRECOVERABLE)
        }
        lost = [gap for gap in still if gap.status is GapStatus.UNRECOVERABLE and gap.reason]
        reasons = {gap.reason or "" for gap in lost if _within(missing, [gap])}
        total, unrecoverable, still_open = _size(missing), left[GapStatus.UNRECOVERABLE], left[GapStatus.OPEN]
        healed = total - unrecoverable - still_open
        found.append(StreamHealing(*key, len(gaps), total, healed, unrecoverable, still_open, sorted(reasons)))
    return found


def _by_key(gaps: Iterable[GapRow]) -> Mapping[Key, list[GapRow]]:
    found: defaultdict[Key, list[GapRow]] = defaultdict(list)
    for gap in gaps:
        found[gap.market, gap.symbol, gap.stream].append(gap)
    return found


def _within(missing: Sequence[Interval], gaps: Iterable[GapRow]) -> int:
    return _size(missing) - _size(subtract(missing, normal(map(_ids, gaps))))


def _size(intervals: Iterable[Interval]) -> int:
    return sum(interval.size for interval in intervals)


def _ids(gap: GapRow) -> Interval:
    if gap.first_missing_id is None or gap.last_missing_id is None:
        raise ValueError(gap)
    return Interval(gap.first_missing_id, gap.last_missing_id)


def _has_source(gap: GapRow) -> bool:
    """Say whether anybody may have it; some holes were wanted."""
    has_ids = gap.first_missing_id is not None and gap.last_missing_id is not None
    return has_ids and gap.cause not in WANTED and stream_kind(gap.market, gap.stream) in _WITH_PAST


def _open_gap(gap: GapRow) -> OpenGap:
    ids = _ids(gap)
    return OpenGap(gap.gap_id, gap.market, gap.symbol, gap.stream, ids.first, ids.last, None, None, gap.cause)
