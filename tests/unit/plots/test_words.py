"""What pictures say."""

from datetime import timedelta

import msgspec
import pytest

from orderflow_recorder.plots.words import (
    bars_words,
    dots_words,
    holes_words,
    instant,
    length,
    plain,
    subtitle,
    sum_words,
)
from tests.support.pictures import NOON, picture


def test_the_title_says_how_much_there_is_and_what_is_missing() -> None:
    period, rows = subtitle(picture())
    assert period == "2024-08-08 12:00:00 to 2024-08-08 12:01:00 UTC (1 min), by the venue's clock"
    assert rows == ("551 rows of trade · 501 of depth@100ms · 2 holes (148 ids) in depth@100ms, trade, marked in red")
    assert holes_words(picture(holes=False)) == "no holes"


def test_what_is_left_out_is_said() -> None:
    assert dots_words(picture()).startswith("each of the 551 trades a dot")
    many = msgspec.structs.replace(picture(), flow=msgspec.structs.replace(picture().flow, trades=1_000_000))
    assert dots_words(many).startswith("dots: the 551 largest of 1,000,000 trades, evenly over time")
    narrow = msgspec.structs.replace(picture(), prices=(60_000.0, 60_000.5))
    assert "not shown: trades as far as 59,9" in dots_words(narrow)
    assert "what is missing in holes is not in it" in sum_words(picture())
    assert "pale where something is missing" in bars_words(picture())
    assert "pale" not in bars_words(picture(holes=False))


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(milliseconds=5), "5 ms"),
        (timedelta(seconds=90), "1.5 min"),
        (timedelta(hours=36), "1.5 d"),
        (timedelta(hours=2), "2 h"),
    ],
)
def test_lengths(span: timedelta, words: str) -> None:
    assert length(span) == words


def test_instants_have_milliseconds_where_they_need_them() -> None:
    assert instant(NOON) == "2024-08-08 12:00:00"
    assert instant(NOON + timedelta(milliseconds=5)) == "2024-08-08 12:00:00.005"


def test_numbers_are_never_powers_of_ten() -> None:
    assert (plain(0.00002), plain(28_720.1), plain(5.0), plain(100.0)) == ("0.00002", "28,720.1", "5", "100")
