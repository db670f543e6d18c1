"""The panel of coverage: what is recorded of each stream, and what is missing."""

from typing import Final

import altair as alt

from orderflow_recorder.plots.canvas import Canvas, hole_tooltip, left_axis, span, spoken
from orderflow_recorder.plots.words import holes_words

_ROW: Final = 30
"""Height of a stream's line, pixels."""


def coverage_panel(canvas: Canvas) -> alt.LayerChart:
    """Return a line per stream, holes marked and labelled."""
    picture, theme = canvas.picture, canvas.theme
    title = alt.Title("Coverage", subtitle=holes_words(picture))
    streams = [one.stream for one in picture.strips]
    if not streams:
        return canvas.words(title, "nothing is recorded in this period", height=60)
    y = alt.Y("stream:N", sort=streams, title=None, axis=left_axis(grid=False))
    covered = (
        spoken(canvas.across("strips"))
        .mark_bar(color=theme.covered, height=8, cornerRadius=2, clip=True)
        .encode(y=y, tooltip=[alt.Tooltip("stream:N", title="covered"), *span()])
    )
    # The stroke keeps a hole of a millisecond visible over a day.
    missing = (
        spoken(canvas.across("holes"))
        .mark_bar(color=theme.missing, stroke=theme.missing, strokeWidth=1.5, height=13, clip=True)
        .encode(y=y, tooltip=hole_tooltip())
    )
    labels = (
        canvas.over("holes", "until")
        .mark_text(color=theme.missing, align="left", dx=4, dy=-9, fontSize=10, fontWeight=600, clip=True)
        .encode(y=y, text="label:N")
    )
    return canvas.panel([covered, missing, labels], title, height=_ROW * len(streams))
