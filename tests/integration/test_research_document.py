"""The examples of `docs/research.md`: they run, one after the other, and say what they say they do."""

import re
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.database import with_database

DOCUMENT = Path("docs/research.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)
ADDRESS = "postgresql://me@localhost/orderflow"


def test_every_example_runs(
    postgres_url: str, holed_database: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    url = with_database(postgres_url, holed_database.info.dbname)
    found: dict[str, Any] = {}
    for example in EXAMPLES:
        exec(compile(example.replace(ADDRESS, url), "docs/research.md", "exec"), found)  # noqa: S102  # our own document
    assert ADDRESS in DOCUMENT
    assert len(found["trades"]) == len(found["cvd"]) > 1000
    assert found["volume"] == found["trades"]["quantity"].sum()
    assert 0 < len(found["whole"]) < len(found["candles"])
    assert found["spread"] > 0
    assert len(found["spreads"]) > 50
    assert len(found["changed"]) > 1000
    printed = capsys.readouterr().out
    assert "update ids" in printed
    assert "disconnect" in printed or "venue_skipped" in printed
