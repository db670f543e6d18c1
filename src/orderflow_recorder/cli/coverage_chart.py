"""A chart of covered and missing time, one line a stream, that fits a terminal."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from math import ceil
from typing import Final

from rich.console import Group
from rich.text import Text

from orderflow_recorder.cli.ledger_options import format_time
from orderflow_recorder.domain.gaps import WANTED, GapStatus
from orderflow_recorder.postgres.ledger_reads import CoverageRow, GapRow, StreamKey


class Cell(IntEnum):
    """What a block of time is; of several things in one block the greatest shows."""

    NOTHING = 0
    COVERED = 1
    HEALED = 2
    WINDOW = 3
    UNRECOVERABLE = 4
    OPEN = 5


STYLES: Final[dict[Cell, tuple[str, str, str, str]]] = {
    Cell.NOTHING: ("·", ".", "dim", "before or after"),
    Cell.COVERED: ("█", "#", "green", "covered"),
    Cell.HEALED: ("▓", "+", "cyan", "healed"),
    Cell.WINDOW: ("░", "-", "blue", "missing: outside of the window, or removed"),
    Cell.UNRECOVERABLE: ("x", "x", "yellow", "missing: unrecoverable"),
    Cell.OPEN: ("o", "o", "bold red", "missing: open"),
}
"""Sign, sign where there is only ASCII, colour, meaning."""
_NARROWEST: Final = 10
"""Blocks that a chart has at least, whatever the width."""


def chart(
    streams: Sequence[CoverageRow],
    gaps: Mapping[StreamKey, Sequence[GapRow]],
    *,
    hours: float | None,
    width: int,
    ascii_only: bool,
) -> Group:
    """Return the chart.

    Args:
        streams: One line each.
        gaps: Of these streams, by stream.
        hours: Show only that much before the newest record; none shows all.
        width: Columns there are.
        ascii_only: Use no other signs.
    """
    end = max(max(one.first_time, one.last_time) for one in streams)
    start = min(min(one.first_time, one.last_time) for one in streams)
    if hours is not None:
        start = end - timedelta(hours=hours)
    labels = [f"{one.market} {one.symbol} {one.stream}" for one in streams]
    margin = max(map(len, labels)) + 1
    blocks = max(_NARROWEST, width - margin)
    step = (end - start) / blocks
    lines = [
        Text(f"{format_time(start)} to {format_time(end)} UTC, {step.total_seconds():,.3g} s a block", no_wrap=True)
    ]
    used: set[Cell] = set()
    for one, label in zip(streams, labels, strict=True):
        row = cells(one, gaps[one.key], start=start, end=end, blocks=blocks)
        used |= set(row)
        line = Text(label.ljust(margin), no_wrap=True, overflow="crop")
        for cell in row:
            line.append(_sign(cell, ascii_only=ascii_only), STYLES[cell][2])
        lines.append(line)
    legend = Text()
    for cell in sorted(used):
        legend.append(_sign(cell, ascii_only=ascii_only), STYLES[cell][2]).append(f" {STYLES[cell][3]}   ")
    return Group(*lines, legend)


def cells(coverage: CoverageRow, gaps: Sequence[GapRow], *, start: datetime, end: datetime, blocks: int) -> list[Cell]:
    """Return what each block of the time from ``start`` to ``end`` is; a gap is never too short to show."""
    row = [Cell.NOTHING] * blocks
    spans = [(coverage.first_time, coverage.last_time, Cell.COVERED)]
    spans += [(gap.from_time, gap.to_time, _cell(gap)) for gap in gaps if gap.from_time and gap.to_time]
    whole = max((end - start).total_seconds(), 1e-6)
    for one, other, cell in spans:
        low, high = sorted(((one - start).total_seconds(), (other - start).total_seconds()))
        if high < 0 or low > whole:
            continue
        first = min(max(0, int(low / whole * blocks)), blocks - 1)
        last = max(first, min(ceil(high / whole * blocks) - 1, blocks - 1))
        for index in range(first, last + 1):
            row[index] = max(row[index], cell)
    return row


def _cell(gap: GapRow) -> Cell:
    if gap.status is GapStatus.HEALED:
        return Cell.HEALED
    if gap.cause in WANTED:
        return Cell.WINDOW
    return Cell.OPEN if gap.status is GapStatus.OPEN else Cell.UNRECOVERABLE


def _sign(cell: Cell, *, ascii_only: bool) -> str:
    return STYLES[cell][1 if ascii_only else 0]
