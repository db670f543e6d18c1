"""The notebook in examples/, run in a kernel of its own on recorded captures."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import psycopg
import pytest
from nbclient import NotebookClient

from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import load_settings
from tests.support.captures import capture
from tests.support.database import new_database, with_database

NOTEBOOK = Path("examples/order_flow.ipynb")


@pytest.fixture
def holed_url(postgres_url: str, holed_database: psycopg.Connection[Any]) -> str:
    """Give the address of a capture with holes, after which no book can be rebuilt."""
    return with_database(postgres_url, holed_database.info.dbname)


@pytest.fixture
def whole_url(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """Give the address of a capture without holes, of aggregate trades."""
    path = capture("spot_two_symbols_2021-04-04")
    with new_database(postgres_url, template=postgres_template) as url:
        replay(load_settings(env_file=None), url, [path], lambda _path, _left: None)
        yield url


def run(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run the notebook, and return what its cells gave as text; a cell that fails raises."""
    monkeypatch.setenv("DB_URL", url)
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # it has no types
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": "examples"}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    return "\n".join(str(output.get("data", {}).get("text/plain", "")) for output in outputs)


def test_it_runs_where_something_is_missing(holed_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = run(holed_url, tmp_path, monkeypatch)
    assert "'BTCUSDT'" in text
    assert "no snapshot" in text
    assert "venue_skipped" in text


def test_it_runs_where_all_is_there(whole_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = run(whole_url, tmp_path, monkeypatch)
    assert "'aggTrade'" in text
    assert "levels, 0 breaks" in text
    assert "alt.Chart(...)" in text


def test_it_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]  # it has no types
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)
