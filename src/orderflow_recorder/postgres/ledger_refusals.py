"""What the healer found that no source has, read from its events."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec
from loguru import logger

from orderflow_recorder.core.intervals import Interval
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.records import Record
from orderflow_recorder.postgres.ledger_streams import StreamKey


class Refusal(msgspec.Struct, frozen=True):
    """Ids of one stream that no source has.

    Attributes:
        place: Of the event in its batch.
        ids: Which.
        reason: Why.
    """

    place: int
    ids: Interval
    reason: str


class _Detail(msgspec.Struct, frozen=True):
    stream: str
    first_id: int
    last_id: int
    reason: str


def refusals(records: Sequence[Record]) -> Mapping[StreamKey, Sequence[Refusal]]:
    """Return the `HEAL_REFUSED` events of a batch by stream, in order."""
    found: defaultdict[StreamKey, list[Refusal]] = defaultdict(list)
    for place, event in enumerate(records):
        if not isinstance(event, RecorderEvent) or event.event is not EventKind.HEAL_REFUSED:
            continue
        try:
            detail = msgspec.convert(event.detail, _Detail)
        except msgspec.ValidationError as error:
            logger.warning("{} without effect: expected stream, first_id, last_id, reason: {}", event.event, error)
            continue
        if event.market is not None and event.symbol is not None:
            refusal = Refusal(place, Interval(detail.first_id, detail.last_id), detail.reason)
            found[event.market, event.symbol, detail.stream].append(refusal)
    return found
