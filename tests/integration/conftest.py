"""Fixtures of the embedded Postgres, and of recorders that write to one ledger."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.embedded import EmbeddedPostgres
from tests.support.embedded import copy_cluster, end_server
from tests.support.ledger_writer import Ledger, Recorder


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a finished cluster to copy: initdb waits for the disk, most tests need not."""
    place = tmp_path_factory.mktemp("cluster") / "postgres"
    with EmbeddedPostgres(place):
        pass
    return place


@pytest.fixture
def empty_place(tmp_path: Path) -> Iterator[Path]:
    """Give the place for a cluster to be made; whatever server runs there at the end is stopped."""
    place = tmp_path / "data" / "postgres"
    yield place
    end_server(place)


@pytest.fixture
def data_dir(empty_place: Path, cluster: Path) -> Path:
    """Give a cluster of the test's own."""
    return copy_cluster(cluster, empty_place)


@pytest.fixture
def main(database_url: str) -> Iterator[Recorder]:
    """Give the recorder that writes first."""
    recorder = Recorder(database_url)
    yield recorder
    recorder.sink.close()


@pytest.fixture
def second(database_url: str) -> Iterator[Recorder]:
    """Give another recorder on the same database."""
    recorder = Recorder(database_url, "second")
    yield recorder
    recorder.sink.close()


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    """Give what reads that database's ledger."""
    with connect(database_url) as connection:
        yield Ledger(connection)
