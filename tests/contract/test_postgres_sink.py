"""The Postgres sink keeps the contract, on a real server."""

from typing import Any

import pytest
from psycopg import sql
from psycopg.rows import dict_row

from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.sink import PostgresSink
from tests.contract.sink_contract import MakeSink, ReadRows, SinkContract


class TestPostgresSink(SinkContract):
    """`SinkContract` on a database of its own for each test."""

    @pytest.fixture
    def make_sink(self, database_url: str) -> MakeSink:
        """Return what makes a sink on the database."""
        return lambda: PostgresSink(database_url)

    @pytest.fixture
    def read_rows(self, database_url: str) -> ReadRows:
        """Return what reads a table, times in UTC."""

        def read(table: str) -> list[dict[str, Any]]:
            with connect(database_url) as connection, connection.cursor(row_factory=dict_row) as cursor:
                cursor.execute("SET timezone TO 'UTC'")
                return cursor.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))).fetchall()

        return read
