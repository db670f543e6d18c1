"""The chart: every hole shows, and it fits."""

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from orderflow_recorder.cli.coverage_chart import Cell, cells, chart
from orderflow_recorder.domain.gaps import GapCause, GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.ledger_reads import CoverageRow, GapRow, by_stream

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def covered(first: float, last: float, stream: str = "trade") -> CoverageRow:
    return CoverageRow(Market.SPOT, "BTCUSDT", stream, 1, 100, at(first), at(last), None)


def gap(
    first: float,
    last: float,
    status: GapStatus = GapStatus.OPEN,
    cause: GapCause = GapCause.DISCONNECT,
    stream: str = "trade",
) -> GapRow:
    return GapRow(
        1, Market.SPOT, "BTCUSDT", stream, 5, 6, at(first), at(last), cause, status, None, at(last), None, None, "main"
    )


def row(coverage: CoverageRow, *gaps: GapRow, blocks: int = 10) -> str:
    signs = {Cell.NOTHING: ".", Cell.COVERED: "#", Cell.HEALED: "+", Cell.WINDOW: "-", Cell.UNRECOVERABLE: "x",
             Cell.OPEN: "o"}  # fmt: skip
    return "".join(signs[cell] for cell in cells(coverage, gaps, start=at(0), end=at(100), blocks=blocks))


def test_time_before_and_after_is_neither_covered_nor_missing() -> None:
    assert row(covered(20, 80)) == "..######.."


def test_a_hole_takes_the_blocks_it_touches() -> None:
    assert row(covered(0, 100), gap(35, 60)) == "###ooo####"


def test_a_hole_shorter_than_a_block_still_shows() -> None:
    assert row(covered(0, 100), gap(35, 35.001)) == "###o######"
    assert row(covered(0, 100), gap(100, 100)) == "#########o"


def test_times_that_run_backwards_show_all_the_same() -> None:
    assert row(covered(100, 0), gap(60, 35)) == "###ooo####"


@pytest.mark.parametrize(
    ("status", "cause", "sign"),
    [
        (GapStatus.HEALED, GapCause.STALL, "+"),
        (GapStatus.UNRECOVERABLE, GapCause.STALL, "x"),
        (GapStatus.UNRECOVERABLE, GapCause.WINDOW, "-"),
        (GapStatus.OPEN, GapCause.STALL, "o"),
    ],
)
def test_status_and_cause_have_their_signs(status: GapStatus, cause: GapCause, sign: str) -> None:
    assert row(covered(0, 100), gap(50, 59, status, cause)) == f"#####{sign}####"


def test_of_two_holes_in_a_block_the_worse_shows() -> None:
    assert row(covered(0, 100), gap(51, 52), gap(53, 54, GapStatus.HEALED)) == "#####o####"


def test_what_lies_outside_is_left_out() -> None:
    assert row(covered(-100, 200), gap(-50, -10), gap(150, 160)) == "##########"


@pytest.mark.parametrize("width", [40, 60, 120])
def test_the_chart_fits_the_width_and_needs_no_colour(width: int) -> None:
    streams = [covered(0, 100), covered(0, 100, "depth@100ms")]
    gaps = by_stream([gap(30, 40), gap(50, 60, GapStatus.HEALED, stream="depth@100ms")])
    console = Console(file=io.StringIO(), width=width, no_color=True)
    console.print(chart(streams, gaps, hours=None, width=width, ascii_only=True))
    assert isinstance(console.file, io.StringIO)
    head, *lines = console.file.getvalue().splitlines()
    assert all(len(line) <= width for line in lines)
    assert head.startswith("2026-01-31 12:00:00.000")
    trade, depth = lines[:2]
    assert (trade.startswith("spot BTCUSDT trade "), "o" in trade[25:], "+" in depth) == (True, True, True)
    assert len(trade) == len(depth) == width


def test_hours_cut_the_beginning_off() -> None:
    console = Console(file=io.StringIO(), width=60, no_color=True)
    console.print(chart([covered(0, 7200)], by_stream([]), hours=1, width=60, ascii_only=True))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().startswith("2026-01-31 13:00:00.000 to 2026-01-31 14:00:00.000 UTC")
