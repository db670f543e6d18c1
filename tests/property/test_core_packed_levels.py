"""A book that waits and packs, against one that takes every text as it comes."""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import TypeAlias
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from orderflow_recorder.core import book_levels
from orderflow_recorder.core.book_levels import BookLevels, Pace
from orderflow_recorder.core.level_texts import AmbiguousPriceError
from orderflow_recorder.core.local_book import Effect, LocalBook
from orderflow_recorder.core.packed_levels import numbers_of, texts_of
from orderflow_recorder.domain.decimal_texts import DecimalTexts
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff
from tests.support import records

Levels: TypeAlias = list[tuple[str, str]]

_PRICES = ("1.00", "1.01", "9.99", "10.00", "123456789012.50")
_ODD_PRICES = ("1", "1.0", "01.00", "1.000", ".50", "1.", "10", "00.01", "0.00", "99999999999999999999.00")
_QUANTITIES = ("0.0", "0.1", "2.5", "70000000.0")
_ODD_QUANTITIES = ("0", "0.00", "00.0", "5", "2.50", ".5", "7.", "123456789012345678901234567890.0")

_usual = st.tuples(st.sampled_from(_PRICES), st.sampled_from(_QUANTITIES))
_any = st.tuples(st.sampled_from(_PRICES + _ODD_PRICES), st.sampled_from(_QUANTITIES + _ODD_QUANTITIES))
_side = st.lists(_usual, max_size=4) | st.lists(_any, max_size=3)
_steps = st.lists(st.tuples(_side, _side) | st.just("cut"), max_size=12)
_base = st.lists(_usual, min_size=1, max_size=4, unique_by=lambda level: level[0])


class TextLevels(BookLevels):
    """Never packed: each diff goes into the dicts as it comes."""

    def _pack(self) -> None:
        pass


def columns(levels: Levels, *, lazy: bool) -> tuple[Sequence[str], Sequence[str]]:
    prices, quantities = [price for price, _ in levels], [quantity for _, quantity in levels]
    return (DecimalTexts(",".join(prices)), DecimalTexts(",".join(quantities))) if lazy else (prices, quantities)


def diff(final: int, bids: Levels, asks: Levels, *, lazy: bool) -> DepthDiff:
    (bid_prices, bid_quantities), (ask_prices, ask_quantities) = columns(bids, lazy=lazy), columns(asks, lazy=lazy)
    return records.depth_diff(
        final,
        final,
        bid_prices=bid_prices,
        bid_quantities=bid_quantities,
        ask_prices=ask_prices,
        ask_quantities=ask_quantities,
    )


def snapshot(bids: Levels, asks: Levels) -> BookSnapshot:
    (bid_prices, bid_quantities), (ask_prices, ask_quantities) = columns(bids, lazy=False), columns(asks, lazy=False)
    return records.book_snapshot(
        10,
        bid_prices=bid_prices,
        bid_quantities=bid_quantities,
        ask_prices=ask_prices,
        ask_quantities=ask_quantities,
    )


@given(base=st.tuples(_base, _base), steps=_steps, waiting=st.sampled_from([1, 70, 10_000]), lazy=st.booleans())
def test_a_book_says_the_same_whether_it_is_packed_or_not(
    base: tuple[Levels, Levels],
    steps: list[tuple[Levels, Levels] | str],
    waiting: int,
    lazy: bool,  # noqa: FBT001  # drawn
) -> None:
    with patch.object(book_levels, "_WAITING_CHANGES", waiting):
        packed, plain = BookLevels(snapshot(*base), Pace()), TextLevels(snapshot(*base), Pace())
        for number, step in enumerate(steps):
            errors = [
                error_of(partial(book.cut, number))
                if isinstance(step, str)
                else error_of(partial(book.apply, diff(11 + number, *step, lazy=lazy)))
                for book in (packed, plain)
            ]
            assert errors[0] == errors[1]
            if isinstance(errors[0], str):
                return
            assert (packed.changes, packed.due, packed.decimals) == (plain.changes, plain.due, plain.decimals)
        assert (packed.bids, packed.asks) == (plain.bids, plain.asks)
        assert error_of(partial(packed.cut, 0)) == error_of(partial(plain.cut, 0))


