"""A picture as a file: a page that needs nothing but a browser, or a PNG."""

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any, Final

import altair as alt
import vl_convert

from orderflow_recorder.plots import words
from orderflow_recorder.plots.chart import specification, with_rows
from orderflow_recorder.plots.picture import Picture
from orderflow_recorder.plots.rows import datasets
from orderflow_recorder.plots.theme import FONT, THEMES, ThemeName

_VEGA_LITE: Final = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
"""The version whose specifications Altair writes."""
_SNIPPET: Final = "window.vegaEmbed = vegaEmbed;"
"""What the page needs of the libraries."""
_SHARPNESS: Final = 2
"""Pixels of a PNG per pixel of the page, in both directions: sharp on any screen."""
_MARGIN: Final = 215
"""Pixels of a page that the labels and legends beside the panels take."""


def page(picture: Picture, theme: ThemeName | None, *, file_name: str) -> str:
    """Return a page that holds the picture, its data and what draws it; it loads nothing.

    Args:
        picture: What is shown.
        theme: How it looks; none follows the reader's system.
        file_name: Of images saved from the page, without an ending.
    """
    rows = datasets(picture)
    light, dark = THEMES[ThemeName.LIGHT], THEMES[ThemeName.DARK]
    template = files(__package__).joinpath("page.html").read_text("utf-8")
    return template.format(
        theme=theme or "",
        title=escape(f"{words.title(picture)}, {words.instant(picture.start)} UTC"),
        light_page=light.background,
        light_text=light.text,
        light_line=light.line,
        dark_page=dark.background,
        dark_text=dark.text,
        dark_line=dark.line,
        font=FONT,
        margin=_MARGIN,
        charts=_json({name: specification(picture, name, rows) for name in ThemeName}),
        rows=_json(rows),
        library=vl_convert.javascript_bundle(_SNIPPET, vl_version=_VEGA_LITE),
        file=_json(file_name),
    )


def png(picture: Picture, theme: ThemeName) -> bytes:
    """Return the picture as a PNG.

    Args:
        picture: What is shown.
        theme: How it looks.
    """
    rows = datasets(picture)
    chart = with_rows(specification(picture, theme, rows), rows)
    # Nothing may be fetched, and nothing is: all rows are inside.
    image: bytes = vl_convert.vegalite_to_png(chart, vl_version=_VEGA_LITE, scale=_SHARPNESS, allowed_base_urls=[])
    return image


def _json(value: Mapping[str, Any] | str) -> str:
    """Return JSON that may stand inside of a page: no ``<`` that could end its element."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
