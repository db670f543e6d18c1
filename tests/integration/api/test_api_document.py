"""`docs/api.md`: its examples run, and its list of paths is the API's."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support import ledger, records
from tests.support.api import KEY, ApiServer

DOCUMENT = Path("docs/api.md").read_text("utf-8")
ADDRESS = "http://127.0.0.1:8000"
EXAMPLES = [
    block
    for block in re.findall(r"```sh\n(.*?)```", DOCUMENT.partition("\n## Examples")[2], re.DOTALL)
    if "curl" in block
]


@pytest.fixture(scope="module")
def _ticks(server: ApiServer) -> None:
    server.services.store.take([records.trade(), ledger.snapshot(10, "1")])


@pytest.mark.parametrize("example", EXAMPLES)
@pytest.mark.usefixtures("_ticks")
def test_every_example_runs(server: ApiServer, tmp_path: Path, example: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("needs curl")
    assert ADDRESS in example
    done = subprocess.run(
        ["/bin/sh", "-e", "-c", example.replace(ADDRESS, server.url).replace("curl -s", "curl -w '\\n' -sS --fail")],
        cwd=tmp_path,
        env={**os.environ, "API_KEY": KEY, "NO_PROXY": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    if "trades.csv" in example:
        assert (tmp_path / "trades.csv").read_text().startswith("trade_id,price,quantity,")
        return
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert found
    assert all(answer.get("rows", True) for answer in found)
    if "after=" in example:
        ids = [row["trade_id"] for page in found for row in page["rows"]]
        assert len(found) == 3
        assert len(ids) == len(set(ids)) > 2000
    if "at=" in example:
        (book,) = found
        assert book["trusted"]
        shown = re.search(r'"checkpoint":\d+,"bids":\[\{[^}]*\}', DOCUMENT)
        assert shown is not None
        assert shown[0] in done.stdout


def test_the_python_example_runs(server: ApiServer) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
    found: dict[str, Any] = {"API_KEY": KEY}
    exec(compile(example.replace(ADDRESS, server.url), "docs/api.md", "exec"), found)  # noqa: S102  # our own document
    assert len(found["trades"]) > 1000
    assert f"{found['trades'].schema['price']}" == "Decimal(precision=38, scale=18)"


def test_every_path_is_listed(server: ApiServer) -> None:
    with server.client(**{"X-API-Key": KEY}) as client:
        paths = client.get("/openapi.json").json()["paths"]
    for path in [*paths, "/api/v1/stream", "/api/v1/subscriptions"]:
        assert f"{path}`" in DOCUMENT
