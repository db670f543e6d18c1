"""`docs/queries.md` and `queries/` say the same, the results shown are true, and `psql` runs the files."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support import queries
from tests.support.queries import NAMES, ask, defaults, variables
from tests.support.query_document import DOCUMENT, render, sections, table

TEXT: Final = DOCUMENT.read_text("utf-8")
EXAMPLES: Final[dict[str, dict[str, object]]] = {
    "vpin": {"buckets": 3},
    "large_trades": {"quantile": 0.999},
    "liquidations_against_price": {"market": "usdm", "start": "2023-04-05 00:00+00", "end": "2023-04-05 00:05+00"},
}
"""What the examples change of the defaults."""
LIQUIDATIONS: Final = """INSERT INTO liquidations VALUES
    ('usdm', 'BTCUSDT', 'SELL', 'LIMIT', 'IOC', 28140, 28151.3, 0.5, 0.5, 0.5, 'FILLED',
     '2023-04-05 00:01:00.1+00', '2023-04-05 00:01:00.103+00', '2023-04-05 00:01:00.2+00'),
    ('usdm', 'BTCUSDT', 'BUY', 'LIMIT', 'IOC', 28200, 28166.9, 1.25, 1.25, 1.25, 'FILLED',
     '2023-04-05 00:03:20.45+00', '2023-04-05 00:03:20.453+00', '2023-04-05 00:03:20.5+00')"""


def test_every_query_has_its_section() -> None:
    assert set(sections()) == set(NAMES)
    assert re.findall(r"^\| \[(\w+)\]\(#\1\)", TEXT, re.MULTILINE) == list(sections())


@pytest.mark.parametrize("name", NAMES)
def test_the_document_has_the_file(name: str) -> None:
    assert sections()[name][0] == queries.text(name)


@pytest.mark.parametrize("name", NAMES)
def test_the_head_names_the_parameters(name: str) -> None:
    head = queries.text(name).split("-- Columns")[0]
    assert variables(name) <= set(re.findall(r"\w+", head))


def test_the_document_has_the_defaults_and_no_variable_is_without() -> None:
    (block,) = re.findall(r"```psql\n(.*?)```", TEXT, re.DOTALL)
    assert block == Path("queries/defaults.psql").read_text("utf-8")
    assert set().union(*(variables(name) for name in NAMES)) == set(defaults())


@pytest.mark.parametrize("name", NAMES)
def test_the_results_shown_are_those_of_the_capture(name: str, captured: psycopg.Connection[Any]) -> None:
    captured.execute("SET LOCAL timezone = 'UTC'")
    captured.execute(LIQUIDATIONS)
    after = sections()[name][1]
    changed = EXAMPLES.get(name, {})
    assert all(f"`{word}` {value}" in after for word, value in changed.items() if word not in {"start", "end"})
    assert render(ask(captured, name, **changed)) == table(after)


def test_the_other_sql_runs(captured: psycopg.Connection[Any]) -> None:
    others = set(re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)) - {queries.text(name) for name in NAMES}
    assert others
    for query in others:
        captured.execute(query.encode())


def test_psql_runs_the_files(captured_database: psycopg.Connection[Any]) -> None:
    psql = shutil.which("psql")
    if psql is None:
        pytest.skip("needs psql")
    at = captured_database.info
    address = make_conninfo(host=at.host, port=at.port, user=at.user, dbname=at.dbname)
    files = [f"--file=queries/{name}.sql" for name in NAMES]
    done = subprocess.run(
        [
            psql, "--no-psqlrc", "--quiet", "--csv", "--set=ON_ERROR_STOP=1", address,
            "--command=SET timezone = 'UTC'", "--file=queries/defaults.psql", "--command=\\set bucket '5 minutes'",
            *files,
        ],
        env=os.environ | {"PGPASSWORD": at.password},
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "2024-08-09 00:00:00+00,106.05627000,115.56095000,-9.50468000,-9.50468000,t,t" in done.stdout
