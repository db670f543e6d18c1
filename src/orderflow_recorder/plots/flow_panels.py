"""The panels made of trades: price, running sum of deltas, volume by aggressor."""

from typing import Any, Final

import altair as alt

from orderflow_recorder.plots.canvas import Canvas, instant, left_axis, number, span, spoken
from orderflow_recorder.plots.words import bars_words, dots_words, sum_words

_NO_TRADES: Final = "no trades are recorded in this period"
_UNSEEN: Final = 0.001
"""Opacity of marks that only speak: quite transparent ones are never hit."""


def price_panel(canvas: Canvas) -> alt.LayerChart:
    """Return trades and best prices."""
    picture, theme = canvas.picture, canvas.theme
    title = alt.Title("Price", subtitle=dots_words(picture))
    if picture.prices is None:
        return canvas.words(title, _NO_TRADES, height=90)
    ranges = (
        canvas.over("path")
        .mark_rule(color=theme.band, opacity=0.5, clip=True)
        .encode(y=_price(canvas, "low"), y2="high:Q")
    )
    lines = [
        canvas.over(rows)
        .mark_line(color=color, strokeWidth=0.9, interpolate="step-after", clip=True)
        .encode(y=_price(canvas, name), detail="run:N")
        for rows, name, color in (
            ("quotes", "bid", theme.buy),
            ("quotes", "ask", theme.sell),
            ("path", "price", theme.price),
        )
    ]
    return canvas.panel([ranges, *lines, _dots(canvas)], title, holes="trade_holes", height=250)


def cumulative_delta_panel(canvas: Canvas) -> alt.LayerChart:
    """Return the running sum of what aggressors bought minus what they sold."""
    picture, theme = canvas.picture, canvas.theme
    title = alt.Title("Cumulative volume delta (CVD)", subtitle=sum_words(picture))
    if not picture.flow.trades:
        return canvas.words(title, _NO_TRADES, height=60)
    line = (
        canvas.over("path")
        .mark_line(color=theme.price, strokeWidth=1.4, interpolate="step-after", clip=True)
        .encode(y=_sum("cvd", f"CVD, {picture.base}"), detail="run:N")
    )
    # A line is hard to hit: marks over the full height speak for its points.
    handles = (
        spoken(canvas.over("path"))
        .mark_rule(opacity=_UNSEEN, strokeWidth=5, clip=True)
        .encode(
            tooltip=[
                instant("time"),
                number("cvd", f"CVD, {picture.base}"),
                number("price", f"price, {picture.quote}"),
            ]
        )
    )
    return canvas.panel([canvas.zero(), line, handles], title, holes="trade_holes", height=120)


def volume_panel(canvas: Canvas) -> alt.LayerChart:
    """Return bought and sold volume per bar."""
    picture, theme = canvas.picture, canvas.theme
    title = alt.Title("Volume by aggressor", subtitle=bars_words(picture))
    if not picture.flow.trades:
        return canvas.words(title, _NO_TRADES, height=60)
    bars = [
        canvas.across("bars")
        .transform_calculate(zero="0")
        .mark_rect(color=color, clip=True, stroke=theme.background, strokeWidth=0.5)
        .encode(
            y=_sum("zero", f"{picture.base} a bar"),
            y2=f"{name}:Q",
            opacity=alt.condition("datum.hole", alt.value(0.35), alt.value(0.85)),
        )
        for name, color in (("bought", theme.buy), ("below", theme.sell))
    ]
    # Small bars are hard to hit, too.
    handles = (
        spoken(canvas.across("bars"))
        .mark_rect(opacity=_UNSEEN, clip=True)
        .encode(
            tooltip=[
                *span(),
                *(number(name, f"{name}, {picture.base}") for name in ("bought", "sold", "delta")),
                number("trades", "trades"),
                alt.Tooltip("hole:N", title="something is missing"),
            ]
        )
    )
    delta = (
        canvas.across("bars")
        .mark_rule(color=theme.text, strokeWidth=1.6, clip=True)
        .encode(y=_sum("delta", f"{picture.base} a bar"))
    )
    return canvas.panel([*bars, canvas.zero(), delta, handles], title, holes="trade_holes", height=120)


def _dots(canvas: Canvas) -> alt.Chart:
    picture, theme = canvas.picture, canvas.theme
    size = alt.Size(
        "quantity:Q",
        title=f"quantity, {picture.base}",
        scale=alt.Scale(range=[2, 420]),
        legend=alt.Legend(symbolFillColor=theme.soft, tickCount=4),
    )
    sides = alt.Scale(domain=["buy", "sell"], range=[theme.buy, theme.sell])
    dots: alt.Chart = (
        spoken(canvas.over("dots"))
        .mark_circle(opacity=0.6, clip=True)
        .encode(
            y=_price(canvas, "price"),
            size=size,
            color=alt.Color("side:N", title="aggressor", scale=sides, legend=alt.Legend(symbolOpacity=1)),
            tooltip=[
                instant("time"),
                number("price", f"price, {picture.quote}"),
                number("quantity", f"quantity, {picture.base}"),
                alt.Tooltip("side:N", title="aggressor"),
                alt.Tooltip("id:Q", title="id", format="d"),
            ],
        )
    )
    return dots


def _price(canvas: Canvas, field: str) -> alt.Y:
    scale: Any = alt.Scale(zero=False, nice=False, domain=list(canvas.picture.prices or ()))
    return alt.Y(f"{field}:Q", title=f"price, {canvas.picture.quote}", scale=scale, axis=left_axis(labels=",.12~r"))


def _sum(field: str, title: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title=title, axis=left_axis(labels="~s"))
