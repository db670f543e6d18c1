"""What the processes of a recorder say of themselves, put together where there are several of a kind."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final, TypeVar

import msgspec

from orderflow_recorder.app.health import CollectorHealth, LoaderReport, MarketHealth, ProcessHealth, is_fresh
from orderflow_recorder.loader.health import LoaderHealth

RECORDING: Final = "recording"

HealthT = TypeVar("HealthT", bound=ProcessHealth)
StructT = TypeVar("StructT", bound=msgspec.Struct)


def all_collectors(reports: Sequence[CollectorHealth | None], now_ns: int) -> CollectorHealth | None:
    """Return what the collectors say together; none if none does.

    Args:
        reports: Of each there should be, as old as they are; none where there is none.
        now_ns: Wall time, ns since the epoch.
    """
    if len(reports) == 1:
        return reports[0]
    found = _fresh(reports, now_ns)
    if not found:
        return None
    states = {one.ingestion for one in found}
    wrong = sorted(states - {RECORDING})
    ingestion = wrong[0] if wrong else RECORDING
    if len(found) < len(reports):
        ingestion = f"{len(found)} of {len(reports)} {ingestion}"
    names = sorted({name for one in found for name in one.markets})
    return msgspec.structs.replace(
        _sum(found),
        ingestion=ingestion,
        started_at=min(one.started_at for one in found),
        asleep_until=found[0].asleep_until if len(states) == 1 else None,
        journal_segment=found[0].journal_segment,
        rest_weight_used={name: sum(one.rest_weight_used.get(name, 0) for one in found) for name in names},
        markets={name: _market([one.markets[name] for one in found if name in one.markets]) for name in names},
    )


def all_loaders(reports: Sequence[LoaderReport | None], now_ns: int) -> LoaderReport | None:
    """Return what the loaders say together; none if none does. For the arguments see `all_collectors`."""
    if len(reports) == 1:
        return reports[0]
    found = _fresh(reports, now_ns)
    if not found:
        return None
    figures = [one.figures for one in found]
    error = next((one.last_error for one in found if one.last_error), "")
    missing = len(reports) - len(found)
    if missing:
        error = f"{missing} of {len(reports)} loaders do not run"
    return msgspec.structs.replace(
        _sum(found),
        started_at=min(one.started_at for one in found),
        last_error=error,
        figures=msgspec.structs.replace(
            _sum(figures),
            connected=not missing and all(one.connected for one in figures),
            lag_bytes=_by_journal(found, attrgetter("lag_bytes")),
            unparsable=_by_journal(found, attrgetter("unparsable")),
            lag_seconds=max(one.lag_seconds for one in figures),
            last_error=error,
        ),
    )


def _by_journal(reports: Sequence[LoaderReport], count: Callable[[LoaderHealth], int]) -> int:
    """Return what is counted of all journals, where each loader of a journal counts all of it."""
    counts: dict[str, int] = {}
    for one in reports:
        counts[one.journal] = max(count(one.figures), counts.get(one.journal, 0))
    return sum(counts.values())


def _market(reports: Sequence[MarketHealth]) -> MarketHealth:
    measured = next((one for one in reports if one.clock_offset_ms is not None), reports[0])
    return msgspec.structs.replace(
        _sum(reports), clock_offset_ms=measured.clock_offset_ms, clock_round_trip_ms=measured.clock_round_trip_ms
    )


def _fresh(reports: Sequence[HealthT | None], now_ns: int) -> list[HealthT]:
    return [one for one in reports if one is not None and is_fresh(one, now_ns)]


def _sum(reports: Sequence[StructT]) -> StructT:
    """Return the first report with the sum of what all of them count; times (``…_at``) stay the first one's."""
    counted = [
        name
        for name in reports[0].__struct_fields__
        if name != "pid" and not name.endswith("_at") and type(getattr(reports[0], name)) in {int, float}
    ]
    return msgspec.structs.replace(reports[0], **{name: sum(getattr(one, name) for one in reports) for name in counted})
