"""What the panels of a picture share: the axis of time, holes, how numbers and instants are written."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import altair as alt

from orderflow_recorder.plots.picture import Picture
from orderflow_recorder.plots.rows import WIDTH, Rows, milliseconds
from orderflow_recorder.plots.theme import Theme

_AXIS: Final = 62
"""Room for the labels left of the panels, pixels: the same for all, so that their times stand below each other."""
_PLAIN: Final = ",.12~r"
"""Format of numbers: as many digits as there are, in groups of three."""
_TIMES: Final[Any] = {
    "year": "%Y",
    "quarter": "%b %Y",
    "month": "%b %Y",
    "week": "%d %b",
    "date": "%d %b",
    "hours": "%H:%M",
    "minutes": "%H:%M",
    "seconds": "%H:%M:%S",
    "milliseconds": "%H:%M:%S.%L",
}


class Canvas:
    """Makes panels of one picture in one theme; the rows are those of `rows.datasets`, by name.

    Attributes:
        picture: What is shown.
        theme: How it looks.
    """

    def __init__(self, picture: Picture, theme: Theme, rows: Mapping[str, Rows]) -> None:
        """Take what is shown, how it looks, and the rows: of those that are empty nothing is drawn."""
        self.picture = picture
        self.theme = theme
        self._empty = {name for name, found in rows.items() if not found}
        self._panels = 0

    @property
    def frames(self) -> list[str]:
        """Return the names of the views that span the panels made so far: what moves in one, moves in all."""
        return [f"frame_{number}" for number in range(self._panels)]

    def over(self, name: str, field: str = "time") -> alt.Chart:
        """Return a chart of a dataset over time.

        Args:
            name: Of the dataset.
            field: Its instants: ``time``, or ``until`` for the ends of spans.
        """
        return _timed(alt.Chart(alt.NamedData(name=name)), field)

    def across(self, name: str) -> alt.Chart:
        """Return a chart of a dataset of spans, over time."""
        spans: alt.Chart = self.over(name).encode(x2="until:T")
        return spans

    def panel(
        self, layers: Sequence[alt.Chart], title: alt.Title, *, height: int, holes: str | None = None
    ) -> alt.LayerChart:
        """Return layers as one panel.

        Args:
            layers: From the bottom to the top.
            title: Of the panel.
            height: Pixels.
            holes: Dataset of the holes to draw over it.
        """
        # All panels share one axis of time; its ends are those of the period, whatever happened first and last.
        ends = alt.InlineData(values=[{"time": milliseconds(end)} for end in (self.picture.start, self.picture.end)])
        frame = _timed(alt.Chart(ends).mark_point(opacity=0), "time").properties(name=f"frame_{self._panels}")
        self._panels += 1
        marks = [*layers, *(self._bands(holes) if holes else ())]
        drawn = [layer for layer in marks if getattr(layer.data, "name", None) not in self._empty]
        layered = alt.LayerChart(layer=[frame, *drawn])
        return layered.properties(width=WIDTH, height=height, title=title)

    def words(self, title: alt.Title, words: str, *, height: int) -> alt.LayerChart:
        """Return a panel that says why it is empty."""
        text = alt.Chart(alt.InlineData(values=[{"words": words}])).mark_text(color=self.theme.soft, fontSize=13)
        middle = text.encode(x=alt.value(WIDTH / 2), y=alt.value(height / 2), text="words:N")
        return self.panel([middle], title, height=height)

    def zero(self) -> alt.Chart:
        """Return a line at 0."""
        rows = alt.InlineData(values=[{"zero": 0}])
        line: alt.Chart = alt.Chart(rows).mark_rule(color=self.theme.soft, strokeWidth=0.6).encode(y="zero:Q")
        return line

    def _bands(self, name: str) -> list[alt.Chart]:
        """Return the holes over the full height: a pale band, and a line where each begins and ends."""
        missing = self.theme.missing
        band = self.across(name).mark_rect(color=missing, opacity=0.14, clip=True)
        lines = [
            self.over(name, field).mark_rule(color=missing, opacity=0.8, strokeWidth=1, clip=True)
            for field in ("time", "until")
        ]
        return [spoken(layer).encode(tooltip=hole_tooltip()) for layer in (band, *lines)]


def _timed(chart: alt.Chart, field: str) -> alt.Chart:
    axis = alt.Axis(format=_TIMES, tickCount=10, labelOverlap=True)
    timed: alt.Chart = chart.encode(
        x=alt.X(f"{field}:T", title=None, axis=axis, scale=alt.Scale(type="utc", nice=False))
    )
    return timed


def spoken(chart: alt.Chart) -> alt.Chart:
    """Return a chart whose instants can be read: ``time_text`` and ``until_text`` in UTC, for tooltips."""
    texts = {f"{field}_text": f"utcFormat(datum.{field}, '%Y-%m-%d %H:%M:%S.%L')" for field in ("time", "until")}
    return chart.transform_calculate(**texts)


def instant(title: str, field: str = "time") -> alt.Tooltip:
    """Return the line of a tooltip for an instant of a `spoken` chart."""
    return alt.Tooltip(f"{field}_text:N", title=f"{title}, UTC")


def span() -> list[alt.Tooltip]:
    """Return the lines of a tooltip for a span of a `spoken` chart."""
    return [instant("from"), instant("to", "until")]


def number(field: str, title: str) -> alt.Tooltip:
    """Return the line of a tooltip for a number."""
    return alt.Tooltip(f"{field}:Q", title=title, format=_PLAIN)


def hole_tooltip() -> list[alt.Tooltip]:
    """Return the lines of a tooltip for a hole."""
    lines = [alt.Tooltip(f"{name}:N", title=name) for name in ("stream", "missing", "ids", "cause", "status", "reason")]
    return [*lines, *span()]


def left_axis(*, labels: str | None = None, grid: bool = True) -> alt.Axis:
    """Return an axis of values: as wide as those of the other panels.

    Args:
        labels: Format of its numbers.
        grid: Whether lines go from it through the panel.
    """
    axis = alt.Axis(minExtent=_AXIS, maxExtent=_AXIS, grid=grid, tickCount=5, titlePadding=4)
    return axis if labels is None else alt.Axis(**{**axis.to_dict(), "format": labels})
