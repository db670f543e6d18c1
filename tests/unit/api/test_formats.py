"""What an Accept header asks for, and rows in each of the formats."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from orderflow_recorder.api.formats import Format, choose, rows_response

JSON, CSV, ARROW = Format


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("text/*", CSV),
        ("text/csv", CSV),
        ("TEXT/CSV; charset=utf-8", CSV),
        ("application/vnd.apache.arrow.stream", ARROW),
        ("text/csv;q=0.5, application/json;q=0.4", CSV),
        ("application/json;q=0, */*", CSV),
        ("text/csv;q=0, text/*, application/vnd.apache.arrow.stream;q=0.5", ARROW),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", JSON),
        ("nonsense, text/csv", CSV),
        ("application/json;q=high, text/csv;q=0.1", CSV),
        ("text/csv;q=1e999", CSV),
        (" , text/csv, ", CSV),
    ],
)
def test_the_format_that_is_liked_best(accept: str, expected: Format) -> None:
    assert choose(accept) is expected


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "text/csv;q=nan, image/*", "nonsense", ","])
def test_nothing_that_will_do(accept: str) -> None:
    with pytest.raises(HTTPException) as refused:
        choose(accept, (JSON,))
    assert refused.value.status_code == 406
    assert refused.value.detail == f"Accept: expected application/json, received {accept!r}"


@given(st.text(max_size=200))
def test_any_header_is_read(accept: str) -> None:
    with suppress(HTTPException):
        assert choose(accept) in Format


TIME = datetime(2026, 1, 31, 12, 0, 0, 5, tzinfo=UTC)
TABLE = pa.table(
    {
        "id": pa.array(range(10_000), pa.int64()),
        "time": pa.array([TIME, None] * 5_000, pa.timestamp("us", "UTC")),
        "text": pa.array(['a,"b"\nc', ""] * 5_000),
        "price": pa.array(["1.50", None] * 5_000),
        "sure": pa.array([True, False] * 5_000),
    }
)


async def body(response: object) -> tuple[bytes, int]:
    """Return a response's body, and of how many pieces it is."""
    assert isinstance(response, StreamingResponse)
    pieces = [bytes(piece) async for piece in response.body_iterator]  # type: ignore[arg-type]  # bytes, as ours are
    return b"".join(pieces), len(pieces)


async def test_json_comes_in_pieces_and_is_whole() -> None:
    data, pieces = await body(rows_response(TABLE, JSON, after="xyz"))
    found = json.loads(data)
    assert found["next"] == "xyz"
    assert len(found["rows"]) == 10_000
    assert found["rows"][0] == {
        "id": 0,
        "time": "2026-01-31T12:00:00.000005Z",
        "text": 'a,"b"\nc',
        "price": "1.50",
        "sure": True,
    }
    assert found["rows"][1]["time"] is None
    assert pieces > 3
    empty, _ = await body(rows_response(TABLE[:0], JSON))
    assert json.loads(empty) == {"rows": [], "next": None}


async def test_csv_quotes_what_must_be_quoted() -> None:
    data, pieces = await body(rows_response(TABLE[:2], CSV))
    assert data.decode() == (
        'id,time,text,price,sure\n0,2026-01-31T12:00:00.000005Z,"a,""b""\nc",1.50,true\n1,,"",,false\n'
    )
    assert pieces == 2
    empty, _ = await body(rows_response(TABLE[:0], CSV))
    assert empty == b"id,time,text,price,sure\n"


async def test_arrow_is_what_it_was() -> None:
    exact = TABLE.set_column(3, "price", pa.array([Decimal("1.5"), None] * 5_000, pa.decimal128(38, 18)))
    data, pieces = await body(rows_response(exact, ARROW))
    assert pa.ipc.open_stream(data).read_all() == exact
    assert pieces > 3
    empty, _ = await body(rows_response(exact[:0], ARROW))
    assert pa.ipc.open_stream(empty).read_all().schema == exact.schema


def test_the_next_page_is_in_a_header() -> None:
    assert rows_response(TABLE, CSV, after="x", following="?after=x").headers["link"] == '<?after=x>; rel="next"'
    assert "link" not in rows_response(TABLE, CSV).headers
    assert rows_response(TABLE, CSV).headers["vary"] == "Accept"
