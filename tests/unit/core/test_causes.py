"""Causes, event by event and against each other."""

from typing import Any

import pytest

from orderflow_recorder.core.causes import Causes, PlacedEvent
from orderflow_recorder.core.shards import Shard, Work, shards
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.gaps import GapCause
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import Stream

TRADES = Stream(Market.SPOT, "BTCUSDT", "trade")
MINE = {"streams": ["btcusdt@trade", "btcusdt@depth@100ms"]}
OTHERS = {"streams": ["ethusdt@trade"]}
FROM, TO = 1000, 2000


def event(kind: EventKind, time: int = 1500, **fields: Any) -> RecorderEvent:  # noqa: ANN401  # any field
    return RecorderEvent(time, kind, "main", "run", **({"market": Market.SPOT} | fields))


def cause(*events: RecorderEvent, stream: Stream = TRADES) -> GapCause:
    return Causes(map(PlacedEvent, events)).of_hole(stream, FROM, TO, 0)


def test_without_events_the_venue_skipped() -> None:
    assert cause() is GapCause.VENUE_SKIPPED


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (EventKind.RUN_STARTED, GapCause.RESTART),
        (EventKind.RUN_STOPPED, GapCause.RESTART),
        (EventKind.DISK_FULL, GapCause.DISK_FULL),
        (EventKind.INGESTION_RESUMED, GapCause.DISK_FULL),
        (EventKind.WINDOW_CLOSED, GapCause.WINDOW),
        (EventKind.WINDOW_OPENED, GapCause.WINDOW),
        (EventKind.HOST_ASLEEP, GapCause.HOST_ASLEEP),
        (EventKind.SEGMENTS_SKIPPED, GapCause.JOURNAL_LOST),
        (EventKind.BOOK_GAP, GapCause.VENUE_SKIPPED),
    ],
)
def test_what_concerns_the_whole_recorder_explains_every_stream(kind: EventKind, expected: GapCause) -> None:
    assert cause(event(kind, market=None)) is expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (EventKind.DISCONNECTED, GapCause.DISCONNECT),
        (EventKind.STREAM_SILENT, GapCause.STALL),
        (EventKind.STREAMS_REMOVED, GapCause.UNSUBSCRIBED),
        (EventKind.STALLED, GapCause.STALL),
        (EventKind.ROTATED, GapCause.ROTATION),
    ],
)
def test_what_concerns_a_socket_explains_its_streams_alone(kind: EventKind, expected: GapCause) -> None:
    assert cause(event(kind, connection=1, detail=MINE)) is expected
    assert cause(event(kind, connection=1, detail=OTHERS)) is GapCause.VENUE_SKIPPED
    assert cause(event(kind, connection=1, detail=MINE, market=Market.USDM)) is GapCause.VENUE_SKIPPED


@pytest.mark.parametrize("teller", [EventKind.CONNECTED, EventKind.SUBSCRIBED, EventKind.DISCONNECTED])
def test_a_sockets_streams_are_told_by_other_events_at_any_time(teller: EventKind) -> None:
    stalled = event(EventKind.STALLED, connection=1)
    assert cause(stalled, event(teller, 10, connection=1, detail=MINE)) is GapCause.STALL
    assert cause(stalled, event(teller, 9000, connection=1, detail=OTHERS)) is GapCause.VENUE_SKIPPED


def test_a_socket_that_nobody_told_of_stands_for_its_market() -> None:
    assert cause(event(EventKind.STALLED, connection=1)) is GapCause.STALL


def test_only_what_happened_between_the_two_records_counts() -> None:
    times = {999: GapCause.VENUE_SKIPPED, FROM: GapCause.RESTART, TO: GapCause.RESTART, 2001: GapCause.VENUE_SKIPPED}
    assert {time: cause(event(EventKind.RUN_STARTED, time)) for time in times} == times


def test_what_was_told_after_the_record_that_revealed_the_hole_does_not_count() -> None:
    causes = Causes([PlacedEvent(event(EventKind.RUN_STARTED), 7)])
    assert causes.of_hole(TRADES, FROM, TO, 7) is GapCause.VENUE_SKIPPED
    assert causes.of_hole(TRADES, FROM, TO, 8) is GapCause.RESTART


def test_the_first_interruption_explains_what_followed_during_it() -> None:
    stalled = event(EventKind.STALLED, 1400, connection=1, detail=MINE)
    lost = event(EventKind.DISCONNECTED, 1500, connection=1, detail=MINE)
    started = event(EventKind.RUN_STARTED, 1600)
    assert cause(lost, stalled, started) is GapCause.STALL
    assert cause(lost, started) is GapCause.DISCONNECT
    assert cause(event(EventKind.DISK_FULL, 1300), started) is GapCause.DISK_FULL


