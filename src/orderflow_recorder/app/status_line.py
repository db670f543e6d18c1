"""The live figures of a recorder, in two calm lines."""

from datetime import UTC, datetime

from orderflow_recorder.app.health import CollectorHealth, LoaderReport, is_fresh
from orderflow_recorder.core.clock_quality import OFFSET_LIMIT_MS

_UNITS = ("B", "kB", "MB", "GB", "TB")
_STEP = 1000


def status_lines(
    collector: CollectorHealth | None, loader: LoaderReport | None, now_ns: int, *, only: str | None = None
) -> list[str]:
    """Return one line for the collector and one for the loader.

    Args:
        collector: Its newest health, if there is any.
        loader: Its newest health, if there is any.
        now_ns: Wall time, ns since the epoch.
        only: ``collector`` or ``loader`` where that half alone runs here.
    """
    lines = {"collector": _collector_line(collector, now_ns), "loader": _loader_line(loader, now_ns)}
    return [line for half, line in lines.items() if only in {None, half}]


def _collector_line(health: CollectorHealth | None, now_ns: int) -> str:
    if health is None or not is_fresh(health, now_ns):
        return "collector  not running"
    if health.asleep_until is not None:
        opens = datetime.fromtimestamp(health.asleep_until / 1e9, UTC)
        return f"collector  asleep until {opens:%Y-%m-%d %H:%M} UTC: outside of the recording window"
    remarks = {
        "added": health.streams_added,
        "removed": health.streams_removed,
        "refused": health.streams_refused,
        "silent": health.streams_silent,
    }
    said = ", ".join(f"{count:,} {word}" for word, count in remarks.items() if count)
    remark = f" ({said})" if said else ""
    parts = [
        f"collector  {health.ingestion} {duration(now_ns - health.started_at)}",
        f"{health.frames_per_s:,.0f} frames/s",
        f"{health.frames:,} frames",
        f"sockets {health.connections_open}/{health.connections_wanted}",
        f"streams {health.streams:,}{remark}",
        f"books {health.books_synced:,}/{health.books_wanted:,}",
    ]
    if health.bad_frames:
        parts.append(f"bad frames {health.bad_frames:,}")
    offsets = [market.clock_offset_ms for market in health.markets.values() if market.clock_offset_ms is not None]
    if any(abs(offset) > OFFSET_LIMIT_MS for offset in offsets):
        parts.append(f"clock off by {max(offsets, key=abs):+,.0f} ms")
    return " · ".join(parts)


def _loader_line(health: LoaderReport | None, now_ns: int) -> str:
    if health is None or not is_fresh(health, now_ns):
        return "database   loader not running"
    figures = health.figures
    state = "loading" if figures.connected else "unreachable, trying again" if figures.last_error else "connecting"
    parts = [
        f"database   {state}",
        f"{health.rows_per_s:,.0f} rows/s",
        f"{figures.rows:,} rows",
        f"{size(figures.lag_bytes)} of journal to load",
    ]
    if figures.rejected or figures.unparsable:
        parts.append(f"refused {figures.rejected:,}, unparsable {figures.unparsable:,}")
    return " · ".join(parts)


def clock_text(health: CollectorHealth) -> str:
    """Return how far this machine's clock is from each market's, e.g. ``spot +12 ms (± 3)``; empty if not known."""
    return " · ".join(
        f"{name} {market.clock_offset_ms:+,.0f} ms (± {(market.clock_round_trip_ms or 0) / 2:,.0f})"
        for name, market in health.markets.items()
        if market.clock_offset_ms is not None
    )


def size(count: float) -> str:
    """Return a number of bytes for people, e.g. ``1.2 MB``."""
    for unit in _UNITS:
        if count < _STEP or unit == _UNITS[-1]:
            break
        count /= _STEP
    return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"


def duration(nanoseconds: int) -> str:
    """Return a span for people, e.g. ``1:02:03``."""
    minutes, seconds = divmod(max(nanoseconds, 0) // 1_000_000_000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
