"""What /metrics answers, from health files as processes write them."""

import os
import time
from pathlib import Path

import msgspec
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_open_metrics
from prometheus_client.parser import text_string_to_metric_families

from orderflow_recorder.app.gap_watch import GapWatch
from orderflow_recorder.app.health import (
    CollectorHealth,
    ForwarderHealth,
    LoaderReport,
    MarketHealth,
    ProcessHealth,
    SupervisorHealth,
    write_health,
)
from orderflow_recorder.app.metric_text import metrics_page
from orderflow_recorder.app.metrics import GROUPS
from orderflow_recorder.app.observed import STARTING, observe
from orderflow_recorder.app.settings import Settings, load_settings
from orderflow_recorder.app.shards import FORWARDER, collectors, health_path, loaders
from orderflow_recorder.app.storage import samples_path
from orderflow_recorder.core.storage_outlook import SizeSample
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.journal.jetstream.forwarder import ForwarderFigures
from orderflow_recorder.loader.health import LoaderHealth
from orderflow_recorder.postgres.gap_figures import GapFigures
from tests.support.processes import wait_until

NOW = time.time_ns()
S = 10**9
PID = os.getpid()
COLLECTOR = CollectorHealth(
    pid=PID,
    started_at=NOW - 60 * S,
    updated_at=NOW,
    last_error_at=NOW - 5 * S,
    bytes=1234,
    bad_frames=2,
    journal_bytes=999,
    ingestion="recording",
    streams=4,
    streams_silent=1,
    markets={
        "spot": MarketHealth(frames=10, streams_silent=1, clock_offset_ms=-250.0, clock_round_trip_ms=10.0),
        "usdm": MarketHealth(frames=5, rest_weight_used=7, rest_weight_limit=1000),
    },
)
LOADER = LoaderReport(
    pid=PID,
    started_at=NOW - 60 * S,
    updated_at=NOW,
    sink="postgres",
    journal="main",
    figures=LoaderHealth(connected=True, rows=100, lag_bytes=50, lag_seconds=1.5, last_written_at=NOW - 2 * S),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(env_file=None, data_dir=tmp_path, symbols_futures="btcusdt")


def write_all(settings: Settings, *, but: str = "") -> None:
    """Write the health of every process but one."""
    parts = {part.name: part for part in (*collectors(settings), *loaders(settings))}
    names = [*parts, FORWARDER] if settings.journal_url else list(parts)
    supervisor = SupervisorHealth(pid=PID, started_at=NOW - 61 * S, updated_at=NOW, parts=tuple(names))
    write_health(health_path(settings, "supervisor"), supervisor)
    for name, part in parts.items():
        if name != but:
            report = (
                COLLECTOR if name.startswith("collector") else msgspec.structs.replace(LOADER, sink=part.process[7:])
            )
            write_health(part.health_path, report)
    if settings.journal_url:
        forwarder = ForwarderHealth(
            pid=PID, started_at=NOW, updated_at=NOW, figures=ForwarderFigures(connected=True, bytes=5, lag_bytes=6)
        )
        write_health(health_path(settings, FORWARDER), forwarder)


def read(settings: Settings, gaps: GapWatch | None = None) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Return the values of each metric by its labels."""
    page = metrics_page(settings, observe(settings, NOW + S), gaps, "")
    assert page.content_type == "text/plain; version=0.0.4; charset=utf-8"
    return {
        sample.name: {tuple(sorted(one.labels.items())): one.value for one in family.samples}
        for family in text_string_to_metric_families(page.text.decode())
        for sample in family.samples
    }


def labels(**given: str) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(given.items()))


def test_every_metric_is_told_with_its_explanation_even_without_values(settings: Settings) -> None:
    text = metrics_page(settings, observe(settings, NOW), None, "").text.decode()
    for group in GROUPS:
        for metric in group.metrics:
            assert f"# HELP {metric.full_name} {metric.help}\n" in text
            assert f"# TYPE {metric.full_name} {'counter' if metric.is_counter else 'gauge'}\n" in text


def test_openmetrics_for_who_asks_for_it(settings: Settings) -> None:
    write_all(settings)
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    page = metrics_page(settings, observe(settings, NOW), None, accept)
    assert page.content_type.startswith("application/openmetrics-text")
    families = {family.name for family in read_open_metrics(page.text.decode())}  # type: ignore[no-untyped-call]  # theirs
    assert "orderflow_frames" in families


def test_what_processes_say(settings: Settings) -> None:
    write_all(settings)
    found = read(settings)
    spot, usdm = labels(shard="1", market="spot"), labels(shard="1", market="usdm")
    loader = labels(shard="1", sink="postgres")
    assert found["orderflow_frames_total"] == {spot: 10, usdm: 5}
    assert found["orderflow_streams_silent"] == {spot: 1, usdm: 0}
    assert found["orderflow_clock_offset_seconds"] == {spot: -0.25}
    assert found["orderflow_clock_round_trip_seconds"] == {spot: 0.01}
    assert found["orderflow_rest_weight_used"] == {spot: 0, usdm: 7}
    assert found["orderflow_rest_weight_limit"] == {spot: 0, usdm: 1000}
    assert found["orderflow_frame_bytes_total"] == {labels(shard="1"): 1234}
    assert found["orderflow_bad_frames_total"] == {labels(shard="1"): 2}
    assert found["orderflow_journal_written_bytes_total"] == {labels(shard="1"): 999}
    assert found["orderflow_loader_rows_total"] == {loader: 100}
    assert found["orderflow_loader_lag_bytes"] == {loader: 50}
    assert found["orderflow_loader_lag_seconds"] == {loader: 1.5}
    assert found["orderflow_loader_written_timestamp_seconds"][loader] == pytest.approx(NOW / S - 2)
    assert found["orderflow_loader_database_connected"] == {loader: 1}
    assert found["orderflow_collector_state"][labels(shard="1", state="recording")] == 1
    assert sum(found["orderflow_collector_state"].values()) == 1
    assert found["orderflow_ready"] == {(): 0}
    assert found["orderflow_problems"] == {(): 1}
    assert "orderflow_forwarder_connected" not in found
    assert "orderflow_gaps" not in found


def test_processes_and_what_they_use(settings: Settings) -> None:
    write_all(settings)
    found = read(settings)
    collector, supervisor = labels(process="collector", shard="1"), labels(process="supervisor", shard="")
    assert found["orderflow_process_up"] == {
        collector: 1,
        supervisor: 1,
        labels(process="loader-postgres", shard="1"): 1,
    }
    assert found["orderflow_process_start_timestamp_seconds"][collector] == pytest.approx(NOW / S - 60)
    assert found["orderflow_process_last_error_timestamp_seconds"] == {collector: pytest.approx(NOW / S - 5)}
    assert found["orderflow_process_resident_memory_bytes"][supervisor] > 1_000_000
    assert found["orderflow_process_cpu_seconds_total"][supervisor] > 0


def test_a_process_that_is_gone_tells_when_it_spoke_last_and_nothing_else(settings: Settings) -> None:
    write_all(settings, but="collector")
    old = msgspec.structs.replace(COLLECTOR, updated_at=NOW - 20 * S)
    write_health(health_path(settings, "collector"), old)
    found = read(settings)
    collector = labels(process="collector", shard="1")
    assert found["orderflow_process_up"][collector] == 0
    assert found["orderflow_process_report_timestamp_seconds"][collector] == pytest.approx(NOW / S - 20)
    assert collector not in found["orderflow_process_resident_memory_bytes"]
    assert "orderflow_frames_total" not in found
    assert "orderflow_collector_state" not in found


def test_before_the_children_there_is_the_supervisor_alone(settings: Settings) -> None:
    found = read(settings)
    assert found["orderflow_process_up"] == {labels(process="supervisor", shard=""): 1}
    assert found["orderflow_ready"] == {(): 0}
    assert observe(settings, NOW).problems("main") == (STARTING,)


def test_several_shards_have_a_series_each(tmp_path: Path) -> None:
    settings = load_settings(env_file=None, data_dir=tmp_path, collector_shards=2, loader_shards=2)
    write_all(settings)
    found = read(settings)
    assert {dict(one)["shard"] for one in found["orderflow_frames_total"]} == {"1", "2"}
    assert found["orderflow_loader_rows_total"].keys() == {
        labels(shard=shard, sink=sink) for shard in ("1", "2") for sink in ("postgres.1of2", "postgres.2of2")
    }
    assert labels(process="loader-postgres.2of2", shard="2") in found["orderflow_process_up"]


def test_one_half_alone_misses_nothing_of_the_other(tmp_path: Path) -> None:
    settings = load_settings(env_file=None, data_dir=tmp_path, journal_url="nats://127.0.0.1:4222")
    write_all(settings)
    supervisor = SupervisorHealth(pid=PID, started_at=NOW, updated_at=NOW, parts=("collector", FORWARDER))
    write_health(health_path(settings, "supervisor"), supervisor)
    found = read(settings)
    assert found["orderflow_forwarder_connected"] == {(): 1}
    assert found["orderflow_forwarder_lag_bytes"] == {(): 6}
    assert labels(process=FORWARDER, shard="1") in found["orderflow_process_up"]
    assert "orderflow_loader_rows_total" not in found


def test_the_journal_on_disk(settings: Settings) -> None:
    write_all(settings)
    settings.journal_directory.mkdir(parents=True)
    for number in (1, 2):
        (settings.journal_directory / f"{number:08}.jsonl").write_bytes(bytes(100))
    os.utime(settings.journal_directory / "00000001.jsonl", ns=(NOW - 90 * S, NOW - 90 * S))
    found = read(settings)
    assert found["orderflow_journal_segments"] == {labels(shard="1"): 2}
    assert found["orderflow_journal_size_bytes"] == {labels(shard="1"): 200}
    assert found["orderflow_journal_oldest_timestamp_seconds"][labels(shard="1")] == pytest.approx(NOW / S - 90)


def test_tables_as_they_were_measured_last(settings: Settings) -> None:
    write_all(settings)
    samples = [SizeSample(NOW - 7200 * S, {"trades": 1}), SizeSample(NOW - 3600 * S, {"trades": 5, "gaps": 6})]
    samples_path(settings).write_bytes(msgspec.json.encode(samples))
    found = read(settings)
    assert found["orderflow_table_size_bytes"] == {labels(table="trades"): 5, labels(table="gaps"): 6}
    assert found["orderflow_tables_measured_timestamp_seconds"][()] == pytest.approx(NOW / S - 3600)


def test_the_disk(settings: Settings) -> None:
    found = read(settings)
    assert 0 < found["orderflow_disk_free_bytes"][()] <= found["orderflow_disk_size_bytes"][()]


class SomeGaps:
    """A ledger with some gaps, or none that can be reached."""

    def __init__(self, *figures: GapFigures) -> None:
        """Have these."""
        self._figures = figures

    def read(self) -> tuple[GapFigures, ...]:
        if not self._figures:
            raise SinkUnavailableError("away")
        return self._figures

    def close(self) -> None:
        pass


def watch(*figures: GapFigures) -> GapWatch:
    """Return a watch that has read these."""
    gaps = GapWatch(SomeGaps(*figures), lambda: NOW / S, lambda: 0.0)
    gaps.look()
    wait_until(lambda: not gaps.is_reading, within_s=10, what="the ledger was read")
    return gaps


def test_gaps_and_the_oldest_open_one_of_each_market(settings: Settings) -> None:
    gaps = watch(
        GapFigures("spot", "restart", "open", 2, 30, 500.0),
        GapFigures("spot", "stall", "open", 1, 3, 400.0),
        GapFigures("usdm", "restart", "healed", 7, 70, None),
    )
    found = read(settings, gaps)
    assert found["orderflow_gaps"] == {
        labels(market="spot", cause="restart", status="open"): 2,
        labels(market="spot", cause="stall", status="open"): 1,
        labels(market="usdm", cause="restart", status="healed"): 7,
    }
    assert found["orderflow_gap_missing_trades"][labels(market="usdm", cause="restart", status="healed")] == 70
    assert found["orderflow_open_gap_oldest_timestamp_seconds"] == {labels(market="spot"): 400}
    assert found["orderflow_ledger_readable"] == {(): 1}
    assert found["orderflow_ledger_read_timestamp_seconds"][()] == pytest.approx(NOW / S)


def test_a_ledger_that_cannot_be_read_says_so(settings: Settings) -> None:
    found = read(settings, watch())
    assert found["orderflow_ledger_readable"] == {(): 0}
    assert "orderflow_ledger_read_timestamp_seconds" not in found
    assert "orderflow_gaps" not in found


def test_a_damaged_health_file_is_a_process_that_is_gone(settings: Settings) -> None:
    write_all(settings)
    health_path(settings, "collector").write_text('{"pid": 1, "sta')
    assert read(settings)["orderflow_process_up"][labels(process="collector", shard="1")] == 0
    write_health(health_path(settings, "collector"), ProcessHealth(pid=2**22, started_at=1, updated_at=NOW))
    assert read(settings)["orderflow_process_up"][labels(process="collector", shard="1")] == 0
