"""What the recorder says of itself: journal entries that become rows of ``sync_events``."""

from enum import StrEnum
from typing import Any

import msgspec

from orderflow_recorder.domain.market import Market


class EventKind(StrEnum):
    """Every event there is. ``detail`` is described beside each."""

    RUN_STARTED = "run_started"
    """version, settings (no secrets)."""
    RUN_STOPPED = "run_stopped"
    """reason."""
    TORN_TAIL_CUT = "torn_tail_cut"
    """segment, offset, bytes: an incomplete last line left by a crash."""
    DISK_FULL = "disk_full"
    """path, free_bytes, needed_bytes: ingestion stopped at this time."""
    INGESTION_RESUMED = "ingestion_resumed"
    """stopped_at (ns): frames between then and now were not received."""
    CONNECTED = "connected"
    """route, url, streams (list of wire names)."""
    CONNECT_FAILED = "connect_failed"
    """route, url, reason, retry_s."""
    DISCONNECTED = "disconnected"
    """route, reason, streams, frames."""
    STALLED = "stalled"
    """route, silent_s: connected, silent, and the venue has newer data."""
    STREAM_SILENT = "stream_silent"
    """route, streams, waited_s: no first frame though the venue should send."""
    SUBSCRIBED = "subscribed"
    """streams: added to an open socket."""
    UNSUBSCRIBED = "unsubscribed"
    """streams."""
    STREAMS_ADDED = "streams_added"
    """streams, asked_at (ns): recorded because somebody asked for it then; said again by each run."""
    STREAMS_REMOVED = "streams_removed"
    """streams, asked_at (ns): not recorded because somebody asked for that then; said again by each run."""
    STREAMS_REFUSED = "streams_refused"
    """streams, reason: asked for, and not recorded."""
    SUBSCRIBE_REJECTED = "subscribe_rejected"
    """code, message."""
    SERVER_SHUTDOWN = "server_shutdown"
    """route: the venue announced that it closes this socket."""
    ROTATED = "rotated"
    """route, from_connection, to_connection, overlap_s."""
    SYMBOL_LISTED = "symbol_listed"
    SYMBOL_DELISTED = "symbol_delisted"
    """status."""
    SYMBOL_UNKNOWN = "symbol_unknown"
    """A configured symbol that exchangeInfo does not list."""
    SNAPSHOT_REQUESTED = "snapshot_requested"
    """attempt."""
    SNAPSHOT_FAILED = "snapshot_failed"
    """reason, retry_s."""
    SNAPSHOT_STALE = "snapshot_stale"
    """last_update_id, first_buffered_update_id."""
    BOOK_SYNCED = "book_synced"
    """last_update_id, first_final_update_id: a new epoch begins."""
    BOOK_GAP = "book_gap"
    """after_update_id, next_update_id: the epoch ended here."""
    HEAL_REFUSED = "heal_refused"
    """stream, first_id, last_id, reason: no source has these ids."""
    WINDOW_CLOSED = "window_closed"
    """until (ns): recording pauses as configured."""
    WINDOW_OPENED = "window_opened"
    """closed_at (ns)."""
    HOST_ASLEEP = "host_asleep"
    """from_time, to_time (ns): the process stood still between the two."""
    CLOCK_OFFSET = "clock_offset"
    """offset_ms (ours minus the venue's), round_trip_ms: measured by REST time."""
    RATE_LIMITED = "rate_limited"
    """status, retry_s: 429 or 418."""
    SEGMENTS_SKIPPED = "segments_skipped"
    """first_segment, last_segment: gone from the journal before this sink had read them."""
    UNPARSABLE_FRAME = "unparsable_frame"
    """reason, stream (if known), segment, offset: the raw frame is in the journal there."""


class RecorderEvent(msgspec.Struct, frozen=True):
    """One event.

    Attributes:
        time: ns since the epoch.
        event: What happened.
        instance: ``INSTANCE_ID`` of the recorder.
        run_id: UUID text of the run.
        market: Where, if it concerns one market.
        symbol: Upper case, if it concerns one symbol.
        connection: Number of the socket within the run, if it concerns one.
        epoch: Book epoch within the run, for book events.
        detail: JSON object, see `EventKind`.
    """

    time: int
    event: EventKind
    instance: str = ""
    run_id: str = ""
    market: Market | None = None
    symbol: str | None = None
    connection: int | None = None
    epoch: int | None = None
    detail: dict[str, Any] = {}
