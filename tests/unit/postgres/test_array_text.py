"""Arrays as text, read back by a server where that is the question."""

import psycopg
import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.array_text import array_text
from orderflow_recorder.postgres.connection import connect


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([], "{}"),
        ([1, None, -(2**63)], "{1,null,-9223372036854775808}"),
        ([Market.SPOT, Market.USDM], '{"spot","usdm"}'),
        (['a"b', None], r'{"a\"b",NULL}'),
    ],
)
def test_texts_and_numbers(values: list[str | int | None], text: str) -> None:
    assert array_text(values) == text


@pytest.fixture
def connection(postgres_url: str) -> psycopg.Connection[tuple[list[str]]]:
    return connect(postgres_url)


@pytest.mark.parametrize("odd", ["", "null", "币安USDT", "\x7f", 'a"b', "a\\b", "a\nb\t\x01", "{a,b}", " a "])
def test_the_server_reads_what_was_meant(odd: str, connection: psycopg.Connection[tuple[list[str]]]) -> None:
    with connection:
        row = connection.execute("SELECT %s::text[]", (array_text([odd, "BTCUSDT"]),)).fetchone()
    assert row == ([odd, "BTCUSDT"],)
