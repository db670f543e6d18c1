"""What several processes of a kind say together."""

import msgspec

from orderflow_recorder.app.health import CollectorHealth, LoaderReport, MarketHealth
from orderflow_recorder.app.shard_health import all_collectors, all_loaders
from orderflow_recorder.loader.health import LoaderHealth

NOW = 4_000 * 10**9
COLLECTOR = CollectorHealth(
    pid=1,
    started_at=5,
    updated_at=NOW,
    ingestion="recording",
    frames=10,
    frames_per_s=1.5,
    connections_open=1,
    connections_wanted=1,
    journal_segment=7,
    rest_weight_used={"spot": 20},
    markets={"spot": MarketHealth(frames=10, clock_offset_ms=3.0, clock_round_trip_ms=2.0)},
)
LOADER = LoaderReport(
    pid=2,
    started_at=5,
    updated_at=NOW,
    sink="postgres.1of2",
    journal="main",
    rows_per_s=10,
    figures=LoaderHealth(connected=True, rows=100, lag_bytes=50, unparsable=1, lag_seconds=1.0),
)


def test_one_alone_speaks_for_itself_however_old() -> None:
    old = msgspec.structs.replace(COLLECTOR, updated_at=0)
    assert all_collectors([old], NOW) is old
    assert all_collectors([None], NOW) is None
    assert all_loaders([LOADER], NOW) is LOADER


def test_collectors_are_added_up() -> None:
    other = msgspec.structs.replace(COLLECTOR, pid=3, started_at=9, markets={"usdm": MarketHealth(frames=10)})
    both = all_collectors([COLLECTOR, other], NOW)
    assert both is not None
    assert (both.frames, both.frames_per_s, both.connections_open, both.started_at) == (20, 3.0, 2, 5)
    assert both.markets == {**COLLECTOR.markets, **other.markets}
    assert both.rest_weight_used == {"spot": 40, "usdm": 0}
    assert both.ingestion == "recording"


def test_times_are_not_added_up() -> None:
    late = msgspec.structs.replace(LOADER, last_error_at=7, figures=LoaderHealth(last_written_at=9))
    both = all_loaders([late, late], NOW)
    assert both is not None
    assert (both.last_error_at, both.figures.last_written_at) == (7, 9)


def test_a_collector_that_is_missing_or_not_well_is_not_hidden_by_the_others() -> None:
    full = msgspec.structs.replace(COLLECTOR, ingestion="disk full")
    old = msgspec.structs.replace(COLLECTOR, updated_at=0)
    for reports, said in (
        ([COLLECTOR, full], "disk full"),
        ([COLLECTOR, None], "1 of 2 recording"),
        ([old, COLLECTOR], "1 of 2 recording"),
    ):
        both = all_collectors(reports, NOW)
        assert both is not None
        assert both.ingestion == said
    assert all_collectors([old, None], NOW) is None


def test_loaders_are_added_up_and_what_all_of_a_journal_count_is_counted_once() -> None:
    second = msgspec.structs.replace(LOADER, figures=msgspec.structs.replace(LOADER.figures, lag_bytes=70))
    other = msgspec.structs.replace(LOADER, journal="main.2")
    all_three = all_loaders([LOADER, second, other], NOW)
    assert all_three is not None
    assert (all_three.rows_per_s, all_three.figures.rows) == (30, 300)
    assert (all_three.figures.lag_bytes, all_three.figures.unparsable) == (70 + 50, 2)
    assert all_three.figures.connected


def test_a_loader_that_is_missing_or_without_database_is_not_hidden_by_the_others() -> None:
    away = msgspec.structs.replace(LOADER, last_error="refused", figures=LoaderHealth(last_error="refused"))
    for reports, said in (([LOADER, away], "refused"), ([LOADER, None], "1 of 2 loaders do not run")):
        both = all_loaders(reports, NOW)
        assert both is not None
        assert not both.figures.connected
        assert both.last_error == said
