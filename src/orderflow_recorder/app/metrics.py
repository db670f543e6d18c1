"""Every metric of the recorder: its name, what it says, and where it comes from. docs/metrics.md lists the same.

The processes count as they work and write that down once a second (`app.health`); a metric only reads it. So a scrape
costs the recorder nothing, and a counter begins at zero with its process, as Prometheus expects. Labels are
bounded: symbols are never one.

Names follow Prometheus: base units, ``_total`` for what only grows, ``_timestamp_seconds`` (since the epoch) instead of
ages, so that an age goes on growing when nobody tells it any more: ``time() - …_timestamp_seconds``.
"""

from collections.abc import Sequence
from typing import Any, Final

from orderflow_recorder.app.health import CollectorHealth, ForwarderHealth, LoaderReport, MarketHealth
from orderflow_recorder.app.metric_words import (
    DatabaseFigures,
    DiskFigures,
    GapCount,
    Group,
    JournalFigures,
    Metric,
    OldestGap,
    ProcessFigures,
    RecorderFigures,
    StateFigure,
    TableFigure,
    TablesFigures,
)

_NS: Final = 1e9
_MS: Final = 1e3


def _time(time_ns: int) -> float | None:
    """Return a time as Prometheus takes it, seconds; none for 0, which is never."""
    return time_ns / _NS if time_ns else None


RECORDER: Final = Group[RecorderFigures](
    "The recorder",
    ("instance_id", "version"),
    [Metric("recorder_info", "Always 1; its labels name the recorder.", lambda _: 1)],
)

HEALTH: Final = Group[RecorderFigures](
    "Its health",
    (),
    [
        Metric("ready", "1 if the recorder is well: what /health/ready says.", lambda it: not it.problems),
        Metric("problems", "How many problems /health/ready and `status` name.", lambda it: len(it.problems)),
    ],
)

PROCESS: Final = Group[ProcessFigures](
    "Processes",
    ("process", "shard"),
    [
        Metric("process_up", "1 if the process runs and reported within 10 s.", lambda it: it.up),
        Metric("process_start_timestamp_seconds", "When it started.", lambda it: _time(it.started_at)),
        Metric("process_report_timestamp_seconds", "When it reported last.", lambda it: _time(it.updated_at)),
        Metric(
            "process_last_error_timestamp_seconds",
            "When its newest error was first told; no series before the first one.",
            lambda it: _time(it.last_error_at),
        ),
        Metric("process_resident_memory_bytes", "Memory in use.", lambda it: it.memory_bytes),
        Metric("process_cpu_seconds_total", "Processor time used.", lambda it: it.cpu_s),
    ],
)

STATE: Final = Group[StateFigure](
    "What the collectors do",
    ("shard", "state"),
    [
        Metric(
            "collector_state",
            "1 for what the collector does (recording, asleep, starting, disk_full, stopped), 0 for the others.",
            lambda it: it.value,
        )
    ],
)

MARKET: Final = Group[MarketHealth](
    "Recording, by market",
    ("shard", "market"),
    [
        Metric("frames_total", "Frames received.", lambda it: it.frames),
        Metric("sockets_open", "Sockets that are open.", lambda it: it.connections_open),
        Metric("sockets_wanted", "Sockets there should be.", lambda it: it.connections_wanted),
        Metric("socket_reconnects_total", "Sockets opened again after a loss.", lambda it: it.reconnects),
        Metric("streams", "Streams subscribed.", lambda it: it.streams),
        Metric(
            "streams_silent",
            "Streams that have not sent what they should: past their deadline, though the venue has newer data.",
            lambda it: it.streams_silent,
        ),
        Metric("books_in_step", "Books that are continuous with a snapshot.", lambda it: it.books_synced),
        Metric("books_wanted", "Books that are recorded.", lambda it: it.books_wanted),
        Metric("book_resyncs_total", "Books that had to begin anew with a snapshot.", lambda it: it.resyncs),
        Metric("rest_weight_used", "Request weight in the last minute.", lambda it: it.rest_weight_used),
        Metric(
            "rest_weight_limit", "Request weight this collector may use in a minute.", lambda it: it.rest_weight_limit
        ),
        Metric(
            "clock_offset_seconds",
            "This machine's clock minus the venue's, as measured last (every ten minutes).",
            lambda it: None if it.clock_offset_ms is None else it.clock_offset_ms / _MS,
        ),
        Metric(
            "clock_round_trip_seconds",
            "Round trip of that measurement: half of it is in doubt.",
            lambda it: None if it.clock_round_trip_ms is None else it.clock_round_trip_ms / _MS,
        ),
    ],
)

COLLECTOR: Final = Group[CollectorHealth](
    "Recording",
    ("shard",),
    [
        Metric("frame_bytes_total", "Bytes of the frames received.", lambda it: it.bytes),
        Metric("bad_frames_total", "Frames that are not what the venue documents; kept raw.", lambda it: it.bad_frames),
        Metric("rest_answers_total", "REST answers journaled.", lambda it: it.rest_answers),
        Metric("events_total", "Events of the collector's own journaled.", lambda it: it.events),
        Metric("journal_written_bytes_total", "Bytes appended to the journal.", lambda it: it.journal_bytes),
    ],
)

