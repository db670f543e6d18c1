"""The two lines that a recorder shows of itself."""

import pytest

from orderflow_recorder.app.health import CollectorHealth, LoaderReport, MarketHealth
from orderflow_recorder.app.status_line import clock_text, duration, size, status_lines
from orderflow_recorder.loader.health import LoaderHealth

NOW = 4_000 * 1_000_000_000


def test_the_lines_of_a_recorder_at_work() -> None:
    collector = CollectorHealth(
        pid=1,
        started_at=NOW - 3_723_000_000_000,
        updated_at=NOW,
        ingestion="recording",
        frames=1_234_567,
        frames_per_s=321.4,
        connections_open=3,
        connections_wanted=3,
        streams=8,
        streams_silent=1,
        books_synced=4,
        books_wanted=4,
        bad_frames=2,
    )
    figures = LoaderHealth(connected=True, rows=1_200_000, lag_bytes=5_400, unparsable=1)
    loader = LoaderReport(pid=2, started_at=0, updated_at=NOW, sink="postgres", rows_per_s=300, figures=figures)
    assert status_lines(collector, loader, NOW) == [
        (
            "collector  recording 1:02:03 · 321 frames/s · 1,234,567 frames · sockets 3/3 · streams 8 (1 silent) "
            "· books 4/4 · bad frames 2"
        ),
        "database   loading · 300 rows/s · 1,200,000 rows · 5.4 kB of journal to load · refused 0, unparsable 1",
    ]


def test_what_was_asked_of_a_running_collector_is_counted() -> None:
    collector = CollectorHealth(
        pid=1, started_at=0, updated_at=NOW, streams=8, streams_added=3, streams_removed=2, streams_refused=1
    )
    assert "· streams 8 (3 added, 2 removed, 1 refused) ·" in status_lines(collector, None, NOW)[0]


def test_outside_of_its_window_the_collector_sleeps() -> None:
    collector = CollectorHealth(
        pid=1, started_at=0, updated_at=NOW, ingestion="asleep", asleep_until=NOW + 3_600_000_000_000
    )
    assert status_lines(collector, None, NOW)[0] == (
        "collector  asleep until 1970-01-01 02:06 UTC: outside of the recording window"
    )


def test_a_clock_is_told_with_its_doubt_and_in_the_line_only_where_it_is_far_off() -> None:
    collector = CollectorHealth(
        pid=1,
        started_at=0,
        updated_at=NOW,
        markets={
            "spot": MarketHealth(clock_offset_ms=12.4, clock_round_trip_ms=6.0),
            "usdm": MarketHealth(),
        },
    )
    assert clock_text(collector) == "spot +12 ms (± 3)"
    assert "clock" not in status_lines(collector, None, NOW)[0]
    collector.markets["usdm"] = MarketHealth(clock_offset_ms=-1270.0, clock_round_trip_ms=30.0)
    assert clock_text(collector) == "spot +12 ms (± 3) · usdm -1,270 ms (± 15)"
    assert status_lines(collector, None, NOW)[0].endswith(" · clock off by -1,270 ms")


def test_a_lost_database_is_said() -> None:
    figures = LoaderHealth(last_error="connection refused")
    loader = LoaderReport(pid=2, started_at=0, updated_at=NOW, sink="postgres", figures=figures)
    assert status_lines(None, loader, NOW)[1].startswith("database   unreachable, trying again")


def test_processes_that_say_nothing_do_not_run() -> None:
    stale = CollectorHealth(pid=1, started_at=0, updated_at=NOW - 60_000_000_000)
    assert status_lines(stale, None, NOW) == ["collector  not running", "database   loader not running"]
    assert status_lines(stale, None, NOW, only="collector") == ["collector  not running"]
    assert status_lines(stale, None, NOW, only="loader") == ["database   loader not running"]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (5.25e9, "5.2 GB"), (3e15, "3,000.0 TB")]
)
def test_sizes_are_for_people(count: float, text: str) -> None:
    assert size(count) == text


def test_durations_are_for_people() -> None:
    assert duration(59_999_000_000) == "0:00:59"
    assert duration(-1) == "0:00:00"
