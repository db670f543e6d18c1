"""What can be done for a batch before the database is asked: sorted by stream, and rows as COPY takes them.

Nearly always every row of a batch is new; then what was encoded here is what is copied. So a loader may do this in
the thread that reads, while another one waits for the server with the batch before.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from orderflow_recorder.ports.sink import Batch
from orderflow_recorder.postgres.copy_text import LAYOUTS
from orderflow_recorder.postgres.ledger_streams import StreamKey, StreamRecords, by_stream


class Prepared(msgspec.Struct, frozen=True):
    """A batch, sorted and encoded.

    Attributes:
        streams: Its records by stream, in key order.
        others: The others by type.
        rows: By record type, all rows of the type's table, in the order of ``streams`` and then ``others``.
        encoded: The same as COPY takes them; missing where one of them has no such form.
    """

    streams: Mapping[StreamKey, StreamRecords]
    others: Mapping[type[msgspec.Struct], Sequence[Any]]
    rows: Mapping[type[msgspec.Struct], Sequence[Any]]
    encoded: Mapping[type[msgspec.Struct], bytes]


def prepared(batch: Batch) -> Prepared:
    """Return what was prepared of ``batch``, or prepare it."""
    if isinstance(batch.ready, Prepared):
        return batch.ready
    streams, others = by_stream(batch.records)
    rows = defaultdict[type[msgspec.Struct], list[Any]](list)
    for records in streams.values():
        rows[records.table] += records.rows()
    for kind, more in others.items():
        if kind in LAYOUTS:
            rows[kind] += more
    encoded = {}
    for kind, found in rows.items():
        try:
            encoded[kind] = LAYOUTS[kind].encode(found)
        except (ValueError, TypeError):
            continue  # the straight way will meet it again, and the careful way find it
    return Prepared(streams, others, rows, encoded)
