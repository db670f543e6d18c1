"""The rows behind the marks of a picture: the same for every theme, times in ms since 1970 as charts take them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, TypeAlias

import polars as pl

from orderflow_recorder.plots.hatching import Area, hatching
from orderflow_recorder.plots.holes import Hole, ids_words, missing_words
from orderflow_recorder.plots.picture import Picture

Rows: TypeAlias = list[dict[str, Any]]

WIDTH: Final = 1040
"""Of the panels without their axes, pixels; a page fits it to the window."""
BOOK_HEIGHT: Final = 320
"""Of the panel of books, pixels."""
MOST_LABELS: Final = 12
"""Holes that are labelled, at most: the longest. The others are marked, and say on hovering what they are."""
_DIGITS: Final = 9
"""Significant digits of quantities and their sums: more than anyone can see."""
_QUANTITIES: Final = ("quantity", "cvd", "bought", "sold", "delta", "bids", "asks")


def datasets(picture: Picture) -> dict[str, Rows]:
    """Return the rows of each kind of mark, by name."""
    flow, heat = picture.flow, picture.heat
    return {
        "path": _rows(flow.path),
        "dots": _rows(flow.dots),
        "bars": _rows(flow.bars.with_columns(below=-pl.col("sold"))),
        "cells": _rows(heat.cells),
        "quotes": _rows(heat.quotes),
        "unknown": _rows(heat.unknown),
        "hatching": _hatching(picture),
        "strips": [
            {"stream": one.stream, "time": milliseconds(one.start), "until": milliseconds(one.end)}
            for one in picture.strips
        ],
        "holes": _holes(picture.holes),
        "trade_holes": _holes(picture.holes_of(picture.trade_stream)),
        "depth_holes": _holes(picture.holes_of(picture.depth_stream)),
    }


def milliseconds(moment: datetime) -> float:
    """Return an instant as charts take it."""
    return moment.timestamp() * 1000


def _rows(frame: pl.DataFrame) -> Rows:
    times = [name for name, kind in frame.schema.items() if kind == pl.Datetime]
    rounded = [name for name in (*_QUANTITIES, "below") if name in frame.columns]
    rows = frame.with_columns(
        *(pl.col(name).dt.epoch("us") / 1000 for name in times),
        *(pl.col(name).round_sig_figs(_DIGITS) for name in rounded),
    )
    return rows.rename({"start": "time", "end": "until"}, strict=False).to_dicts()


def _hatching(picture: Picture) -> Rows:
    grid = picture.heat.grid
    if grid is None:
        return []
    area = Area(picture.start, picture.end, grid.low, grid.high, WIDTH, BOOK_HEIGHT)
    boxes = picture.heat.unknown.select("start", "end", "low", "high").rows()
    return [
        {"time": milliseconds(line.start), "until": milliseconds(line.end), "low": line.low, "high": line.high}
        for line in hatching(area, boxes)
    ]


def _holes(holes: Iterable[Hole]) -> Rows:
    longest = sorted(holes, key=lambda hole: hole.start - hole.end)
    return [
        {
            "stream": hole.stream,
            "time": milliseconds(hole.start),
            "until": milliseconds(hole.end),
            "missing": missing_words(hole),
            "ids": ids_words(hole),
            "cause": hole.cause,
            "status": hole.status,
            "reason": hole.reason,
            "label": missing_words(hole) if number < MOST_LABELS else "",
        }
        for number, hole in enumerate(longest)
    ]
