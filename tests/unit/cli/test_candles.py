"""Intervals as people write them."""

from datetime import timedelta

import pytest
import typer

from orderflow_recorder.cli.candles import parse_interval


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1s", timedelta(seconds=1)),
        ("5s", timedelta(seconds=5)),
        (" 15M ", timedelta(minutes=15)),
        ("4h", timedelta(hours=4)),
        ("1d", timedelta(days=1)),
        ("2w", timedelta(weeks=2)),
    ],
)
def test_whole_numbers_of_units(text: str, expected: timedelta) -> None:
    assert parse_interval(text) == expected


@pytest.mark.parametrize("text", ["", "5", "s", "0s", "-1m", "1.5m", "1y", "500ms", "9999999999w", "1m 5s"])
def test_anything_else_is_refused_with_examples(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="like 5s, 15m, 4h, 1d, 1w, got"):
        parse_interval(text)
