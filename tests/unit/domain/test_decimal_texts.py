"""Many texts as one behave as a list of them."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.domain.decimal_texts import DecimalTexts, joined

texts_of_levels = st.lists(st.from_regex(r"[0-9]{1,5}(\.[0-9]{1,4})?", fullmatch=True), max_size=6)


@given(texts=texts_of_levels, others=texts_of_levels)
def test_they_are_a_list_to_whoever_reads(texts: list[str], others: list[str]) -> None:
    lazy = DecimalTexts(",".join(texts))
    assert isinstance(lazy, Sequence)
    assert list(lazy) == texts
    assert len(lazy) == len(texts)
    assert bool(lazy) == bool(texts)
    assert lazy[1:] == texts[1:]
    assert repr(lazy) == repr(texts)
    assert list(reversed(lazy)) == texts[::-1]
    assert joined(lazy) == joined(texts) == ",".join(texts)
    sames: list[Sequence[str]] = [texts, tuple(texts), DecimalTexts(",".join(texts))]
    for same in sames:
        assert lazy == same
        assert same == lazy
    assert (lazy == others) == (texts == others)
    assert (others == lazy) == (texts == others)


def test_one_of_them() -> None:
    lazy = DecimalTexts("1.0,2.0,3.0")
    assert (lazy[0], lazy[-1], lazy.index("2.0")) == ("1.0", "3.0", 1)
    assert "2.0" in lazy
    assert "2" not in lazy
    with pytest.raises(IndexError):
        lazy[3]


def test_they_are_no_text() -> None:
    lazy: object = DecimalTexts("1.0")
    assert lazy != "1.0"
    assert lazy != 1
