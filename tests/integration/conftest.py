"""Fixtures of the embedded Postgres."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from orderflow_recorder.postgres.embedded import EmbeddedPostgres
from tests.support.embedded import copy_cluster, end_server


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
