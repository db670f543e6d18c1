"""A cursor comes back as it was, and nothing else is one."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.api.cursors import read_number, read_place, write_number, write_place
from orderflow_recorder.research import QuestionError

TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds it
NUMBERS = st.integers(0, 2**63 - 1)


@given(TIMES, NUMBERS)
def test_a_cursor_comes_back_as_it_was(time: datetime, number: int) -> None:
    assert read_place(write_place(time, number)) == (time, number)
    assert read_number(write_number(number)) == number
    assert len(write_place(time, number)) <= 80
    with pytest.raises(QuestionError, match="after: expected the `next`"):
        read_number(write_place(time, number))
    with pytest.raises(QuestionError, match="after: expected the `next`"):
        read_place(write_number(number))


@given(st.text(max_size=80))
def test_whatever_else_is_refused_or_a_place(text: str) -> None:
    try:
        place = read_place(text)
    except QuestionError:
        return
    assert place is not None
    assert 0 <= place[1] < 2**63


def test_none_is_none() -> None:
    assert read_place(None) is None
    assert read_number(None) is None


@pytest.mark.parametrize(
    "numbers", ["[-1,1]", "[1,-1]", "[1,9223372036854775808]", "[1.5,1]", '["1",1]', "{}", "null", ""]
)
def test_numbers_out_of_their_bounds_are_refused(numbers: str) -> None:
    import base64  # noqa: PLC0415  # for this alone

    cursor = base64.urlsafe_b64encode(numbers.encode()).decode().rstrip("=")
    with pytest.raises(QuestionError):
        read_place(cursor)
