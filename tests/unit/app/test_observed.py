"""A recorder as its supervisor sees it."""

import os
import time
from pathlib import Path

import pytest

from orderflow_recorder.app.health import LoaderReport, SupervisorHealth, write_health
from orderflow_recorder.app.observed import STARTING, observe
from orderflow_recorder.app.settings import Settings, load_settings
from orderflow_recorder.app.shards import health_path, left_loaders
from orderflow_recorder.loader.health import LoaderHealth

NOW = time.time_ns()
LEFT = "loader-postgres main.2"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give a recorder that had two collectors once."""
    left = tmp_path / "journal" / "main.2"
    left.mkdir(parents=True)
    (left / "00000001.jsonl").touch()
    return load_settings(env_file=None, data_dir=tmp_path)


def start(settings: Settings, *parts: str) -> None:
    """Write what the supervisor says once it has started ``parts``."""
    said = SupervisorHealth(pid=os.getpid(), started_at=NOW, updated_at=NOW, parts=parts)
    write_health(health_path(settings, "supervisor"), said)


def test_before_the_processes_are_started_it_starts(settings: Settings) -> None:
    assert observe(settings, NOW).problems("main") == (STARTING,)


def test_each_process_that_does_not_run_is_a_problem(settings: Settings) -> None:
    start(settings, "collector", "loader-postgres")
    assert observe(settings, NOW).problems("main") == (
        "the collector does not run",
        "the loader-postgres does not run",
    )


def test_a_loader_of_a_journal_that_was_left_is_not_missed_once_it_is_through(settings: Settings) -> None:
    start(settings, LEFT)
    assert observe(settings, NOW).loading == []
    assert observe(settings, NOW).problems("main") == ()


def test_while_it_loads_it_counts(settings: Settings) -> None:
    start(settings, LEFT)
    (part,) = left_loaders(settings)
    figures = LoaderHealth(connected=False, last_error="refused")
    report = LoaderReport(
        pid=os.getpid(), started_at=NOW, updated_at=NOW, sink="postgres", last_error="refused", figures=figures
    )
    write_health(part.health_path, report)
    assert observe(settings, NOW).loading == [(part, report)]
    assert observe(settings, NOW).problems("main") == (f"the {LEFT} has no database: refused",)
