"""What /metrics answers: every metric of `app.metrics`, read now, in Prometheus' text format."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from orderflow_recorder import __version__
from orderflow_recorder.app import metrics
from orderflow_recorder.app.gap_watch import GapWatch
from orderflow_recorder.app.health import LoaderReport, ProcessHealth, read_health
from orderflow_recorder.app.metric_words import (
    DiskFigures,
    GapCount,
    Group,
    JournalFigures,
    OldestGap,
    ProcessFigures,
    RecorderFigures,
    StateFigure,
    TableFigure,
    TablesFigures,
)
from orderflow_recorder.app.observed import Observed
from orderflow_recorder.app.processes import SUPERVISOR
from orderflow_recorder.app.settings import Settings
from orderflow_recorder.app.shards import FORWARDER, Part, health_path
from orderflow_recorder.app.storage import read_samples
from orderflow_recorder.journal.retention import journal_size

STATES: Final = ("recording", "asleep", "starting", "disk full", "stopped")

Report = tuple[tuple[str, ...], Any]
"""Values of a group's labels, and what its metrics read."""


class Page(NamedTuple):
    """An answer to a scrape, and its type."""

    content_type: str
    text: bytes


def metrics_page(settings: Settings, observed: Observed, gaps: GapWatch | None, accept: str) -> Page:
    """Return all metrics as they are now.

    Args:
        settings: Of the recorder.
        observed: What its processes say.
        gaps: Its database's ledger; none where it has none, or not yet.
        accept: What the asking program takes, as in its header ``Accept``.
    """
    encode, content_type = choose_encoder(accept)
    return Page(content_type, encode(_Families(_reports(settings, observed, gaps))))


class _Families(Collector):
    """Metrics as the library takes them."""

    def __init__(self, reports: Iterable[tuple[Group[Any], Sequence[Report]]]) -> None:
        self._reports = reports

    def collect(self) -> Iterable[Metric]:
        for group, reports in self._reports:
            for metric in group.metrics:
                kind = CounterMetricFamily if metric.is_counter else GaugeMetricFamily
                family = kind(metric.full_name, metric.help, labels=group.labels)
                for labels, source in reports:
                    value = metric.read(source)
                    if value is not None:
                        family.add_metric(labels, float(value))
                yield family


def _reports(
    settings: Settings, observed: Observed, gaps: GapWatch | None
) -> Iterator[tuple[Group[Any], Sequence[Report]]]:
    health = RecorderFigures(observed.problems(settings.instance_id))
    collecting = [((str(part.number),), report) for part, report in observed.collecting if report is not None]
    yield metrics.RECORDER, [((settings.instance_id, __version__), health)]
    yield metrics.HEALTH, [((), health)]
    yield metrics.PROCESS, list(_processes(settings, observed))
    yield (
        metrics.STATE,
        [
            ((*shard, state.replace(" ", "_")), StateFigure(int(report.ingestion == state)))
            for shard, report in collecting
            for state in STATES
        ],
    )
    yield (
        metrics.MARKET,
        [((*shard, name), market) for shard, report in collecting for name, market in report.markets.items()],
    )
    yield metrics.COLLECTOR, collecting
    yield metrics.JOURNAL, [((str(part.number),), _journal(part, observed.now_ns)) for part in _journals(observed)]
    yield metrics.FORWARDER, [((), report) for report in observed.forwarding if report is not None]
    yield metrics.LOADER, [(_loader_labels(part, one), one) for part, one in observed.loading if one is not None]
    yield from _ledger(gaps)
    yield from _tables(settings)
    yield metrics.DISK, [((), _disk(settings))]


def _loader_labels(part: Part, report: LoaderReport) -> tuple[str, ...]:
    return str(part.number), report.sink


def _processes(settings: Settings, observed: Observed) -> Iterator[Report]:
    yield (
        (SUPERVISOR, ""),
        _process(
            settings, SUPERVISOR, observed.supervisor or ProcessHealth(pid=os.getpid(), started_at=0, updated_at=0)
        ),
    )
    parts: list[tuple[Part, ProcessHealth | None]] = [*observed.collecting, *observed.loading]
    for part, report in parts:
        yield (part.process, str(part.number)), _process(part.settings, part.process, report)
    for forwarder in observed.forwarding:
        yield (FORWARDER, "1"), _process(settings, FORWARDER, forwarder)


def _process(settings: Settings, process: str, report: ProcessHealth | None) -> ProcessFigures:
    if report is None:
        last = read_health(health_path(settings, process), ProcessHealth)
        if last is None:
            return ProcessFigures(up=False)
        return ProcessFigures(
            up=False, started_at=last.started_at, updated_at=last.updated_at, last_error_at=last.last_error_at
        )
    memory_bytes, cpu_s = _usage(report.pid)
    return ProcessFigures(
        up=True,
        started_at=report.started_at,
        updated_at=report.updated_at,
        last_error_at=report.last_error_at,
        memory_bytes=memory_bytes,
        cpu_s=cpu_s,
    )


def _usage(pid: int) -> tuple[int | None, float | None]:
    """Return the memory, bytes, and processor time, seconds, of a process; none where it is gone."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return process.memory_info().rss, times.user + times.system
    except psutil.Error:
        return None, None


def _journals(observed: Observed) -> Sequence[Part]:
    """Return a process of each journal that has files here."""
    parts = [part for part, _ in (*observed.collecting, *observed.loading) if part.settings.journal_directory.is_dir()]
    return list({part.number: part for part in parts}.values())


def _journal(part: Part, now_ns: int) -> JournalFigures:
    return JournalFigures(journal_size(part.settings.journal_directory, now_ns=now_ns), now_ns / 1e9)


def _ledger(gaps: GapWatch | None) -> Iterator[tuple[Group[Any], Sequence[Report]]]:
    figures, state = ((), None) if gaps is None else gaps.look()
    oldest: dict[str, float] = {}
    for one in figures:
        if one.oldest_open_s is not None:
            oldest[one.market] = min(one.oldest_open_s, oldest.get(one.market, one.oldest_open_s))
    counts = [((one.market, one.cause, one.status), GapCount(one.gaps, one.missing_trades)) for one in figures]
    yield metrics.GAPS, counts
    yield metrics.OLDEST_GAP, [((market,), OldestGap(time_s)) for market, time_s in oldest.items()]
    yield metrics.DATABASE, [] if state is None else [((), state)]


def _tables(settings: Settings) -> Iterator[tuple[Group[Any], Sequence[Report]]]:
    newest = max(read_samples(settings), key=lambda one: one.time, default=None)
    sizes = {} if newest is None else newest.sizes
    yield metrics.TABLE, [((table,), TableFigure(size_bytes)) for table, size_bytes in sizes.items()]
    yield metrics.TABLES, [] if newest is None else [((), TablesFigures(newest.time / 1e9))]


def _disk(settings: Settings) -> DiskFigures:
    usage = shutil.disk_usage(settings.data_dir)
    return DiskFigures(usage.free, usage.total)
