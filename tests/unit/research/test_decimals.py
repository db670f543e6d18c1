"""Decimal text to Arrow numbers: the same number, or a refusal, never another number."""

from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orderflow_recorder.research.decimals import DECIMAL, DoesNotFitError, to_lists, to_numbers

DIGITS = st.text("0123456789", max_size=45)


def fits(text: str) -> bool:
    """Say whether a number has at most 20 digits before and 18 after its point, zeros at either end aside."""
    whole, _, fraction = text.lstrip("-").partition(".")
    return len(whole.lstrip("0")) <= 20 and len(fraction.rstrip("0")) <= 18


@settings(deadline=None)
@given(st.sampled_from(["", "-"]), DIGITS, DIGITS)
@example("", "704341925412248244757", "")
@example("", "4368038790093432428344947285761", "396341019")
@example("", "19205675419113692594", "9029095734597908646")
@example("-", "99999999999999999999", "999999999999999999")
@example("", "100000000000000000000", "")
def test_a_number_comes_out_as_it_is_or_not_at_all(sign: str, whole: str, fraction: str) -> None:
    text = f"{sign}{whole.lstrip('0') or '0'}{'.' if fraction else ''}{fraction}"
    if fits(text):
        assert to_numbers(pa.array([text]), DECIMAL).to_pylist() == [Decimal(text)]
    else:
        with pytest.raises(DoesNotFitError) as caught:
            to_numbers(pa.array(["1.5", text]), DECIMAL)
        assert caught.value.args == (text,)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1.2.3"])
def test_what_is_no_number_does_not_fit(text: str) -> None:
    with pytest.raises(DoesNotFitError, match=text):
        to_numbers(pa.array([text]), DECIMAL)


def test_nulls_stay_null_also_beside_long_numbers() -> None:
    texts = ["1.5", None, "0." + "0" * 60]
    assert to_numbers(pa.array(texts), DECIMAL).to_pylist() == [Decimal("1.5"), None, Decimal(0)]
    assert to_numbers(pa.array([None], pa.string()), DECIMAL).to_pylist() == [None]
    assert to_numbers(pa.array([], pa.string()), DECIMAL).type == DECIMAL


def test_floats_are_the_nearest_ones() -> None:
    texts = ["61737.63000000", "0.1", "92233720368.54775807", "1" + "0" * 30]
    assert to_numbers(pa.array(texts), pa.float64()).to_pylist() == [float(text) for text in texts]


def test_lists_keep_their_order_and_empty_ones_stay() -> None:
    texts = ["{}", "{1.50,2}", "{}", "{-3}", "{}"]
    found = to_lists(pa.array(texts), DECIMAL)
    assert found.to_pylist() == [[], [Decimal("1.5"), Decimal(2)], [], [Decimal(-3)], []]
    assert to_lists(pa.array(["{}"]), pa.float64()).to_pylist() == [[]]
    assert to_lists(pa.array([], pa.string()), DECIMAL).to_pylist() == []


def test_a_number_within_a_list_that_does_not_fit_is_named() -> None:
    with pytest.raises(DoesNotFitError, match=r"0\.0000000000000000001"):
        to_lists(pa.array(["{1,2}", "{3,0.0000000000000000001}"]), DECIMAL)
