"""No entry stops the ones after it; what cannot be parsed is registered."""

from collections.abc import Sequence

import pytest

from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import Record
from orderflow_recorder.loader.parsing import TolerantParser
from orderflow_recorder.ports.journal import EntryKind, JournalEntry
from orderflow_recorder.ports.sink import ParsedLines, Rejected
from tests.support import records as build

NOW = 1_700_000_000_000_000_000


def entry(kind: EntryKind = EntryKind.FRAME, *, time: int = 5, reason: str | None = None) -> JournalEntry:
    """Return an entry at byte 70 of segment 3."""
    return JournalEntry(
        kind, Position(3, 70), Position(3, 90), time, b"{}", "main", "run-1", Market.SPOT, connection=4, reason=reason
    )


class Raising:
    """A parser that always raises."""

    def __init__(self, error: Exception) -> None:
        """Raise ``error``."""
        self.error = error

    def parse(self, entry: JournalEntry) -> Sequence[Record]:
        """Raise."""
        raise self.error

    def parse_block(self, text: bytes) -> ParsedLines | None:
        """Raise."""
        raise self.error


class Trades:
    """A parser that finds a trade in everything."""

    def parse(self, entry: JournalEntry) -> Sequence[Record]:
        """Return a trade."""
        return [build.trade(entry.receive_time)]

    def parse_block(self, text: bytes) -> ParsedLines | None:
        """Return a trade."""
        return ParsedLines([build.trade(7)], 7_000_000)


def parse(parser: Raising | Trades, what: JournalEntry) -> tuple[Sequence[Record], bool]:
    """Parse one entry."""
    return TolerantParser(parser, instance="main", now_ns=lambda: NOW).parse(what)


def test_records_are_passed_on() -> None:
    assert parse(Trades(), entry()) == ([build.trade(5)], True)


def test_frame_error_becomes_an_event_that_tells_where_the_frame_is() -> None:
    records, parsed = parse(Raising(FrameError("no price", stream="btcusdt@trade")), entry())
    assert not parsed
    assert records == [
        RecorderEvent(
            time=5,
            event=EventKind.UNPARSABLE_FRAME,
            instance="main",
            run_id="run-1",
            market=Market.SPOT,
            connection=4,
            detail={"reason": "no price", "stream": "btcusdt@trade", "segment": 3, "offset": 70},
        )
    ]


@pytest.mark.parametrize("error", [ValueError("oops"), RecursionError(), KeyError("p")])
def test_bug_of_the_parser_becomes_an_event_too(error: Exception) -> None:
    (event,), parsed = parse(Raising(error), entry())
    assert not parsed
    assert isinstance(event, RecorderEvent)
    assert event.detail["reason"] == f"parser failed: {error!r}"


@pytest.mark.parametrize("kind", [EntryKind.BAD, EntryKind.CORRUPT])
def test_entry_that_is_bad_already_is_not_parsed(kind: EntryKind) -> None:
    (event,), parsed = parse(Trades(), entry(kind, reason="not JSON"))
    assert not parsed
    assert isinstance(event, RecorderEvent)
    assert (event.event, event.detail["reason"]) == (EventKind.UNPARSABLE_FRAME, "not JSON")


def test_corrupt_lines_get_times_that_tell_them_apart() -> None:
    parser = TolerantParser(Trades(), instance="main", now_ns=lambda: NOW)
    events: list[Record] = []
    for what in (entry(EntryKind.CORRUPT, time=0), entry(time=2_000_000), *[entry(EntryKind.CORRUPT, time=0)] * 2):
        records, parsed = parser.parse(what)
        if not parsed:
            events += records
    assert [event.time for event in events if isinstance(event, RecorderEvent)] == [NOW + 1000, 2_001_000, 2_002_000]


def test_a_block_counts_for_the_time_of_a_corrupt_line_after_it_and_a_bug_in_it_makes_it_unfit() -> None:
    parser = TolerantParser(Trades(), instance="main", now_ns=lambda: NOW)
    assert parser.parse_block(b"") == ParsedLines([build.trade(7)], 7_000_000)
    (event,), _ = parser.parse(entry(EntryKind.CORRUPT, time=0))
    assert isinstance(event, RecorderEvent)
    assert event.time == 7_001_000
    assert TolerantParser(Raising(KeyError("p")), instance="main", now_ns=lambda: NOW).parse_block(b"") is None


def test_instance_of_the_loader_stands_in_where_a_capture_names_none() -> None:
    what = JournalEntry(EntryKind.CORRUPT, Position(1, 0), Position(1, 5), 0, b"oops")
    (event,), _ = parse(Trades(), what)
    assert isinstance(event, RecorderEvent)
    assert (event.instance, event.market) == ("main", None)


def test_refused_record_becomes_an_event() -> None:
    parser = TolerantParser(Trades(), instance="main", now_ns=lambda: NOW)
    event = parser.refused(Rejected(build.trade(), "out of range"), entry())
    assert (event.symbol, event.time) == ("BTCUSDT", 5)
    assert event.detail == {"reason": "out of range", "record": "Trade", "segment": 3, "offset": 70}
