"""Which missing ids to ask the venue for next, and what an answer says about them: pure.

Theory. The ledger tells what is missing; an answer travels through the journal and the loader
before the ledger shows it. So a range that was asked for rests until the ledger has had time to
change, and one that is still missing then is asked for again. One request takes everything missing
within a page of ids from the first: many small holes cost as much as one.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import TypeAlias

import msgspec

from orderflow_recorder.core.intervals import Interval, intersect, normal, subtract
from orderflow_recorder.domain.gaps import OpenGap

StreamKey: TypeAlias = tuple[str, str]
"""Symbol and stream."""


class HealRequest(msgspec.Struct, frozen=True):
    """Ids to ask for: ``missing`` lies within one page from its first id.

    Attributes:
        symbol: Upper case.
        stream: Wire name without the symbol.
        missing: What the answer should bring, as `intervals.normal` lists it.
        later: What is missing after that.
    """

    symbol: str
    stream: str
    missing: Sequence[Interval]
    later: Sequence[Interval] = ()

    @property
    def from_id(self) -> int:
        """Return where the page begins."""
        return self.missing[0].first

    @property
    def limit(self) -> int:
        """Return how many ids the page must hold to reach the last one."""
        return self.missing[-1].last - self.missing[0].first + 1

    @property
    def onward(self) -> list[Interval]:
        """Return everything missing from the first id on."""
        return normal([*self.missing, *self.later])


class PageReading(msgspec.Struct, frozen=True):
    """What a page says about the ids it was asked for.

    Attributes:
        brought: These came.
        skipped: These did not, though later ids did.
        beyond: The page ended before these.
    """

    brought: Sequence[Interval]
    skipped: Sequence[Interval]
    beyond: Sequence[Interval]


def read_page(missing: Sequence[Interval], ids: Iterable[int]) -> PageReading:
    """Compare what was asked for with the ids of the answer.

    Args:
        missing: What was asked for.
        ids: Of the answer, in any order; it begins at the first id asked for, or later.
    """
    came = normal(Interval(one, one) for one in ids)
    last = came[-1].last if came else -1
    absent = subtract(missing, came)
    passed = [Interval(0, last)] if last >= 0 else []
    return PageReading(intersect(missing, came), intersect(absent, passed), subtract(absent, passed))


class HealPlan:
    """What is missing in one market, and what of it rests.

    Args:
        page: Ids that one request can bring.
    """

    def __init__(self, page: int) -> None:
        """Know of nothing missing."""
        self._page = page
        self._missing: dict[StreamKey, list[Interval]] = {}
        self._resting: dict[StreamKey, list[tuple[float, Interval]]] = {}

    def refresh(self, gaps: Iterable[OpenGap]) -> None:
        """Take what the ledger says now, streams in the order of ``gaps``; what it no longer misses is forgotten."""
        ranges: defaultdict[StreamKey, list[Interval]] = defaultdict(list)
        for gap in gaps:
            ranges[gap.symbol, gap.stream].append(Interval(gap.first_missing_id, gap.last_missing_id))
        self._missing = {key: normal(found) for key, found in ranges.items()}
        self._resting = {
            key: kept
            for key, rests in self._resting.items()
            if (kept := [rest for rest in rests if intersect([rest[1]], self._missing.get(key, []))])
        }

    def next(self, now: float, *, held: Collection[str] = ()) -> HealRequest | None:
        """Return what to ask for next, none if everything missing rests.

        Args:
            now: Monotonic seconds.
            held: Streams that cannot be asked for now.
        """
        for (symbol, stream), missing in self._missing.items():
            if stream in held:
                continue
            rests = self._resting.get((symbol, stream), [])
            left = subtract(missing, normal(interval for until, interval in rests if until > now))
            if left:
                window = [Interval(left[0].first, left[0].first + self._page - 1)]
                wanted = intersect(left, window)
                return HealRequest(symbol, stream, wanted, subtract(left, wanted))
        return None

    def rest(self, request: HealRequest, intervals: Iterable[Interval], until: float) -> None:
        """Leave ``intervals`` of a request's stream alone until ``until`` (monotonic seconds)."""
        rests = self._resting.setdefault((request.symbol, request.stream), [])
        rests += [(until, interval) for interval in intervals]
