"""Which segments may go: every sink has passed them, and they are old enough."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

import msgspec

from orderflow_recorder.domain.positions import Position
from orderflow_recorder.journal.segments import find_segments, segment_path, sync_directory

_NS_PER_HOUR: Final = 3_600_000_000_000
_NS_PER_S: Final = 1_000_000_000


class JournalSize(msgspec.Struct, frozen=True):
    """How much journal there is.

    Attributes:
        segments: Number of segment files.
        bytes: Their size on disk.
        oldest_age_s: Seconds since the oldest segment was last written; 0 without segments.
    """

    segments: int
    bytes: int
    oldest_age_s: float


class SinkPositions:
    """Where one loader tells the journal's owner how far its sink is, durably.

    The sink's own position is the truth; this copy only keeps segments from being deleted too early.
    A sink that starts again from the beginning says so here, and its segments are kept for it.
    """

    def __init__(self, directory: Path, sink: str) -> None:
        """Create ``directory/sinks``; the position goes to ``<sink>.json`` in it."""
        self._path = directory / "sinks" / f"{sink}.json"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._published: Position | None = None

    def publish(self, position: Position) -> None:
        """Replace the published position in one step, so that a reader sees the old or the new one."""
        if position == self._published:
            return
        draft = self._path.with_suffix(".tmp")
        draft.write_bytes(msgspec.json.encode(position))
        draft.replace(self._path)
        self._published = position


def forget_sink(directory: Path, sink: str) -> None:
    """Forget a sink that there is no more: where it stood must not count should there be one of its name again."""
    (directory / "sinks" / f"{sink}.json").unlink(missing_ok=True)


def read_sink_positions(directory: Path) -> dict[str, Position]:
    """Return the position of every sink that published one; a damaged file counts as none.

    Args:
        directory: The journal's directory.
    """
    positions: dict[str, Position] = {}
    for path in sorted((directory / "sinks").glob("*.json")):
        try:
            positions[path.stem] = msgspec.json.decode(path.read_bytes(), type=Position)
        except (msgspec.DecodeError, FileNotFoundError):
            continue  # without a position nothing is deleted, which is the safe side
    return positions


def expired_segments(
    written_at: Mapping[int, int],
    positions: Mapping[str, Position],
    *,
    required: Collection[str],
    now_ns: int,
    retention_hours: float,
) -> list[int]:
    """Decide which segments may be deleted.

    A segment is passed when the sink stands in a later one: a position at a segment's end could not be
    told from one within it once the file is gone.

    Args:
        written_at: When each segment was last written, ns since the epoch, by number.
        positions: Where the sinks stand.
        required: Sinks that must have passed a segment; one without a position keeps everything.
        now_ns: ns since the epoch.
        retention_hours: How long a segment is kept after its last write.

    Returns:
        Numbers in ascending order, never the newest.
    """
    if any(sink not in positions for sink in required):
        return []
    passed = min((positions[sink].segment for sink in required), default=max(written_at, default=0))
    oldest_kept = now_ns - retention_hours * _NS_PER_HOUR
    newest = max(written_at, default=0)
    return [
        number
        for number, written in sorted(written_at.items())
        if number < passed and number != newest and written < oldest_kept
    ]


def delete_expired(directory: Path, *, required: Collection[str], now_ns: int, retention_hours: float) -> list[int]:
    """Delete the segments that may go.

    Args:
        directory: The journal's directory.
        required: Sinks that must have passed a segment.
        now_ns: ns since the epoch.
        retention_hours: How long a segment is kept after its last write.

    Returns:
        Numbers of the deleted segments.
    """
    written_at = {number: status.st_mtime_ns for number, status in _statuses(directory).items()}
    numbers = expired_segments(
        written_at, read_sink_positions(directory), required=required, now_ns=now_ns, retention_hours=retention_hours
    )
    for number in numbers:
        plain = segment_path(directory, number)
        plain.unlink(missing_ok=True)
        plain.with_name(plain.name + ".gz").unlink(missing_ok=True)
    if numbers:
        sync_directory(directory)
    return numbers


def journal_size(directory: Path, *, now_ns: int) -> JournalSize:
    """Measure the journal.

    Args:
        directory: The journal's directory.
        now_ns: ns since the epoch.
    """
    statuses = _statuses(directory)
    oldest = min((status.st_mtime_ns for status in statuses.values()), default=now_ns)
    return JournalSize(
        segments=len(statuses),
        bytes=sum(status.st_size for status in statuses.values()),
        oldest_age_s=max(0, now_ns - oldest) / _NS_PER_S,
    )


def _statuses(directory: Path) -> dict[int, os.stat_result]:
    statuses = {}
    for number, path in find_segments(directory).items():
        try:
            statuses[number] = path.stat()
        except FileNotFoundError:
            continue  # deleted or compressed since the listing
    return statuses
