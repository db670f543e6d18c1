"""The OpenAPI document: schemathesis asks for whatever it allows, and finds no answer that it does not describe."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orderflow_recorder.app.clock import SystemClock
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.app.subscriptions import RecorderSubscriptions
from orderflow_recorder.live import TickStore
from tests.support import ledger, records
from tests.support.api import KEY, SECOND_KEY, ApiServer, pool_of, services

LEFT_OUT = "positive_data_acceptance,ignored_auth"
"""No schema says that times are in order and spans not too long; wrong keys in numbers shut out the right one, too."""
EXAMPLES = 25


@pytest.fixture
def whole(recorded_url: str, tmp_path: Path) -> Iterator[ApiServer]:
    """Give an API that lacks nothing."""
    store = TickStore()
    store.take([records.trade(), records.agg_trade(), ledger.snapshot(10, "1"), ledger.spot_diff(11, 20, "2")])
    settings = load_settings(env_file=None, data_dir=tmp_path / "data")
    pool = pool_of(recorded_url)
    control = RecorderSubscriptions(settings, SystemClock(), patience_s=0)
    with ApiServer(services(database=pool, store=store, subscriptions=control)) as running:
        yield running
    pool.close()


@pytest.mark.timeout(300)
def test_schemathesis_finds_nothing(whole: ApiServer, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", f"{whole.url}/openapi.json", "--no-color"),
            *("--header", f"X-API-Key: {KEY}", "--checks", "all", "--exclude-checks", LEFT_OUT),
            *("--max-examples", str(EXAMPLES), "--generation-deterministic", "--wait-for-schema", "20"),
        ],
        cwd=tmp_path,
        env={**os.environ, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr
    assert "Rate limited" not in done.stdout
    assert re.search(r"(?P<all>\d{3,}) generated, (?P=all) passed", done.stdout)


def test_the_document_has_every_path_and_no_key(whole: ApiServer) -> None:
    with whole.client(**{"X-API-Key": KEY}) as client:
        answer = client.get("/openapi.json")
        paths = answer.json()["paths"]
    names = "ticks ticks/{market}/{symbol} candles trades book gaps coverage instruments status subscriptions"
    assert paths.keys() == {"/health/live", "/health/ready", *(f"/api/v1/{name}" for name in names.split())}
    for path, methods in paths.items():
        for operation in methods.values():
            assert operation["description"]
            if path.startswith("/api"):
                assert {"key", "bearer"} == {name for one in operation["security"] for name in one}
                assert {"401", "422", "429", "503"} <= operation["responses"].keys()
    for key in (KEY, SECOND_KEY):
        assert key not in answer.text