@pytest.mark.parametrize(
    ("kind", "since", "expected"),
    [
        (EventKind.HOST_ASLEEP, "from_time", GapCause.HOST_ASLEEP),
        (EventKind.INGESTION_RESUMED, "stopped_at", GapCause.DISK_FULL),
        (EventKind.WINDOW_OPENED, "closed_at", GapCause.WINDOW),
        (EventKind.STREAMS_REMOVED, "asked_at", GapCause.UNSUBSCRIBED),
    ],
)
def test_an_event_that_says_since_when_counts_from_then(kind: EventKind, since: str, expected: GapCause) -> None:
    lost = event(EventKind.DISCONNECTED, 1500, connection=1, detail=MINE)
    assert cause(lost, event(kind, 1600, detail=MINE | {since: 1400})) is expected
    assert cause(lost, event(kind, 1600, detail=MINE | {since: 1550})) is GapCause.DISCONNECT


def test_what_accounts_for_more_wins_whenever_it_came() -> None:
    skipped = event(EventKind.SEGMENTS_SKIPPED, 1100, market=None)
    bad = event(EventKind.UNPARSABLE_FRAME, 1200, detail={"stream": "btcusdt@trade"})
    rotated = event(EventKind.ROTATED, 1300, connection=1, detail=MINE)
    lost = event(EventKind.DISCONNECTED, 1900, connection=1, detail=MINE)
    assert cause(skipped, bad, rotated, lost) is GapCause.DISCONNECT
    assert cause(skipped, bad, rotated) is GapCause.ROTATION
    assert cause(skipped, bad) is GapCause.UNPARSABLE_FRAME


def test_skipped_segments_explain_what_is_revealed_after_they_were_told() -> None:
    assert cause(event(EventKind.SEGMENTS_SKIPPED, 9000, market=None)) is GapCause.JOURNAL_LOST
    assert cause(event(EventKind.SEGMENTS_SKIPPED, 999, market=None)) is GapCause.VENUE_SKIPPED


@pytest.mark.parametrize(
    ("fields", "concerned"),
    [
        ({"detail": {"stream": "btcusdt@trade"}}, True),
        ({"detail": {"stream": "btcusdt@aggTrade"}}, False),
        ({"detail": {"record": "Trade"}, "symbol": "BTCUSDT"}, True),
        ({"detail": {"record": "SpentTradeId"}, "symbol": "BTCUSDT"}, True),
        ({"detail": {"record": "AggTrade"}, "symbol": "BTCUSDT"}, False),
        ({"detail": {"record": "Trade"}, "symbol": "ETHUSDT"}, False),
        ({"symbol": "BTCUSDT"}, True),
        ({"connection": 1}, True),
        ({"market": None}, True),
    ],
)
def test_a_frame_that_could_not_be_read_explains_what_it_may_have_held(
    fields: dict[str, Any],
    concerned: bool,  # noqa: FBT001  # a table of cases
) -> None:
    found = cause(event(EventKind.UNPARSABLE_FRAME, **fields))
    assert (found is GapCause.UNPARSABLE_FRAME) is concerned


def outage(*events: RecorderEvent) -> GapCause | None:
    stream = Stream(Market.SPOT, "BTCUSDT", "bookTicker")
    return Causes(map(PlacedEvent, events)).of_outage(stream, FROM, TO, 0)


def test_a_stream_without_ids_is_out_where_something_interrupted_it() -> None:
    detail = {"streams": ["btcusdt@bookTicker"]}
    assert outage() is None
    assert outage(event(EventKind.DISCONNECTED, connection=1, detail=detail)) is GapCause.DISCONNECT
    assert outage(event(EventKind.DISCONNECTED, connection=1, detail=MINE)) is None
    assert outage(event(EventKind.RUN_STARTED, TO)) is GapCause.RESTART
    assert outage(event(EventKind.RUN_STARTED, FROM)) is None


def test_a_rotation_or_somebody_elses_frame_puts_no_stream_out() -> None:
    detail = {"streams": ["btcusdt@bookTicker"]}
    assert outage(event(EventKind.ROTATED, connection=1, detail=detail)) is None
    assert outage(event(EventKind.UNPARSABLE_FRAME, connection=1)) is None
    named = event(EventKind.UNPARSABLE_FRAME, detail={"stream": "btcusdt@bookTicker"})
    assert outage(named) is GapCause.UNPARSABLE_FRAME


def test_what_a_collector_said_is_about_the_symbols_it_had() -> None:
    parts = shards(Work.COLLECT, 2)
    (mine,) = [part for part in parts if part.takes(Market.SPOT, "BTCUSDT")]
    (others,) = [part for part in parts if part is not mine]
    full, restart = event(EventKind.DISK_FULL, 1200, market=None), event(EventKind.RUN_STARTED, 1500, market=None)

    def told(part: Shard) -> Causes:
        return Causes([PlacedEvent(full, shard=part), PlacedEvent(restart)])

    assert told(mine).of_hole(TRADES, FROM, TO, 0) is GapCause.DISK_FULL
    assert told(others).of_hole(TRADES, FROM, TO, 0) is GapCause.RESTART
    assert Causes([PlacedEvent(full, shard=others)]).of_outage(TRADES, FROM, TO, 0) is None