@given(base=st.tuples(_base, _base), other=st.tuples(_base, _base), steps=_steps)
def test_packed_books_join_as_others_do(
    base: tuple[Levels, Levels], other: tuple[Levels, Levels], steps: list[tuple[Levels, Levels] | str]
) -> None:
    said: list[tuple[object, ...]] = []
    for kind in (BookLevels, TextLevels):
        ours, theirs = kind(snapshot(*base), Pace()), kind(snapshot(*other), Pace())
        for number, step in enumerate(one for one in steps if not isinstance(one, str)):
            one = diff(11 + number, *step, lazy=True)
            said.append((error_of(partial(ours.apply, one)), error_of(partial(theirs.apply, one))))
        wrong = error_of(partial(ours.join, theirs))
        said.append((wrong is None, error_of(partial(ours.cut, 0)), error_of(partial(theirs.cut, 0))))
    assert said[: len(said) // 2] == said[len(said) // 2 :]


def error_of(call: Callable[[], BookSnapshot | str | None]) -> BookSnapshot | str | None:
    """Return what it returns, or the error in words."""
    try:
        return call()
    except AmbiguousPriceError as error:
        return str(error)


@given(
    base=st.tuples(_base, _base),
    steps=st.lists(st.tuples(_side, _side), min_size=1, max_size=25),
    missing=st.sets(st.integers(0, 24), max_size=2),
    cuts=st.sets(st.integers(1, 24), max_size=5),
    top_levels=st.sampled_from([0, 0, 2]),
)
def test_runs_of_diffs_are_taken_as_one_by_one(
    base: tuple[Levels, Levels],
    steps: list[tuple[Levels, Levels]],
    missing: set[int],
    cuts: set[int],
    top_levels: int,
) -> None:
    diffs = [diff(10 + number, *step, lazy=True) for number, step in enumerate(steps) if number not in missing]
    pace = Pace(changes=6, per_level=1)
    one_by_one, in_runs = (LocalBook(top_levels=top_levels, pace=pace) for _ in range(2))
    for book in (one_by_one, in_runs):
        book.take_snapshot(snapshot(*base), ())
    expected: list[Effect] = [effect for one in diffs for effect in one_by_one.take_diff(one)]
    edges = [0, *sorted(cut for cut in cuts if cut < len(diffs)), len(diffs)]
    assert [effect for begin, end in pairwise(edges) for effect in in_runs.take_diffs(diffs[begin:end])] == expected
    assert in_runs.newest == one_by_one.newest


@given(numbers=st.lists(st.integers(0, 10**18 - 1), max_size=40), decimals=st.integers(0, 8))
def test_numbers_are_the_texts_they_came_from(numbers: list[int], decimals: int) -> None:
    text = texts_of(np.array(numbers, np.int64), decimals)
    assert text == ",".join(in_words(number, decimals) for number in numbers)
    found = numbers_of(text, decimals)
    assert found is not None
    assert found.tolist() == numbers


@given(texts=st.lists(st.sampled_from(_PRICES + _ODD_PRICES + _QUANTITIES + _ODD_QUANTITIES), min_size=1, max_size=6))
def test_only_texts_that_come_back_are_numbers(texts: list[str]) -> None:
    for decimals in range(4):
        numbers = numbers_of(",".join(texts), decimals)
        expected = [text for text in texts if is_usual(text, decimals)]
        assert (numbers is None) == (expected != texts)
        if numbers is not None:
            assert texts_of(numbers, decimals).split(",") == texts


def in_words(number: int, decimals: int) -> str:
    digits = f"{number:0{decimals + 1}d}"
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


def is_usual(text: str, decimals: int) -> bool:
    digits = text.replace(".", "", 1)
    return len(digits) <= 18 and in_words(int(digits), decimals) == text
