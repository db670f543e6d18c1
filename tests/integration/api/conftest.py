"""A recorded database behind the API."""

from collections.abc import Iterator

import pytest

from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import load_settings
from tests.support import ledger, records
from tests.support.api import KEY, ApiServer, Asked, pool_of, services
from tests.support.captures import capture
from tests.support.database import new_database
from tests.support.recorded import write_holed

FUTURES = "usdm_five_symbols_2021-04-05"


@pytest.fixture(scope="session")
def recorded_url(postgres_url: str, postgres_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of a database with a spot capture that has holes, and futures without."""
    holed = tmp_path_factory.mktemp("holed") / "holed.jsonl.gz"
    write_holed(holed)
    with new_database(postgres_url, template=postgres_template) as url:
        replay(load_settings(env_file=None), url, [holed, capture(FUTURES)], lambda _path, _left: None)
        ledger.write(url, [records.instrument(), records.instrument(symbol="ETHUSDT", tick_size=None)])
        yield url


@pytest.fixture(scope="session")
def server(recorded_url: str) -> Iterator[ApiServer]:
    """Give the API on that database."""
    pool = pool_of(recorded_url)
    with ApiServer(services(database=pool)) as running:
        yield running
    pool.close()


@pytest.fixture
def asked(server: ApiServer) -> Iterator[Asked]:
    """Give what asks it, with a key."""
    with server.client(**{"X-API-Key": KEY}) as client:
        yield Asked(client)
