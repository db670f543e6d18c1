"""The specification of a picture."""

from typing import Any

import altair as alt
import msgspec
import polars as pl
import pytest

from orderflow_recorder.plots.chart import specification, with_rows
from orderflow_recorder.plots.flow import FlowReducer
from orderflow_recorder.plots.heat import Heat
from orderflow_recorder.plots.picture import Picture
from orderflow_recorder.plots.rows import datasets
from orderflow_recorder.plots.theme import THEMES, ThemeName
from tests.support.pictures import MINUTE, NOON, SECOND, picture


def draw(shown: Picture, theme: ThemeName = ThemeName.LIGHT) -> dict[str, Any]:
    rows = datasets(shown)
    return with_rows(specification(shown, theme, rows), rows)


def layers(chart: dict[str, Any]) -> list[dict[str, Any]]:
    return [layer for panel in chart["vconcat"] for layer in panel["layer"]]


def empty(shown: Picture) -> Picture:
    """Return the picture without trades, books and coverage."""
    nothing = FlowReducer(NOON, NOON + MINUTE, step=SECOND, bar=SECOND, holes=[]).result()
    heat = shown.heat
    unknown = pl.DataFrame({"start": [NOON], "end": [NOON + MINUTE], "low": [None], "high": [None], "reason": ["why"]})
    no_heat = Heat(0, None, heat.cells.clear(), heat.quotes.clear(), unknown)
    return msgspec.structs.replace(shown, flow=nothing, heat=no_heat, strips=[], holes=[], prices=None)


@pytest.mark.parametrize(
    ("shown", "theme"),
    [(picture(), ThemeName.LIGHT), (picture(holes=False), ThemeName.DARK), (empty(picture()), ThemeName.LIGHT)],
    ids=["holes", "whole", "empty"],
)
def test_it_is_valid_and_everything_in_it_is_there(shown: Picture, theme: ThemeName) -> None:
    chart = draw(shown, theme)
    alt.VConcatChart.from_dict({**chart, "datasets": {}}, validate=True)
    assert chart["config"]["background"] == THEMES[theme].background
    for layer in layers(chart):
        assert chart["datasets"][layer["data"]["name"]], layer


def test_all_panels_share_time_and_move_together() -> None:
    chart = draw(picture())
    (zoom,) = chart["params"]
    assert zoom["bind"] == "scales"
    assert zoom["views"] == [panel["layer"][0]["name"] for panel in chart["vconcat"]]
    assert chart["resolve"]["scale"]["x"] == "shared"


def test_holes_are_in_every_panel() -> None:
    chart = draw(picture())
    with_holes = [any("holes" in layer["data"]["name"] for layer in panel["layer"]) for panel in chart["vconcat"]]
    assert with_holes == [True] * 5
    (hole,) = chart["datasets"]["trade_holes"]
    assert (hole["missing"], hole["ids"], hole["cause"]) == ("49 ids", "201 to 249", "disconnect")
    assert not any("holes" in layer["data"]["name"] for layer in layers(draw(picture(holes=False))))


def test_an_empty_panel_says_why() -> None:
    words = [row["words"] for rows in draw(empty(picture()))["datasets"].values() for row in rows if "words" in row]
    assert words.count("no trades are recorded in this period") == 1  # the rows are equal: one dataset for all panels
    assert "no book in this period; why" in words
    assert "nothing is recorded in this period" in words


def test_numbers_are_rounded_where_nobody_can_see_it_and_times_are_milliseconds() -> None:
    rows = datasets(picture())
    assert rows["path"][0]["time"] == NOON.timestamp() * 1000 + 200
    assert all(abs(row["cvd"]) == float(f"{abs(row['cvd']):.9g}") for row in rows["path"])
    assert {"time", "until", "low", "high", "bids", "asks", "quantity"} == rows["cells"][0].keys()
