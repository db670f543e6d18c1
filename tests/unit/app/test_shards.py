"""What the processes of a divided recorder are called, and which there are."""

from pathlib import Path

import pytest

from orderflow_recorder.app.recorder import children
from orderflow_recorder.app.settings import Settings, load_settings
from orderflow_recorder.app.shards import (
    collector_shard,
    collectors,
    journals,
    left_loaders,
    loaders,
    sinks,
    with_journal,
)
from orderflow_recorder.core.shards import Shard


def settings_in(folder: Path, **values: object) -> Settings:
    return load_settings(env_file=None, data_dir=folder, **values)


def leave(settings: Settings, number: int) -> None:
    """Leave a journal behind."""
    directory = with_journal(settings, number).journal_directory
    directory.mkdir(parents=True)
    (directory / "00000001.jsonl").touch()


def test_undivided_everything_is_called_as_ever(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    (collector,), (loader,) = collectors(settings), loaders(settings)
    assert (collector.name, loader.name) == ("collector", "loader-postgres")
    assert collector.health_path == tmp_path / "run/main/collector.json"
    assert loader.health_path == tmp_path / "run/main/loader-postgres.json"
    assert collector.settings == loader.settings == settings
    assert sinks(settings) == ("postgres",)


def test_each_collector_has_a_journal_and_each_journal_its_loaders(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, collector_shards=2, loader_shards=2)
    assert [part.name for part in collectors(settings)] == ["collector", "collector main.2"]
    assert [part.name for part in loaders(settings)] == [
        "loader-postgres.1of2",
        "loader-postgres.2of2",
        "loader-postgres.1of2 main.2",
        "loader-postgres.2of2 main.2",
    ]
    second = collectors(settings)[1]
    assert second.settings.journal_directory == tmp_path / "journal/main.2"
    assert second.health_path == tmp_path / "run/main.2/collector.json"
    assert collector_shard(second.settings) == second.shard == Shard(2, 2)
    assert sinks(second.settings) == ("postgres.1of2", "postgres.2of2")


def test_only_the_loaders_named_run_here_but_all_must_have_a_segment(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, loader_shards=3, loader_shard_numbers="3,1")
    assert [part.shard.number for part in loaders(settings)] == [1, 3]
    assert sinks(settings) == ("postgres.1of3", "postgres.2of3", "postgres.3of3")


def test_a_journal_that_was_left_has_loaders_that_end(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, collector_shards=2, loader_shards=2)
    for number in (1, 4):
        leave(settings, number)
    assert journals(settings) == [1, 4]
    assert [part.name for part in left_loaders(settings)] == [
        "loader-postgres.1of2 main.4",
        "loader-postgres.2of2 main.4",
    ]
    specs = children(settings, "postgresql://")
    assert [(spec.stage, spec.finite) for spec in specs] == [
        *[("collector", False)] * 2,
        *[("loader-postgres", False)] * 4,
        *[("loader-postgres", True)] * 2,
    ]
    assert specs[-1].command[-5:] == ("_load", "--journal", "4", "--shard", "2")
    assert specs[-1].environment["INSTANCE_ID"] == "main", "the children count for themselves"


@pytest.mark.parametrize("number", [1, 8])
def test_the_settings_of_a_journal_differ_in_the_instance_alone(tmp_path: Path, number: int) -> None:
    settings = settings_in(tmp_path)
    other = with_journal(settings, number)
    assert {name for name, text in other.environment().items() if text != settings.environment()[name]} <= {
        "INSTANCE_ID"
    }
