"""The ledger's rows: locked and loaded, and written back."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import msgspec
import psycopg

from orderflow_recorder.core.causes import INTERRUPTIONS, PlacedEvent
from orderflow_recorder.core.intervals import Interval
from orderflow_recorder.core.ledger import Cover, Entry, Origin, StoredEntry
from orderflow_recorder.core.shards import WHOLE, Shard, family, place_of
from orderflow_recorder.core.timed_ledger import HighWater, Outage
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.gaps import GapCause, GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres import ledger_queries as queries
from orderflow_recorder.postgres.array_text import array_text
from orderflow_recorder.postgres.copy_text import timestamp
from orderflow_recorder.postgres.ledger_streams import StreamKey

Newest: TypeAlias = tuple[int | None, int | None, int]
"""How far a stream is recorded: its last id, or last key, and when that was received (ns, cut to µs)."""

_MICROSECOND_NS: Final = 1000


class Coverage(msgspec.Struct, frozen=True):
    """A row of ``coverage``: one of the two, or neither if nothing was recorded yet."""

    cover: Cover | None = None
    mark: HighWater | None = None

    @property
    def newest(self) -> Newest:
        """Return how far the stream is recorded."""
        if self.cover is not None:
            return self.cover.last, None, self.cover.last_time
        return (None, None, 0) if self.mark is None else (None, self.mark.key, self.mark.last_time)

    def advanced(self, newest: Newest, first: int, began: int) -> "Coverage":
        """Return it with what goes on to ``newest``.

        Args:
            newest: Where it ends.
            first: First id of it; counts if nothing was recorded yet, as does ``began``.
            began: When that was received, ns.
        """
        last_id, last_key, ended = newest
        if last_id is not None:
            cover = self.cover or Cover(first, first, began, began)
            return Coverage(Cover(cover.first, last_id, cover.first_time, ended))
        if last_key is not None:
            return Coverage(mark=HighWater(last_key, began if self.mark is None else self.mark.first_time, ended))
        return self


class GapWrite(msgspec.Struct, frozen=True):
    """An entry, or an outage, of one stream that is to be written.

    Attributes:
        key: The stream.
        entry: What to write.
        gap_id: The row to change; none for a new one.
    """

    key: StreamKey
    entry: Entry
    gap_id: int | None = None


def create_coverage(cursor: psycopg.Cursor[Any], wanted: Sequence[tuple[StreamKey, int]]) -> None:
    """Create the rows that are missing.

    Args:
        cursor: In a transaction.
        wanted: Streams in order, each with a receive time (ns) to fill in.
    """
    rows = [_Wanted(*key, place, time=timestamp(time)) for place, (key, time) in enumerate(wanted)]
    cursor.execute(queries.CREATE_COVERAGE, _rows(rows))


def lock_coverage(cursor: psycopg.Cursor[Any], keys: Sequence[StreamKey]) -> dict[StreamKey, Coverage]:
    """Lock and return the rows of ``keys``, which are in order; nobody else writes these streams until the commit."""
    found = {}
    cursor.execute(queries.LOCK_COVERAGE, _rows([_Wanted(*key, place) for place, key in enumerate(keys)]))
    for place, first_id, last_id, last_key, first_time, last_time in cursor:
        cover = None if last_id is None else Cover(first_id, last_id, first_time, last_time)
        mark = None if last_key is None else HighWater(last_key, first_time, last_time)
        found[keys[place]] = Coverage(cover, mark)
    return found


def update_coverage(cursor: psycopg.Cursor[Any], rows: dict[StreamKey, Coverage]) -> None:
    """Write rows that are locked."""
    if rows:
        cursor.execute(queries.UPDATE_COVERAGE, _rows([_ends(key, row) for key, row in rows.items()]))


def advance_coverage(
    cursor: psycopg.Cursor[Any], known: Mapping[StreamKey, Newest], newest: Mapping[StreamKey, Newest]
) -> bool:
    """Write rows that nobody has locked, if they are as expected; waits for nobody.

    Args:
        cursor: In the transaction.
        known: What is expected, of these streams and others.
        newest: What becomes of it.

    Returns:
        False if one of them is not as expected, or held: then others may be written and locked, in no order.
    """
    before = [known[key] for key in newest]
    parameters = {
        "markets": array_text([market for market, _, _ in newest]),
        "symbols": array_text([symbol for _, symbol, _ in newest]),
        "streams": array_text([stream for _, _, stream in newest]),
        "known_ids": array_text([last_id for last_id, _, _ in before]),
        "known_keys": array_text([last_key for _, last_key, _ in before]),
        "ids": array_text([last_id for last_id, _, _ in newest.values()]),
        "keys": array_text([last_key for _, last_key, _ in newest.values()]),
        "microseconds": array_text([time // _MICROSECOND_NS for _, _, time in newest.values()]),
    }
    return cursor.execute(queries.ADVANCE_COVERAGE, parameters).rowcount == len(newest)


def delete_unused_coverage(cursor: psycopg.Cursor[Any], keys: Sequence[StreamKey]) -> None:
    """Delete rows that `create_coverage` made in this transaction and that nothing was recorded of."""
    if keys:
        cursor.execute(queries.DELETE_UNUSED_COVERAGE, _rows([_Wanted(*key, 0) for key in keys]))


def load_gaps(cursor: psycopg.Cursor[Any], wanted: dict[StreamKey, Interval]) -> dict[StreamKey, list[StoredEntry]]:
    """Return the entries that overlap or touch the ids wanted of each stream."""
    found: defaultdict[StreamKey, list[StoredEntry]] = defaultdict(list)
    if not wanted:
        return found
    ranges = [_Ends(*key, first_id=ids.first - 1, last_id=ids.last + 1) for key, ids in wanted.items()]
    cursor.execute(queries.LOAD_GAPS, _rows(ranges))
    for market, symbol, stream, gap_id, first, last, *rest in cursor:
        opened_at, from_time, to_time, cause, instance, status, reason, healed_at, healed_by = rest
        origin = Origin(opened_at, from_time, to_time, GapCause(cause), instance)
        entry = Entry(Interval(first, last), origin, GapStatus(status), reason, healed_at, healed_by)
        found[Market(market), symbol, stream].append(StoredEntry(gap_id, entry))
    return found


def write_gaps(cursor: psycopg.Cursor[Any], removed: Sequence[int], writes: Sequence[GapWrite]) -> None:
    """Delete, change and add entries."""
    if removed:
        cursor.execute(queries.DELETE_GAPS, (list(removed),))
    if changed := [_gap_row(one) for one in writes if one.gap_id is not None]:
        cursor.executemany(queries.UPDATE_GAP, changed)
    if added := [_gap_row(one) for one in writes if one.gap_id is None]:
        cursor.executemany(queries.INSERT_GAP, added)


def write_outages(
    cursor: psycopg.Cursor[Any], instance: str, outages: Sequence[tuple[StreamKey, Outage, str | None]]
) -> None:
    """Add the times that streams without ids were not recorded in, each with why nobody has what was missed."""
    if not outages:
        return
    nothing = {"first_missing_id": None, "last_missing_id": None, "healed_at": None, "healed_by": None}
    cursor.executemany(
        queries.INSERT_GAP,
        [
            nothing
            | _key(key)
            | {
                "from_time": timestamp(outage.from_time),
                "to_time": timestamp(outage.to_time),
                "opened_at": timestamp(outage.to_time),
                "cause": str(outage.cause),
                "status": str(GapStatus.OPEN if reason is None else GapStatus.UNRECOVERABLE),
                "reason": reason,
                "instance": instance,
            }
            for key, outage, reason in outages
        ],
    )


def load_events(cursor: psycopg.Cursor[Any], instance: str, since: int) -> list[PlacedEvent]:
    """Return what may be a cause in the journal ``instance``, from ``since`` (ns) on, and what sockets carried.

    Told by this journal's collector, or by the recorder's others, of the symbols that they had then.
    """
    instances = list({instance, *family(instance)})
    parameters = {"instances": instances, "since": timestamp(since), "kinds": list(map(str, INTERRUPTIONS))}
    cursor.execute(queries.LOAD_EVENTS, parameters)
    found = []
    for time, event, teller, run_id, market, symbol, connection, detail, count in cursor:
        shard = WHOLE if teller == instance else _shard(teller, count)
        if shard is not None:
            where = None if market is None else Market(market)
            told = RecorderEvent(time, EventKind(event), teller, run_id, where, symbol, connection, detail=detail)
            found.append(PlacedEvent(told, shard=shard))
    return found


def last_interruption(connection: psycopg.Connection[Any], instance: str) -> int:
    """Return when ``instance`` last said something that may be a cause, ns; 0 if it never did."""
    parameters = {"instance": instance, "kinds": list(map(str, INTERRUPTIONS))}
    row = connection.execute(queries.LAST_EVENT, parameters).fetchone()
    return 0 if row is None else int(row[0])


def _shard(instance: str, count: str | None) -> Shard | None:
    """Return which symbols a collector had in a run of so many; none if nobody knows."""
    _, number = place_of(instance)
    known = int(count) if count is not None and count.isdecimal() else 1
    return Shard(number, known) if number <= known else None


class _Wanted(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A stream as a row of a query's parameter, with its place among them."""

    market: Market
    symbol: str
    stream: str
    place: int
    time: str | None = None


