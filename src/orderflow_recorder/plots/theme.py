"""Colours and type of the pictures, for light and for dark surroundings."""

from enum import StrEnum
from typing import Any, Final

import msgspec


class ThemeName(StrEnum):
    """Surroundings that a picture is made for."""

    LIGHT = "light"
    DARK = "dark"


class Theme(msgspec.Struct, frozen=True):
    """Colours, as CSS writes them.

    Attributes:
        background: Of the page and of where there is nothing.
        text: Titles.
        soft: Axis labels, second lines.
        line: Axes, grid.
        price: Lines of prices and sums.
        band: Range of prices.
        buy: Where the aggressor bought; best bids.
        sell: Where the aggressor sold; best asks.
        missing: Holes.
        covered: What is recorded.
        unknown: Hatching of where nothing is known.
        heat: Colours of quantities, small to large.
    """

    background: str
    text: str
    soft: str
    line: str
    price: str
    band: str
    buy: str
    sell: str
    missing: str
    covered: str
    unknown: str
    heat: tuple[str, ...]

    def config(self) -> dict[str, Any]:
        """Return the configuration of a Vega-Lite chart."""
        return {
            "background": self.background,
            "font": FONT,
            "view": {"stroke": self.line, "strokeWidth": 1},
            "axis": {
                "labelColor": self.soft,
                "titleColor": self.soft,
                "titleFontWeight": "normal",
                "titleFontSize": 11,
                "labelFontSize": 11,
                "gridColor": self.line,
                "gridOpacity": 0.55,
                "domain": False,
                "tickColor": self.line,
            },
            "legend": {
                "labelColor": self.soft,
                "titleColor": self.soft,
                "titleFontWeight": "normal",
                "titleFontSize": 11,
                "labelFontSize": 11,
                "symbolStrokeWidth": 0,
            },
            "title": {
                "color": self.text,
                "subtitleColor": self.soft,
                "anchor": "start",
                "fontSize": 13,
                "fontWeight": 600,
                "subtitleFontSize": 11.5,
                "subtitlePadding": 4,
                "offset": 8,
            },
        }


FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', 'DejaVu Sans', sans-serif"

THEMES: Final[dict[ThemeName, Theme]] = {
    ThemeName.LIGHT: Theme(
        background="#ffffff",
        text="#1d2733",
        soft="#5b6773",
        line="#e3e7eb",
        price="#39424e",
        band="#aab4bf",
        buy="#1f77b4",
        sell="#e0812b",
        missing="#d7263d",
        covered="#9fb6c8",
        unknown="#c3cbd4",
        heat=("#f3f6fa", "#dfeaf3", "#bcd6e9", "#85b6d9", "#4a8fc1", "#26609f", "#182a61"),
    ),
    ThemeName.DARK: Theme(
        background="#12161c",
        text="#e8ecf0",
        soft="#9aa6b2",
        line="#2a313a",
        price="#d5dbe1",
        band="#66727f",
        buy="#5aa9e6",
        sell="#f2a65a",
        missing="#ff5467",
        covered="#48627a",
        unknown="#3a444f",
        heat=("#151b24", "#18293b", "#1a3c55", "#1d5572", "#2a7c94", "#6cb7bd", "#e6f7f1"),
    ),
}
