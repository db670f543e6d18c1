"""Fixtures of the embedded Postgres, and of recorders that write to one ledger."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, sync_playwright

from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.embedded import EmbeddedPostgres
from tests.support import database, page
from tests.support.captures import capture
from tests.support.embedded import copy_cluster, end_server
from tests.support.ledger_writer import Ledger, Recorder
from tests.support.processes import wait_until
from tests.support.recorded import write_holed


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


def loaded(postgres_url: str, postgres_template: str, paths: list[Path]) -> Iterator[psycopg.Connection[Any]]:
    """Yield a connection to a database with captures."""
    with database.new_database(postgres_url, template=postgres_template) as url:
        replay(load_settings(env_file=None), url, paths, lambda _path, _left: None)
        with connect(url) as connection:
            connection.execute("ANALYZE")
            yield connection


@pytest.fixture(scope="session")
def captured_database(postgres_url: str, postgres_template: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to a database with captures of both markets; leave it as it is."""
    names = ("spot_btcusdt_2024-08-08", "usdm_btcusdt_2023-04-04", "usdm_five_symbols_2021-04-05")
    yield from loaded(postgres_url, postgres_template, [capture(name) for name in names])


@pytest.fixture(scope="session")
def holed_database(
    postgres_url: str, postgres_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to a database with two minutes of a capture that has holes; leave it as it is."""
    path = tmp_path_factory.mktemp("holed") / "holed.jsonl.gz"
    write_holed(path)
    yield from loaded(postgres_url, postgres_template, [path])


@pytest.fixture
def captured(captured_database: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """Give a transaction on the captures that leaves nothing behind."""
    with captured_database.transaction(force_rollback=True):
        yield captured_database


@pytest.fixture
def holed(holed_database: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """Give a transaction on the capture with holes that leaves nothing behind."""
    with holed_database.transaction(force_rollback=True):
        yield holed_database


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Give a real Chromium; not for longer: while it is there, the thread has an event loop that runs."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=page.CHROMIUM, args=page.ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def page_scene(
    postgres_url: str, postgres_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[page.Stage]:
    """Give venue, recorder and server, not for longer than they are needed.

    The book of spot BTCUSDT has a hole that no source has, and its trades one that was healed.
    """
    folder = tmp_path_factory.mktemp("page")
    with (
        database.new_database(postgres_url, template=postgres_template) as url,
        page.stage(folder, url) as running,
    ):
        running.lose("depth@100ms", 2)
        running.lose("trade", 3)
        wait_until(
            lambda: {gap["status"] for gap in running.gaps()} >= {"unrecoverable", "healed"},
            within_s=page.WITHIN_S,
            what="both holes are in the ledger",
        )
        yield running
