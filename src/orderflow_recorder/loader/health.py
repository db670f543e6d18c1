"""What a loader says of itself."""

import msgspec

from orderflow_recorder.domain.positions import JOURNAL_START, Position


class LoaderHealth(msgspec.Struct, frozen=True, kw_only=True):
    """Figures since the loader started.

    Attributes:
        connected: Whether the sink is open.
        position: How far the sink has the journal.
        rows: Written.
        duplicates: Rows the sink had already.
        rejected: Records the sink refused.
        unparsable: Entries that are not what the venue documents.
        batches: Written.
        reconnects: Times the sink had to be opened again.
        loaded_bytes: Of the journal, in those batches.
        pending_rows: Read, and in no batch that is written or being written.
        pending_bytes: Of the journal that those came from.
        last_written_at: Receive time of the newest entry that the sink has, ns; 0 before the first.
        lag_bytes: Journal that the sink does not have yet.
        lag_seconds: Age of the last entry written while there is journal left to read; 0 at its end.
        last_error: Newest thing that went wrong; empty if nothing has.
    """

    connected: bool = False
    position: Position = JOURNAL_START
    rows: int = 0
    duplicates: int = 0
    rejected: int = 0
    unparsable: int = 0
    batches: int = 0
    reconnects: int = 0
    loaded_bytes: int = 0
    pending_rows: int = 0
    pending_bytes: int = 0
    last_written_at: int = 0
    lag_bytes: int = 0
    lag_seconds: float = 0.0
    last_error: str = ""