class _Ends(msgspec.Struct, frozen=True, gc=False):
    """What was recorded of a stream, or ids of it, as a row of a query's parameter."""

    market: Market
    symbol: str
    stream: str
    first_id: int | None = None
    last_id: int | None = None
    last_key: int | None = None
    first_time: str | None = None
    last_time: str | None = None


def _rows(rows: Sequence[_Wanted | _Ends]) -> dict[str, str]:
    """Return ``rows`` as the parameter of a query."""
    return {"rows": msgspec.json.encode(rows).decode()}


def _key(key: StreamKey) -> dict[str, Any]:
    return {"market": str(key[0]), "symbol": key[1], "stream": key[2]}


def _ends(key: StreamKey, row: Coverage) -> _Ends:
    cover, mark = row.cover, row.mark
    if cover is not None:
        times = timestamp(cover.first_time), timestamp(cover.last_time)
        return _Ends(*key, cover.first, cover.last, None, *times)
    if mark is not None:
        return _Ends(*key, None, None, mark.key, timestamp(mark.first_time), timestamp(mark.last_time))
    message = "expected what was recorded of each stream, received a stream without"
    raise ValueError(message)


def _gap_row(write: GapWrite) -> dict[str, Any]:
    entry, origin = write.entry, write.entry.origin
    return _key(write.key) | {
        "gap_id": write.gap_id,
        "first_missing_id": entry.ids.first,
        "last_missing_id": entry.ids.last,
        "from_time": timestamp(origin.from_time),
        "to_time": timestamp(origin.to_time),
        "cause": str(origin.cause),
        "status": str(entry.status),
        "opened_at": timestamp(origin.opened_at),
        "healed_at": None if entry.healed_at is None else timestamp(entry.healed_at),
        "healed_by": entry.healed_by,
        "instance": origin.instance,
        "reason": entry.reason,
    }
