"""The whole picture as a Vega-Lite specification."""

from collections.abc import Mapping
from typing import Any

import altair as alt

from orderflow_recorder.plots import words
from orderflow_recorder.plots.book_panel import book_panel
from orderflow_recorder.plots.canvas import Canvas
from orderflow_recorder.plots.coverage_panel import coverage_panel
from orderflow_recorder.plots.flow_panels import cumulative_delta_panel, price_panel, volume_panel
from orderflow_recorder.plots.picture import Picture
from orderflow_recorder.plots.rows import Rows
from orderflow_recorder.plots.theme import THEMES, ThemeName


def specification(picture: Picture, theme: ThemeName, rows: Mapping[str, Rows]) -> dict[str, Any]:
    """Return the chart without its rows, which are the same for every theme: `with_rows` adds them.

    Args:
        picture: What is shown.
        theme: How it looks.
        rows: Those of `rows.datasets`.
    """
    canvas = Canvas(picture, THEMES[theme], rows)
    panels = [price_panel, book_panel, cumulative_delta_panel, volume_panel, coverage_panel]
    chart = (
        alt.vconcat(*(panel(canvas) for panel in panels), bounds="flush", spacing=64)
        .resolve_scale(x="shared", color="independent", size="independent")
        .properties(
            title=alt.Title(words.title(picture), subtitle=words.subtitle(picture), fontSize=19, subtitleFontSize=12)
        )
    )
    # Checking it against the schema takes seconds; the tests do.
    found: dict[str, Any] = chart.to_dict(validate=False)
    # Said here and not in each panel, where Altair would warn that it is the same one.
    zoom = {
        "name": "zoom",
        "select": {"type": "interval", "encodings": ["x"]},
        "bind": "scales",
        "views": canvas.frames,
    }
    return {**found, "config": canvas.theme.config(), "params": [zoom]}


def with_rows(chart: Mapping[str, Any], rows: Mapping[str, Rows]) -> dict[str, Any]:
    """Return a chart together with its rows."""
    return {**chart, "datasets": {**chart["datasets"], **rows}}
