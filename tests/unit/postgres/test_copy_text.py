"""Lines of COPY text, as text; `tests/integration/test_sink.py` reads them back from a server."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.postgres.copy_text import LAYOUTS, escape, timestamp
from orderflow_recorder.postgres.tables import metadata
from tests.support import records

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TEXTS = {kind for kind, layout in LAYOUTS.items() if layout.form == "text"}


def line(record: msgspec.Struct) -> str:
    return LAYOUTS[type(record)].encode([record]).decode()


def test_a_time_is_cut_to_microseconds() -> None:
    assert timestamp(1_723_161_255_208_123_999) == "2024-08-08 23:54:15.208123+00"


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01 00:00:00.000000+00"),
        (1_000, "1970-01-01 00:00:00.000001+00"),
        (-1, "1969-12-31 23:59:59.999999+00"),
        (999_999_999, "1970-01-01 00:00:00.999999+00"),
        (1_000_000_000, "1970-01-01 00:00:01.000000+00"),
    ],
)
def test_times_about_the_epoch_are_right(time_ns: int, text: str) -> None:
    assert timestamp(time_ns) == text


@given(st.integers(min_value=-(10**19), max_value=10**20))
def test_every_time_reads_back_as_the_same_microsecond(time_ns: int) -> None:
    assert datetime.fromisoformat(timestamp(time_ns)) == EPOCH + timedelta(microseconds=time_ns // 1000)


@pytest.mark.parametrize("time_ns", [10**21, -(10**20), 10**40])
def test_a_time_no_calendar_has_is_a_value_error(time_ns: int) -> None:
    with pytest.raises(ValueError, match="between the years 1 and 9999"):
        timestamp(time_ns)


@given(st.text())
def test_escaped_text_is_one_field_and_reads_back(text: str) -> None:
    escaped = escape(text)
    assert not set("\t\n\r") & set(escaped)
    plain, rest = "", iter(escaped)
    for character in rest:
        plain += {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}[next(rest)] if character == "\\" else character
    assert plain == text


def test_a_ticker_is_one_line_with_the_venues_own_digits() -> None:
    ticker = records.book_ticker(7, bid_price="0.00000001", bid_quantity="92233720368.54775807")
    assert line(ticker).split("\t")[2:5] == ["7", "0.00000001", "92233720368.54775807"]


def test_levels_are_array_literals_in_order() -> None:
    fields = line(records.depth_diff(1, 5, bid_prices=["2.0", "1.0"], ask_prices=[], ask_quantities=[])).split("\t")
    assert fields[8:] == ["{2.0,1.0}", "{0.00100000,0.00000000}", "{}", "{}\n"]
    assert fields[4] == r"\N"


def test_text_that_copy_would_misread_is_escaped() -> None:
    fields = line(records.depth_diff(1, 5, symbol="A\\\tB\n")).split("\t")
    assert fields[1] == r"A\\\tB\n"
    assert len(fields) == 12


@pytest.mark.parametrize("record", [one for one in records.one_of_each() if type(one) in TEXTS])
def test_a_line_has_one_field_a_column_of_its_table(record: msgspec.Struct) -> None:
    layout = LAYOUTS[type(record)]
    assert len(line(record).split("\t")) == len(layout.columns)
    assert set(layout.columns) == set(metadata.tables[layout.table].columns.keys())


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=lambda layout: layout.table)
def test_a_layouts_key_is_the_tables_unique_index(layout: object) -> None:
    table = metadata.tables[layout.table]  # type: ignore[attr-defined]  # parametrised values are objects
    (index,) = [index for index in table.indexes if index.unique]
    assert tuple(column.name for column in index.columns) == layout.key  # type: ignore[attr-defined]  # as above
