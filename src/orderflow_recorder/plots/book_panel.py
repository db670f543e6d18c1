"""The panel of books: quantity by price and time."""

from typing import Any, Final

import altair as alt

from orderflow_recorder.plots.canvas import Canvas, instant, left_axis, number, span, spoken
from orderflow_recorder.plots.heat import Heat
from orderflow_recorder.plots.rows import BOOK_HEIGHT
from orderflow_recorder.plots.words import book_words, plain

_MOST_REASONS: Final = 2
_OVERLAP: Final = 0.6
"""Pixels that a cell reaches over the next: side by side, the edges of both would let the background through."""
_FAINT: Final = 0.1
_STRONG: Final = 0.995
"""Quantiles of the quantities where the colours begin and end: a single wall must not leave all else pale."""


def book_panel(canvas: Canvas) -> alt.LayerChart:
    """Return quantity by price and time, with the best prices."""
    picture, theme = canvas.picture, canvas.theme
    heat = picture.heat
    title = alt.Title("Order book", subtitle=book_words(picture))
    if heat.grid is None:
        reasons = heat.unknown["reason"].unique(maintain_order=True).to_list()[:_MOST_REASONS]
        return canvas.words(title, "; ".join(["no book in this period", *filter(None, reasons)]), height=90)
    scale = alt.Scale(domain=[heat.grid.low, heat.grid.high], nice=False, zero=False)

    def price(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", title=f"price, {picture.quote}", scale=scale, axis=left_axis(labels=",.12~r"))

    cells = (
        spoken(canvas.across("cells"))
        .mark_rect(clip=True, strokeWidth=0, x2Offset=_OVERLAP, y2Offset=-_OVERLAP)
        .encode(
            y=price("low"),
            y2="high:Q",
            color=_quantity(canvas, heat),
            tooltip=[
                instant("book at", "until"),
                number("low", f"from, {picture.quote}"),
                number("high", f"to, {picture.quote}"),
                number("bids", f"bids, {picture.base}"),
                number("asks", f"asks, {picture.base}"),
            ],
        )
    )
    hatching = (
        canvas.across("hatching")
        .mark_rule(clip=True, color=theme.unknown, strokeWidth=1)
        .encode(y=price("low"), y2="high:Q")
    )
    # Drawn by nothing, but it speaks.
    unknown = (
        spoken(canvas.across("unknown"))
        .mark_rect(clip=True, opacity=0)
        .encode(y=price("low"), y2="high:Q", tooltip=[alt.Tooltip("reason:N", title="unknown"), *span()])
    )
    quotes = [
        canvas.over("quotes")
        .mark_line(color=color, strokeWidth=width, interpolate="step-after", clip=True)
        .encode(y=price(name), detail="run:N")
        # On a seam of the background the lines stand out from the colours of the cells.
        for width, colors in ((3.2, (theme.background, theme.background)), (1.4, (theme.buy, theme.sell)))
        for name, color in zip(("bid", "ask"), colors, strict=True)
    ]
    return canvas.panel([hatching, unknown, cells, *quotes], title, holes="depth_holes", height=BOOK_HEIGHT)


def _quantity(canvas: Canvas, heat: Heat) -> alt.Color:
    low, high = colour_range(heat)
    per = f"per {plain(heat.grid.width)} {canvas.picture.quote}" if heat.grid else ""
    scale: Any = alt.Scale(type="log", domain=[low, high], range=list(canvas.theme.heat), clamp=True)
    legend = alt.Legend(gradientLength=150, tickCount=4, format=".3~s")
    return alt.Color("quantity:Q", title=[f"quantity, {canvas.picture.base}", per], scale=scale, legend=legend)


def colour_range(heat: Heat) -> tuple[float, float]:
    """Return the quantities that the first and the last colour stand for, base asset."""
    low = heat.cells["quantity"].quantile(_FAINT) or 1.0
    high = heat.cells["quantity"].quantile(_STRONG) or 1.0
    # A scale needs two ends, also where all levels are the same.
    return low, max(high, low * 10)
