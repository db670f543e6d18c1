"""Health files."""

from pathlib import Path

from orderflow_recorder.app.health import (
    CollectorHealth,
    LoaderReport,
    MarketHealth,
    ProcessHealth,
    is_fresh,
    read_health,
    write_health,
)
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.loader.health import LoaderHealth

SECOND = 1_000_000_000


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    collector = CollectorHealth(pid=7, started_at=1, updated_at=2, frames=3, markets={"spot": MarketHealth(frames=3)})
    loader = LoaderReport(
        pid=8, started_at=1, updated_at=2, sink="postgres", figures=LoaderHealth(rows=5, position=Position(2, 9))
    )
    write_health(tmp_path / "run" / "collector.json", collector)
    write_health(tmp_path / "run" / "loader.json", loader)
    assert read_health(tmp_path / "run" / "collector.json", CollectorHealth) == collector
    assert read_health(tmp_path / "run" / "loader.json", LoaderReport) == loader
    assert read_health(tmp_path / "run" / "loader.json", ProcessHealth) == ProcessHealth(
        pid=8, started_at=1, updated_at=2
    )


def test_a_report_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "collector.json"
    for pid in (1_000_000, 1):
        write_health(path, ProcessHealth(pid=pid, started_at=1, updated_at=2))
    assert [file.name for file in tmp_path.iterdir()] == ["collector.json"]
    report = read_health(path, ProcessHealth)
    assert report is not None
    assert report.pid == 1


def test_no_report_and_half_a_report_are_none(tmp_path: Path) -> None:
    path = tmp_path / "collector.json"
    assert read_health(path, CollectorHealth) is None
    path.write_text('{"pid": 1, "star')
    assert read_health(path, CollectorHealth) is None


def test_a_report_grows_stale_after_ten_seconds() -> None:
    health = ProcessHealth(pid=1, started_at=0, updated_at=100 * SECOND)
    assert is_fresh(health, 109 * SECOND)
    assert not is_fresh(health, 110 * SECOND)
