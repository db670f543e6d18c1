"""The ledger of one batch, inside its transaction.

Lock the streams' ``coverage`` rows, look at what the batch brings, and say what of it is new, what
is missing now, what is missing no more. A stream whose ids just go on costs no query and no object a
row; everything else goes through the pure `StreamLedger` and `TimedLedger`.

Where all streams just go on, as seen from what the sink itself wrote last, not even a look is needed: one
statement locks and moves their rows if they still are what they are taken for.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property, partial
from itertools import pairwise
from typing import Any, Final

import msgspec
import psycopg

from orderflow_recorder.core.causes import INTERRUPTIONS, SUBSCRIPTIONS, Causes, PlacedEvent
from orderflow_recorder.core.ledger import LedgerStep, StreamLedger
from orderflow_recorder.core.timed_ledger import Outage, TimedLedger
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.gaps import no_source
from orderflow_recorder.domain.records import AggTrade, Trade
from orderflow_recorder.ports.sink import Batch
from orderflow_recorder.postgres import ledger_store as store
from orderflow_recorder.postgres.ledger_look import Look, cut
from orderflow_recorder.postgres.ledger_refusals import refusals
from orderflow_recorder.postgres.ledger_store import Coverage, GapWrite, Newest
from orderflow_recorder.postgres.ledger_streams import StreamKey, StreamRecords, places
from orderflow_recorder.postgres.prepared import Prepared

_TOLD: Final = frozenset({*INTERRUPTIONS, *SUBSCRIPTIONS})

Rejections = Mapping[StreamKey, AbstractSet[int]]
"""Of each stream, which of its records (by their place among them) the database refused."""


class StreamPlan(msgspec.Struct, frozen=True):
    """What becomes of one stream.

    Attributes:
        records: What the batch brings of it.
        kept: Which of its records are new, in order; none for all.
        coverage: Its row afterwards.
        step: Changes of its entries, if it has any.
        outages: Times it was not recorded in, if it has no ids.
    """

    records: StreamRecords
    kept: Sequence[int] | None
    coverage: Coverage
    step: LedgerStep | None = None
    outages: Sequence[Outage] = ()


Plan = Mapping[StreamKey, StreamPlan]


class LedgerOutdatedError(Exception):
    """Streams are not where the sink left them, or somebody holds them: roll back, and look."""


class BatchLedger:
    """Lifecycle: `lock`, then `plan` (again after rejections), then `store` with the last plan; all in one transaction.

    Or `advance` alone, if it does it.

    Args:
        cursor: In the transaction.
        batch: What is to be written.
        ready: The same, sorted by stream.
        interrupted_at: When its recorder last said something that may be a cause, ns.
    """

    def __init__(self, cursor: psycopg.Cursor[Any], batch: Batch, ready: Prepared, *, interrupted_at: int) -> None:
        """Look at nothing yet."""
        self.streams, self.others = dict(ready.streams), ready.others
        self._cursor = cursor
        self._batch = batch
        events: Sequence[RecorderEvent] = self.others.get(RecorderEvent, ())
        self._tells = any(event.event in _TOLD for event in events)
        self._refusals = refusals(batch.records) if events else {}
        times = [event.time for event in events if event.event in INTERRUPTIONS]
        self.interrupted_at = cut(max([interrupted_at, *times]))
        self.coverage: Mapping[StreamKey, Coverage] = {}
        """As `lock` found it."""
        self._source = f"instance:{batch.instance}"

    def create(self, keys: Sequence[StreamKey]) -> None:
        """Create the rows of ``coverage`` that are missing among ``keys``, which are in order."""
        wanted = [(key, self.streams[key].records[0].receive_time) for key in keys]
        if wanted:
            store.create_coverage(self._cursor, wanted)

    def forget(self, key: StreamKey) -> StreamRecords:
        """Leave a stream out whose very name the database cannot hold; return what it would have brought."""
        return self.streams.pop(key)

    def advance(self, known: Mapping[StreamKey, Newest]) -> Mapping[StreamKey, Newest] | None:
        """Write everything at once, if all streams just go on from what is known; all records are new then (hot path).

        Args:
            known: What the sink wrote last.

        Returns:
            Where the streams stand now; none if one of them must be looked at, and nothing was done.

        Raises:
            LedgerOutdatedError: What is known is not true, or may not be soon.
        """
        if self._refusals:
            return None
        newest: dict[StreamKey, Newest] = {}
        for key, records in self.streams.items():
            before = known.get(key)
            after = None if before is None else self._goes_on(records, before)
            if after is None:
                return None
            newest[key] = after
        if newest and not store.advance_coverage(self._cursor, known, newest):
            raise LedgerOutdatedError
        return newest

    def lock(self) -> None:
        """Lock the streams, in an order that all writers share.

        Raises:
            SinkUnavailableError: Somebody deleted a row that existed; opening again creates it.
        """
        keys = sorted({*self.streams, *self._refusals})
        self.coverage = store.lock_coverage(self._cursor, keys) if keys else {}
        if deleted := self.streams.keys() - self.coverage.keys():
            message = f"coverage has lost {len(deleted)} streams since the sink was opened, e.g. {min(deleted)}"
            raise SinkUnavailableError(message)

    def plan(self, rejected: Rejections) -> Plan:
        """Return what is new and what is missing, as if rejected records had never come."""
        plans: dict[StreamKey, StreamPlan] = {}
        slow: list[StreamRecords] = []
        for key, records in self.streams.items():
            careful = key in rejected or key in self._refusals
            plan = None if careful else self._plan_fast(records, self.coverage[key])
            if plan is None:
                slow.append(records)
            else:
                plans[key] = plan
        absent = [key for key in self._refusals if key in self.coverage and key not in self.streams]
        slow += map(StreamRecords.without_records, absent)
        if slow:
            plans |= self._plan_slow(slow, rejected)
        return plans

    def store(self, plans: Plan) -> None:
        """Write coverage and gaps."""
        changed = {key: plan.coverage for key, plan in plans.items() if plan.coverage != self.coverage[key]}
        store.update_coverage(self._cursor, changed)
        store.delete_unused_coverage(
            self._cursor, [key for key, plan in plans.items() if plan.coverage == Coverage() and plan.records.records]
        )
        removed: list[int] = []
        writes: list[GapWrite] = []
        outages: list[tuple[StreamKey, Outage, str | None]] = []
        for key in sorted(plans):
            step, kind = plans[key].step, plans[key].records.kind
            if step is not None:
                removed += step.removed
                writes += [GapWrite(key, one.entry, one.gap_id) for one in step.changed]
                writes += [GapWrite(key, entry) for entry in step.added]
            outages += [(key, outage, no_source(key[0], kind)) for outage in plans[key].outages]
        store.write_gaps(self._cursor, removed, writes)
        store.write_outages(self._cursor, self._batch.instance, outages)

    def _plan_fast(self, records: StreamRecords, coverage: Coverage) -> StreamPlan | None:
        """Return the plan of a stream that just goes on; none if it must be looked at closely."""
        newest = self._goes_on(records, coverage.newest)
        if newest is None:
            return None
        first = records.ranges()[0][0] if records.has_ids and coverage.cover is None else 0
        return StreamPlan(records, None, coverage.advanced(newest, first, cut(records.records[0].receive_time)))

    def _goes_on(self, records: StreamRecords, before: Newest) -> Newest | None:
        """Return how far a stream is recorded that just goes on; none if it does not (hot path)."""
        last_id, last_key, last_time = before
        ended = cut(records.records[-1].receive_time)
        if records.has_ids:
            run = records.run()
            return None if run is None or (last_id is not None and run[0] != last_id + 1) else (run[1], None, ended)
        keys = records.keys()
        if last_key is not None and (keys[0] <= last_key or self.interrupted_at > last_time):
            return None
        if self._tells or any(left >= right for left, right in pairwise(keys)):
            return None
        return None, keys[-1], ended

    def _plan_slow(self, slow: Sequence[StreamRecords], rejected: Rejections) -> Plan:
        looks = [Look(records, self.coverage[records.key], rejected.get(records.key, frozenset())) for records in slow]
        wanted = {
            look.records.key: ids
            for look in looks
            if look.records.has_ids and (ids := look.ids_to_load(self._refusals.get(look.records.key, ())))
        }
        gaps = store.load_gaps(self._cursor, wanted)
        causes = self._causes(looks)
        plans: dict[StreamKey, StreamPlan] = {}
        for look in looks:
            key = look.records.key
            if look.records.has_ids:
                plans[key] = self._run(look, gaps.get(key, ()), causes)
            else:
                plans[key] = self._run_timed(look, causes)
        return plans

    def _run(self, look: Look, stored: Sequence[Any], causes: Causes) -> StreamPlan:
        records = look.records
        ledger = StreamLedger(
            look.coverage.cover,
            stored,
            instance=self._batch.instance,
            no_source=no_source(records.stream.market, records.kind),
            explain=partial(causes.of_hole, records.stream),
        )
        refused = list(self._refusals.get(records.key, ()))
        kept = []
        for index in look.indexes:
            place = self._place(records.key, index)
            while refused and refused[0].place < place:
                one = refused.pop(0)
                ledger.refuse(one.ids, one.reason)
            first, last = look.ranges[index]
            if ledger.arrive(first, last, look.times[index], self._source_of(records.records[index]), place):
                kept.append(index)
        for one in refused:
            ledger.refuse(one.ids, one.reason)
        step = ledger.finish()
        return StreamPlan(records, kept, Coverage(cover=step.cover), step)

    def _run_timed(self, look: Look, causes: Causes) -> StreamPlan:
        records, keys = look.records, look.records.keys()
        ledger = TimedLedger(look.coverage.mark, partial(causes.of_outage, records.stream))
        kept = [
            index
            for index in look.indexes
            if ledger.arrive(keys[index], look.times[index], self._place(records.key, index))
        ]
        return StreamPlan(records, kept, Coverage(mark=ledger.mark), outages=ledger.outages)

    def _causes(self, looks: Sequence[Look]) -> Causes:
        """Return what may explain the holes; asks the database once, and only if there are any."""
        since = [time for look in looks if (time := look.doubtful_since(self.interrupted_at)) is not None]
        if not since:
            return Causes(())
        events = store.load_events(self._cursor, self._batch.instance, min(since))
        if self._tells:
            events += [
                PlacedEvent(msgspec.structs.replace(event, time=cut(event.time)), place)
                for place, event in enumerate(self._batch.records)
                if isinstance(event, RecorderEvent) and event.event in _TOLD
            ]
        for look in looks:
            events += [self._rejection(look, index) for index in look.rejected]
        return Causes(events)

    def _rejection(self, look: Look, index: int) -> PlacedEvent:
        """Return what the loader will say of a rejected record, in the next batch."""
        stream = look.records.stream
        event = RecorderEvent(
            look.times[index],
            EventKind.UNPARSABLE_FRAME,
            market=stream.market,
            symbol=stream.symbol,
            detail={"stream": stream.wire},
        )
        return PlacedEvent(event, self._place(look.records.key, index))

    def _source_of(self, record: Any) -> str:  # noqa: ANN401  # any record
        if record.event_time is not None:
            return self._source
        return "archive" if isinstance(record, Trade | AggTrade) and record.archived else "rest"

    def _place(self, key: StreamKey, index: int) -> int:
        return self._places[key][index]

    @cached_property
    def _places(self) -> Mapping[StreamKey | None, Sequence[int]]:
        return places(self._batch.records)
