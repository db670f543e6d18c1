"""When a recorder is well, and what is said when it is not."""

from pathlib import Path

import msgspec
import pytest

from orderflow_recorder.app.health import CollectorHealth, ForwarderHealth, LoaderReport, SupervisorHealth
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.app.status import find_problems, only_half, read_status
from orderflow_recorder.journal.jetstream.forwarder import ForwarderFigures
from orderflow_recorder.loader.health import LoaderHealth

SUPERVISOR = SupervisorHealth(pid=1, started_at=0, updated_at=0, parts=("collector", "loader-postgres"))
COLLECTOR = CollectorHealth(
    pid=2, started_at=0, updated_at=0, ingestion="recording", connections_open=3, connections_wanted=3, streams=8
)
LOADER = LoaderReport(pid=3, started_at=0, updated_at=0, sink="postgres", figures=LoaderHealth(connected=True))


def test_a_recorder_that_is_well_has_no_problems() -> None:
    assert list(find_problems("main", SUPERVISOR, {"collector": COLLECTOR}, {"loader-postgres": LOADER})) == []


def test_without_a_supervisor_nothing_else_matters() -> None:
    assert list(find_problems("main", None, {"collector": None}, {"loader-postgres": None})) == [
        "no recorder with INSTANCE_ID 'main' runs on this DATA_DIR"
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"ingestion": "disk full"}, "the collector does not record: disk full"),
        ({"connections_open": 1}, "sockets: 1 of 3 are open"),
        ({"wishes_error": "main.json: expected …"}, "streams that were asked for: main.json: expected …"),
        ({"streams_silent": 2}, "streams: 2 of 8 have not sent what they should"),
    ],
)
def test_a_collector_that_is_not_well(changes: dict[str, object], problem: str) -> None:
    collector = msgspec.structs.replace(COLLECTOR, **changes)
    assert list(find_problems("main", SUPERVISOR, {"collector": collector}, {"loader-postgres": LOADER})) == [problem]


def test_a_collector_outside_of_its_window_is_well() -> None:
    collector = msgspec.structs.replace(COLLECTOR, ingestion="asleep", asleep_until=1, connections_open=0)
    assert list(find_problems("main", SUPERVISOR, {"collector": collector}, {"loader-postgres": LOADER})) == []


def test_processes_that_are_missing() -> None:
    assert list(find_problems("main", SUPERVISOR, {"collector": None}, {"loader-postgres": None})) == [
        "the collector does not run",
        "the loader-postgres does not run",
    ]


def test_a_loader_without_its_database() -> None:
    loader = msgspec.structs.replace(LOADER, figures=LoaderHealth(), last_error="connection refused")
    assert list(find_problems("main", SUPERVISOR, {"collector": COLLECTOR}, {"loader-postgres": loader})) == [
        "the loader-postgres has no database: connection refused"
    ]


def test_a_half_without_the_other_is_well() -> None:
    collecting = msgspec.structs.replace(SUPERVISOR, parts=("collector", "forwarder"))
    forwarder = ForwarderHealth(pid=4, started_at=0, updated_at=0, figures=ForwarderFigures(connected=True))
    assert list(find_problems("main", collecting, {"collector": COLLECTOR}, {"loader-postgres": None}, forwarder)) == []
    loading = msgspec.structs.replace(SUPERVISOR, parts=("loader-postgres",))
    assert list(find_problems("main", loading, {"collector": None}, {"loader-postgres": LOADER})) == []
    assert [only_half(one) for one in (SUPERVISOR, collecting, loading)] == [None, "collector", "loader"]


def test_a_journal_server_that_is_away() -> None:
    supervisor = msgspec.structs.replace(SUPERVISOR, parts=("collector", "forwarder", "loader-postgres"))
    forwarder = ForwarderHealth(pid=4, started_at=0, updated_at=0, last_error="connection refused")
    loader = msgspec.structs.replace(LOADER, journal_error="connection refused")
    assert list(
        find_problems("main", supervisor, {"collector": COLLECTOR}, {"loader-postgres": loader}, forwarder)
    ) == [
        "the journal is not published: connection refused",
        "the loader-postgres has no journal: connection refused",
    ]
    assert list(find_problems("main", supervisor, {"collector": COLLECTOR}, {"loader-postgres": LOADER})) == [
        "the forwarder does not run"
    ]


def test_status_of_an_empty_folder_starts_nothing(tmp_path: Path) -> None:
    status = read_status(load_settings(env_file=None, data_dir=tmp_path, db_url=""))
    assert status.supervisor is None
    assert status.journal.segments == 0
    assert list(tmp_path.iterdir()) == []
