"""Single values."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.binance.values import (
    check_decimals,
    check_optional_decimal,
    check_signed_decimal,
    check_symbol,
    check_text,
    is_zero,
    split_levels,
    to_ns,
)
from orderflow_recorder.domain.errors import FrameError


@pytest.mark.parametrize(
    ("venue_time", "ns"),
    [
        (1723161255208, 1723161255208_000_000),
        (1723161255208123, 1723161255208123_000),
        (1, 1_000_000),
        (7258118399999, 7258118399999_000_000),
        (7258118399999999, 7258118399999999_000),
    ],
)
def test_milliseconds_and_microseconds_are_told_apart_by_size(venue_time: int, ns: int) -> None:
    assert to_ns(venue_time) == ns


@pytest.mark.parametrize("venue_time", [0, -1, 7258118400000, 10**14 - 1, 7258118400000000, 10**18, 2**64])
def test_times_outside_of_1970_to_2200_are_refused(venue_time: int) -> None:
    with pytest.raises(FrameError, match="between 1970 and 2200"):
        to_ns(venue_time)


DECIMAL = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+", re.ASCII)


@given(st.lists(st.text("0019.,+-e ٣", max_size=6), max_size=6))
def test_a_list_passes_exactly_where_every_value_is_decimal_text(values: list[str]) -> None:
    if all(DECIMAL.fullmatch(value) for value in values):
        check_decimals(values)
    else:
        with pytest.raises(FrameError, match="expected decimal text"):
            check_decimals(values)


@given(st.lists(st.text(max_size=3), max_size=4))
def test_no_text_makes_the_check_raise_anything_else(values: list[str]) -> None:
    try:
        check_decimals(values)
    except FrameError:
        assert not all(DECIMAL.fullmatch(value) for value in values)


@pytest.mark.parametrize("wrong", ["", ".", "1..2", "1.2.3", "-1", "+1", "1e5", "NaN", " 1", "1,2", "٣", "1_0", "\x00"])
def test_the_wrong_value_is_shown(wrong: str) -> None:
    with pytest.raises(FrameError, match="received"):
        check_decimals(["61737.63000000", wrong, "1"])


def test_the_largest_capped_quantity_passes() -> None:
    check_decimals(["92233720368.54775807"])


def test_a_number_longer_than_numeric_is_refused() -> None:
    with pytest.raises(FrameError, match="16000 characters"):
        check_decimals(["1", "9" * 16_001])
    check_decimals(["1.25"] * 10_000)


def test_absent_and_empty_optional_decimals_are_none() -> None:
    assert check_optional_decimal(None) is None
    assert check_optional_decimal("") is None
    assert check_optional_decimal("1.5") == "1.5"
    with pytest.raises(FrameError):
        check_optional_decimal("-1.5")


def test_only_signed_decimals_may_have_a_sign() -> None:
    assert check_signed_decimal("-0.00010000") == "-0.00010000"
    assert check_signed_decimal("0.0001") == "0.0001"
    assert check_signed_decimal("") is None
    assert check_signed_decimal(None) is None
    for wrong in ["--1", "-", "1-", "0x1", "1" * 16_001]:
        with pytest.raises(FrameError, match="signed decimal"):
            check_signed_decimal(wrong)


def test_zero_is_zero_however_it_is_written() -> None:
    assert all(is_zero(zero) for zero in ["0", "0.00", "000.", ".0"])
    assert not any(is_zero(other) for other in ["0.001", "10", "1.0"])


def test_levels_become_columns() -> None:
    columns = split_levels([("1", "2"), ("3", "4")], [("5.5", "0.000")])
    assert columns == (["1", "3"], ["2", "4"], ["5.5"], ["0.000"])
    assert split_levels([], []) == ([], [], [], [])


def test_symbols_are_upper_case_and_printable() -> None:
    assert check_symbol("btcusdt_210625") == "BTCUSDT_210625"
    assert check_symbol("币安人生usdt") == "币安人生USDT"
    for wrong in ["", "a b", "a\x00"]:
        with pytest.raises(FrameError, match="expected a symbol"):
            check_symbol(wrong)


def test_words_must_be_printable() -> None:
    assert check_text("FILLED") == "FILLED"
    with pytest.raises(FrameError, match="printable"):
        check_text("FILLED\x00")
