"""The metadata, and that `docs/schema.md` says the same."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from orderflow_recorder.domain.events import RecorderEvent
from orderflow_recorder.domain.records import Instrument
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.tables import metadata

DOCUMENT = Path("docs/schema.md").read_text("utf-8")
TABLES = list(metadata.tables.values())


def section(table: str) -> str:
    found = re.search(rf"^### {table}\n(.*?)(?=^##|\Z)", DOCUMENT, re.DOTALL | re.MULTILINE)
    assert found, f"docs/schema.md has no section for {table}"
    return found[1]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_document_lists_every_column_in_order_with_its_nulls(table: sa.Table) -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| (.+) \|$", section(table.name), re.MULTILINE)
    assert [name for name, _, _ in rows] == [column.name for column in table.columns]
    assert [kind.endswith(", null") for _, kind, _ in rows] == [bool(column.nullable) for column in table.columns]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_the_document_names_the_natural_key(table: sa.Table) -> None:
    unique = next((index for index in table.indexes if index.unique), table.primary_key)
    (key,) = re.findall(r"^Key: (.*?)\.", section(table.name), re.MULTILINE)
    assert re.findall(r"`(\w+)`", key) == [column.name for column in unique.columns]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_and_column_is_commented(table: sa.Table) -> None:
    assert table.comment
    assert all(column.comment for column in table.columns)


def test_events_and_instruments_have_a_column_for_each_field() -> None:
    assert set(metadata.tables["sync_events"].columns.keys()) == set(RecorderEvent.__struct_fields__)
    assert set(metadata.tables["instruments"].columns.keys()) == set(Instrument.__struct_fields__)


def test_the_documents_queries_run(database_url: str) -> None:
    queries = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)
    assert len(queries) > 5
    with connect(database_url) as connection:
        for query in queries:
            connection.pgconn.exec_(b"BEGIN READ ONLY")
            result = connection.pgconn.exec_(query.encode())
            assert not result.error_message, result.error_message.decode()
            connection.pgconn.exec_(b"ROLLBACK")
