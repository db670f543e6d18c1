"""What each process says of itself, once a second, in a file that others may read at any time.

``DATA_DIR/run/<instance>/<process>.json``, replaced as a whole, so that a reader sees one state or the
next, never half of one. The status line and the ``status`` command read these files.
"""

from pathlib import Path
from typing import Final, TypeVar

import msgspec

from orderflow_recorder.journal.jetstream.forwarder import ForwarderFigures
from orderflow_recorder.loader.health import LoaderHealth

FRESH_S: Final = 10.0
"""A process that wrote nothing for so many seconds is not well: it writes every second."""

HealthT = TypeVar("HealthT", bound="ProcessHealth")


class ProcessHealth(msgspec.Struct, frozen=True, kw_only=True):
    """What every process reports.

    Attributes:
        pid: Of the process.
        started_at: Wall time, ns since the epoch.
        updated_at: Wall time of this report, ns.
        last_error: Newest thing that went wrong; empty if nothing has.
    """

    pid: int
    started_at: int
    updated_at: int
    last_error: str = ""


class SupervisorHealth(ProcessHealth, frozen=True, kw_only=True):
    """The supervisor.

    Attributes:
        parts: Names of the processes that it keeps running.
    """

    parts: tuple[str, ...] = ()


class MarketHealth(msgspec.Struct, frozen=True, kw_only=True):
    """One market of the collector; see `CollectorHealth` for the words.

    Attributes:
        clock_offset_ms: This machine's clock minus the venue's; none before it was measured.
        clock_round_trip_ms: Of that measurement: half of it is in doubt.
    """

    frames: int = 0
    frames_per_s: float = 0.0
    connections_open: int = 0
    connections_wanted: int = 0
    streams: int = 0
    streams_silent: int = 0
    books_synced: int = 0
    books_wanted: int = 0
    rest_weight_used: int = 0
    clock_offset_ms: float | None = None
    clock_round_trip_ms: float | None = None


class CollectorHealth(ProcessHealth, frozen=True, kw_only=True):
    """The collector.

    Attributes:
        frames: Received since the process started.
        frames_per_s: Over the last seconds.
        bytes: Of those frames.
        connections_open: Sockets that are open.
        connections_wanted: Sockets there should be.
        streams: Subscribed.
        streams_silent: Past their first-frame deadline.
        streams_added: Recorded because that was asked of the running recorder.
        streams_removed: Not recorded for the same reason.
        streams_refused: Asked for, and not recorded; `SubscriptionState`.
        wishes_error: Why it cannot be read what streams were asked for last; empty if it can.
        books_synced: Symbols whose book is continuous with a snapshot.
        books_wanted: Symbols whose depth is recorded.
        reconnects: Sockets opened again after a loss.
        resyncs: Books that had to begin a new epoch.
        bad_frames: Frames that are not what the venue documents.
        rest_weight_used: Of the current minute, by market.
        journal_segment: Number of the segment being written.
        journal_bytes: Appended since the process started.
        ingestion: ``recording``, ``asleep`` outside of the recording window, or what is wrong, e.g. ``disk full``.
        asleep_until: When the recording window opens, ns since the epoch; none while it is open.
        markets: The same by market.
    """

    frames: int = 0
    frames_per_s: float = 0.0
    bytes: int = 0
    connections_open: int = 0
    connections_wanted: int = 0
    streams: int = 0
    streams_silent: int = 0
    streams_added: int = 0
    streams_removed: int = 0
    streams_refused: int = 0
    wishes_error: str = ""
    books_synced: int = 0
    books_wanted: int = 0
    reconnects: int = 0
    resyncs: int = 0
    bad_frames: int = 0
    rest_weight_used: dict[str, int] = {}
    journal_segment: int = 0
    journal_bytes: int = 0
    ingestion: str = "starting"
    asleep_until: int | None = None
    markets: dict[str, MarketHealth] = {}


class ForwarderHealth(ProcessHealth, frozen=True, kw_only=True):
    """The forwarder, where there is a journal's server.

    Attributes:
        figures: What it counts.
    """

    figures: ForwarderFigures = ForwarderFigures()


class LoaderReport(ProcessHealth, frozen=True, kw_only=True):
    """One loader.

    Attributes:
        sink: Name of the sink.
        journal_error: Why nothing comes from the journal's server; empty while it answers, and for local files.
        journal: Instance whose journal it loads.
        rows_per_s: Over the last second.
        figures: What its loop counts.
    """

    sink: str
    journal_error: str = ""
    journal: str = ""
    rows_per_s: float = 0.0
    figures: LoaderHealth = LoaderHealth()


def write_health(path: Path, health: ProcessHealth) -> None:
    """Replace the report at ``path``.

    Raises:
        OSError: The disk is full or read-only.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp")
    scratch.write_bytes(msgspec.json.encode(health))
    scratch.replace(path)


def read_health(path: Path, kind: type[HealthT]) -> HealthT | None:
    """Return the report at ``path``; none if there is none that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (OSError, msgspec.DecodeError):
        return None


def is_fresh(health: ProcessHealth, now_ns: int) -> bool:
    """Say whether ``health`` is young enough to be trusted at ``now_ns``."""
    return (now_ns - health.updated_at) / 1e9 < FRESH_S
