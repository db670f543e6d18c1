"""Spans of time as people write them."""

from datetime import timedelta

import pytest

from orderflow_recorder.app.durations import check_compress_after, check_duration, duration, duration_text


@pytest.mark.parametrize(
    ("text", "normal", "meaning"),
    [
        ("90d", "90d", timedelta(days=90)),
        (" 12 H ", "12h", timedelta(hours=12)),
        ("4w", "4w", timedelta(days=28)),
        ("120m", "120m", timedelta(hours=2)),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, normal: str, meaning: timedelta) -> None:
    assert check_duration(text) == normal
    assert duration(normal) == meaning
    assert check_compress_after(text) == normal


@pytest.mark.parametrize("text", ["", "  "])
def test_nothing_stays_nothing(text: str) -> None:
    assert check_duration(text) == ""
    assert check_compress_after(text) == ""


def test_off_is_a_word_of_compression_alone() -> None:
    assert check_compress_after(" OFF ") == "off"
    with pytest.raises(ValueError, match="expected a duration"):
        check_duration("off")


@pytest.mark.parametrize("text", ["90", "d", "1.5d", "-1d", "0h", "1y", "1d12h", "99999999d", "٣d"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as 90d"):
        check_duration(text)


@pytest.mark.parametrize(
    ("text", "written"), [("90d", "90d"), ("4w", "28d"), ("48h", "2d"), ("90m", "90m"), ("36h", "36h")]
)
def test_a_span_is_written_in_the_longest_unit_that_fits(text: str, written: str) -> None:
    assert duration_text(duration(text)) == written