JOURNAL: Final = Group[JournalFigures](
    "The journal's files",
    ("shard",),
    [
        Metric("journal_segments", "Segment files there are.", lambda it: it.size.segments),
        Metric("journal_size_bytes", "What they take on disk.", lambda it: it.size.bytes),
        Metric(
            "journal_oldest_timestamp_seconds",
            "When the oldest of them was written last; no series without files.",
            lambda it: it.now_s - it.size.oldest_age_s if it.size.segments else None,
        ),
    ],
)

FORWARDER: Final = Group[ForwarderHealth](
    "The forwarder (only with JOURNAL_URL)",
    (),
    [
        Metric("forwarder_connected", "1 while the journal's server takes it.", lambda it: it.figures.connected),
        Metric("forwarder_published_bytes_total", "Bytes of journal published.", lambda it: it.figures.bytes),
        Metric("forwarder_lag_bytes", "Journal that the server does not have yet.", lambda it: it.figures.lag_bytes),
    ],
)

LOADER: Final = Group[LoaderReport](
    "Loading",
    ("shard", "sink"),
    [
        Metric("loader_database_connected", "1 while the loader has its database.", lambda it: it.figures.connected),
        Metric("loader_journal_readable", "0 while the journal's server is away.", lambda it: not it.journal_error),
        Metric("loader_rows_total", "Rows written.", lambda it: it.figures.rows),
        Metric("loader_duplicates_total", "Rows the database had already.", lambda it: it.figures.duplicates),
        Metric("loader_rejected_total", "Records the database refused; on record.", lambda it: it.figures.rejected),
        Metric(
            "loader_unparsable_total",
            "Journal entries that are not what the venue documents; on record.",
            lambda it: it.figures.unparsable,
        ),
        Metric(
            "loader_batches_total", "Batches written: rows by batches is a batch's size.", lambda it: it.figures.batches
        ),
        Metric("loader_read_bytes_total", "Bytes of journal in those batches.", lambda it: it.figures.loaded_bytes),
        Metric("loader_reconnects_total", "Times the database was opened again.", lambda it: it.figures.reconnects),
        Metric("loader_lag_bytes", "Journal that the database does not have yet.", lambda it: it.figures.lag_bytes),
        Metric(
            "loader_lag_seconds",
            "Age of the newest entry that the database has, while there are newer ones; 0 at the journal's end.",
            lambda it: it.figures.lag_seconds,
        ),
        Metric(
            "loader_written_timestamp_seconds",
            "When the newest entry that the database has was received; no series before the first batch.",
            lambda it: _time(it.figures.last_written_at),
        ),
        Metric("loader_pending_rows", "Rows of the batch that is being filled.", lambda it: it.figures.pending_rows),
        Metric("loader_pending_bytes", "Bytes of journal in that batch.", lambda it: it.figures.pending_bytes),
    ],
)

GAPS: Final = Group[GapCount](
    "The gap ledger, of everybody who writes to the database",
    ("market", "cause", "status"),
    [
        Metric("gaps", "Gaps on record.", lambda it: it.gaps),
        Metric("gap_missing_trades", "Trades and aggregate trades in those gaps, by id.", lambda it: it.missing_trades),
    ],
)

OLDEST_GAP: Final = Group[OldestGap](
    "Gaps that can be healed",
    ("market",),
    [
        Metric(
            "open_gap_oldest_timestamp_seconds",
            "When the oldest open gap began, wanted ones (cause window, unsubscribed) aside; no series without any.",
            lambda it: it.time_s,
        )
    ],
)

DATABASE: Final = Group[DatabaseFigures](
    "Reading the ledger (every 15 s at most, while somebody scrapes)",
    (),
    [
        Metric("ledger_readable", "1 if the database answered when the ledger was read last.", lambda it: it.answers),
        Metric(
            "ledger_read_timestamp_seconds",
            "Of when the figures of gaps are; no series before the first.",
            lambda it: it.read_at_s,
        ),
    ],
)

TABLE: Final = Group[TableFigure](
    "Storage, measured every hour",
    ("table",),
    [Metric("table_size_bytes", "What the table takes on disk, with its indexes.", lambda it: it.size_bytes)],
)

TABLES: Final = Group[TablesFigures](
    "Storage, measured every hour",
    (),
    [Metric("tables_measured_timestamp_seconds", "When that was measured.", lambda it: it.measured_at_s)],
)

DISK: Final = Group[DiskFigures](
    "The disk of DATA_DIR",
    (),
    [
        Metric("disk_free_bytes", "Free to the recorder.", lambda it: it.free_bytes),
        Metric("disk_size_bytes", "Of the whole disk.", lambda it: it.size_bytes),
    ],
)

GROUPS: Final[Sequence[Group[Any]]] = (
    RECORDER,
    HEALTH,
    PROCESS,
    STATE,
    MARKET,
    COLLECTOR,
    JOURNAL,
    FORWARDER,
    LOADER,
    GAPS,
    OLDEST_GAP,
    DATABASE,
    TABLE,
    TABLES,
    DISK,
)
"""All of them, in the order in which they are told."""
