"""Which messages may go: every sink has passed them, and they are old enough."""

from collections.abc import Collection
from typing import Final

from orderflow_recorder.journal.jetstream.address import consumer_name
from orderflow_recorder.journal.jetstream.link import Link
from orderflow_recorder.journal.jetstream.progress import passed

_NS_PER_HOUR: Final = 3_600_000_000_000


async def purge_passed(link: Link, *, sinks: Collection[str], now_ns: int, retention_hours: float) -> int:
    """Delete messages that may go, never the newest: it says how far the spool was published.

    Args:
        link: The stream.
        sinks: Who must have passed a message; where one has no consumer yet, nothing is deleted.
        now_ns: ns since the epoch.
        retention_hours: How long a message is kept after it was published.

    Returns:
        How many messages were deleted.
    """
    floors = {consumer.name: passed(consumer) for consumer in await link.manager.consumers_info(link.stream)}
    if not all(consumer_name(sink) in floors for sink in sinks):
        return 0
    state = await link.state()
    first, end = state.first_seq, min(min(floors[consumer_name(sink)] for sink in sinks) + 1, state.last_seq)
    oldest_kept = now_ns - retention_hours * _NS_PER_HOUR
    if first >= end or (await link.stamp(first)).time >= oldest_kept:
        return 0
    keep = await link.first_where(first + 1, end, lambda stamp: stamp.time >= oldest_kept)
    await link.manager.purge_stream(link.stream, seq=keep)
    return keep - first
