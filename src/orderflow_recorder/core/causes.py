"""Why a stream was interrupted, from what the recorder said of itself at the time: pure.

================================== ======================= ====== =====================================
event                              cause                   rank   which streams
================================== ======================= ====== =====================================
run_started, run_stopped           restart                 0      all
disk_full, ingestion_resumed       disk_full               0      all
window_closed, window_opened       window                  0      all
streams_removed                    unsubscribed            0      named
host_asleep                        host_asleep             0      all
stalled                            stall                   0      those of its socket
stream_silent                      stall                   0      named
disconnected                       disconnect              0      named
rotated                            rotation                1      those of its socket
unparsable_frame                   unparsable_frame        2      named; else by record and symbol; else
                                                                  those of its socket
segments_skipped                   journal_lost            3      all
(nothing)                          venue_skipped
================================== ======================= ====== =====================================

The lowest rank wins: it accounts for the most. Within a rank the event that came first wins, since
what follows happened during it: a socket that is given up for silence is a stall, though the
disconnect follows; one lost while the machine slept is the sleep's. Events that say since when
(``from_time``, ``stopped_at``, ``closed_at``, ``asked_at``) count from then.

The streams of a socket are those that it was opened with or asked for, or that were lost with it. A
socket of which neither is known stands for all streams of its market.

A recorder may divide its symbols between collectors. What one of them said is about the symbols that it had
then: so a symbol that moves to another one at a restart takes the causes of its hole along, and a crash of one
collector explains nothing in the streams of the others.

Skipped segments are told by the loader, at its own time, which is later than all they held; so
`SEGMENTS_SKIPPED` may explain whatever was revealed after it was told.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from orderflow_recorder.core.shards import WHOLE, Shard
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.gaps import GapCause
from orderflow_recorder.domain.streams import Stream, StreamKind

_CAUSES: Final[Mapping[EventKind, tuple[int, GapCause]]] = {
    EventKind.RUN_STARTED: (0, GapCause.RESTART),
    EventKind.RUN_STOPPED: (0, GapCause.RESTART),
    EventKind.DISK_FULL: (0, GapCause.DISK_FULL),
    EventKind.INGESTION_RESUMED: (0, GapCause.DISK_FULL),
    EventKind.WINDOW_CLOSED: (0, GapCause.WINDOW),
    EventKind.WINDOW_OPENED: (0, GapCause.WINDOW),
    EventKind.STREAMS_REMOVED: (0, GapCause.UNSUBSCRIBED),
    EventKind.HOST_ASLEEP: (0, GapCause.HOST_ASLEEP),
    EventKind.STALLED: (0, GapCause.STALL),
    EventKind.STREAM_SILENT: (0, GapCause.STALL),
    EventKind.DISCONNECTED: (0, GapCause.DISCONNECT),
    EventKind.ROTATED: (1, GapCause.ROTATION),
    EventKind.UNPARSABLE_FRAME: (2, GapCause.UNPARSABLE_FRAME),
    EventKind.SEGMENTS_SKIPPED: (3, GapCause.JOURNAL_LOST),
}
INTERRUPTIONS: Final = tuple(_CAUSES)
"""Events that may be a cause."""
SUBSCRIPTIONS: Final = (EventKind.CONNECTED, EventKind.SUBSCRIBED)
"""Events that say which streams a socket has."""

_OF_A_SOCKET: Final = frozenset({EventKind.STALLED, EventKind.ROTATED, EventKind.DISCONNECTED})
_OF_NAMED_STREAMS: Final = frozenset({EventKind.STREAM_SILENT, EventKind.STREAMS_REMOVED})
_OF_TIMED_STREAMS: Final = frozenset(INTERRUPTIONS) - {EventKind.ROTATED, EventKind.SEGMENTS_SKIPPED}
_SINCE: Final = ("from_time", "stopped_at", "closed_at", "asked_at")
_RECORDS: Final[Mapping[str, frozenset[StreamKind]]] = {
    "Trade": frozenset({StreamKind.TRADE}),
    "SpentTradeId": frozenset({StreamKind.TRADE}),
    "AggTrade": frozenset({StreamKind.AGG_TRADE}),
    "DepthDiff": frozenset({StreamKind.DEPTH}),
    "BookTop": frozenset({StreamKind.PARTIAL_DEPTH}),
    "BookTicker": frozenset({StreamKind.BOOK_TICKER}),
    "MarkPrice": frozenset({StreamKind.MARK_PRICE}),
    "Liquidation": frozenset({StreamKind.FORCE_ORDER}),
}


class PlacedEvent(msgspec.Struct, frozen=True):
    """An event that may be a cause.

    Attributes:
        event: What was said.
        place: Of the event in the batch; a negative one if it came in an earlier batch.
        shard: Which symbols' recording the event is about: those of the collector that said it.
    """

    event: RecorderEvent
    place: int = -1
    shard: Shard = WHOLE


class Causes:
    """Everything one recorder said of itself in a time, to be asked for causes.

    Args:
        events: In any order, of one recorder.
    """

    def __init__(self, events: Iterable[PlacedEvent]) -> None:
        """Sort the events by time."""
        known = sorted(events, key=lambda one: one.event.time)
        self._sockets = _streams_by_socket(one.event for one in known)
        told = [one for one in known if one.event.event in _CAUSES]
        self._skipped = [one for one in told if one.event.event is EventKind.SEGMENTS_SKIPPED]
        self._interruptions = [one for one in told if one.event.event is not EventKind.SEGMENTS_SKIPPED]
        self._times = [one.event.time for one in self._interruptions]

    def of_hole(self, stream: Stream, from_time: int, to_time: int, place: int) -> GapCause:
        """Return why ids of ``stream`` are missing.

        Args:
            stream: The stream.
            from_time: When the record before was received, ns.
            to_time: When the record after was received, ns.
            place: Of the record that revealed it, in its batch; what was told later is no cause.
        """
        between = self._interruptions[bisect_left(self._times, from_time) : bisect_right(self._times, to_time)]
        skipped = [one for one in self._skipped if one.event.time >= from_time]
        events = [one.event for one in [*between, *skipped] if one.place < place and self._concerns(one, stream)]
        if not events:
            return GapCause.VENUE_SKIPPED
        return _CAUSES[min(events, key=_weight).event][1]

    def of_outage(self, stream: Stream, from_time: int, to_time: int, place: int) -> GapCause | None:
        """Return what interrupted ``stream``, which has no ids, after ``from_time``; none if nothing did.

        A rotation is none (its sockets overlap), and neither is a frame of a stream nobody knows.
        """
        start, end = bisect_right(self._times, from_time), bisect_right(self._times, to_time)
        if start >= end:
            return None
        events = [
            one.event
            for one in self._interruptions[start:end]
            if one.place < place and one.event.event in _OF_TIMED_STREAMS and self._concerns(one, stream)
        ]
        events = [event for event in events if event.event is not EventKind.UNPARSABLE_FRAME or _names(event, stream)]
        return _CAUSES[min(events, key=_weight).event][1] if events else None

    def _concerns(self, told: PlacedEvent, stream: Stream) -> bool:
        event = told.event
        if event.market is not None and event.market is not stream.market:
            return False
        if not told.shard.takes(stream.market, stream.symbol):
            return False
        if event.event in _OF_A_SOCKET | _OF_NAMED_STREAMS:
            return self._on_socket(event, stream)
        if event.event is EventKind.UNPARSABLE_FRAME:
            if "stream" in event.detail or "record" in event.detail or event.symbol is not None:
                return _names(event, stream)
            return self._on_socket(event, stream)
        return True

    def _on_socket(self, event: RecorderEvent, stream: Stream) -> bool:
        wires = _wires(event)
        if wires is None:
            wires = self._sockets.get((event.run_id, event.connection))
        return wires is None or stream.wire in wires


def _names(event: RecorderEvent, stream: Stream) -> bool:
    """Say whether an unparsable frame is known to be of ``stream``."""
    if "stream" in event.detail:
        return bool(event.detail["stream"] == stream.wire)
    if event.symbol != stream.symbol:
        return False
    return "record" not in event.detail or stream.kind in _RECORDS.get(str(event.detail["record"]), ())


def _weight(event: RecorderEvent) -> tuple[int, int]:
    times = [value for name in _SINCE if isinstance(value := event.detail.get(name), int)]
    return _CAUSES[event.event][0], min([event.time, *times])


def _wires(event: RecorderEvent) -> frozenset[str] | None:
    streams = event.detail.get("streams")
    return frozenset(map(str, streams)) if isinstance(streams, Sequence) and not isinstance(streams, str) else None


def _streams_by_socket(events: Iterable[RecorderEvent]) -> dict[tuple[str, int | None], frozenset[str]]:
    sockets: defaultdict[tuple[str, int | None], frozenset[str]] = defaultdict(frozenset)
    for event in events:
        if event.event in {*SUBSCRIPTIONS, EventKind.DISCONNECTED} and event.connection is not None:
            sockets[event.run_id, event.connection] |= _wires(event) or frozenset()
    return dict(sockets)
