"""The checks of one stream: its rows against its ledger, its books against what the venue said."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from heapq import merge
from typing import Any, Final

import psycopg

from orderflow_recorder.core.book_check import BookCheck, Top
from orderflow_recorder.core.completeness import (
    Break,
    Contradiction,
    IdCheck,
    Promise,
    RegisteredGap,
    check_ledger,
    check_shared_rows,
)
from orderflow_recorder.core.intervals import Interval, normal
from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff
from orderflow_recorder.domain.streams import StreamKind
from orderflow_recorder.postgres import verify_reads as reads
from orderflow_recorder.postgres.ledger_reads import CoverageRow, GapRow
from orderflow_recorder.postgres.verify_reads import Total

KINDS_WITH_IDS: Final = frozenset({StreamKind.TRADE, StreamKind.AGG_TRADE, StreamKind.DEPTH})


def check_ids(
    connection: psycopg.Connection[Any],
    kind: StreamKind,
    coverage: CoverageRow,
    gaps: Sequence[GapRow],
    total: Total | None,
    *,
    shared: bool,
) -> tuple[Contradiction | None, list[Interval]]:
    """Compare the rows of a stream with ids with its ledger.

    Args:
        connection: In a transaction.
        kind: Of the stream.
        coverage: The stream.
        gaps: All its gaps.
        total: What its table holds of the symbol; none if nothing.
        shared: Whether another stream has its rows in the same table.

    Returns:
        What is wrong, if anything, and the ids that are neither a row nor in a gap by design.
    """
    cover, registered, wrong = _ledger(coverage, gaps)
    if wrong is not None:
        return wrong, []
    if total is None:
        return IdCheck(cover, registered, several_ids_a_row=False, ids_may_be_spent=False).finish(None), []
    with closing(reads.read_breaks(connection, kind, coverage.market, coverage.symbol)) as breaks:
        if shared:
            return check_shared_rows(cover, registered, _runs(breaks, total)), []
        check = IdCheck(
            cover,
            registered,
            several_ids_a_row=kind is StreamKind.DEPTH,
            ids_may_be_spent=kind is StreamKind.TRADE and coverage.market is Market.USDM,
        )
        for row in breaks:
            if wrong := check.take(row):
                return wrong, []
    return check.finish(total.last_id), check.spent


def _ledger(
    coverage: CoverageRow, gaps: Sequence[GapRow]
) -> tuple[Interval, list[RegisteredGap], Contradiction | None]:
    """Return cover and gaps as ids, and what is wrong with them in themselves."""
    if coverage.first_id is None or coverage.last_id is None:
        found = f"{coverage.first_id} and {coverage.last_id}"
        return Interval(0, -1), [], _bad_ledger("the first and the last id in coverage", found)
    cover = Interval(coverage.first_id, coverage.last_id)
    registered: list[RegisteredGap] = []
    for gap in gaps:
        if gap.first_missing_id is None or gap.last_missing_id is None:
            wrong = _bad_ledger("every gap of a stream with ids to name them", f"gap {gap.gap_id} without ids")
            return cover, [], wrong
        ids = Interval(gap.first_missing_id, gap.last_missing_id)
        registered.append(RegisteredGap(gap.gap_id, ids, gap.status is GapStatus.HEALED))
    return cover, registered, check_ledger(cover, registered)


def check_times(
    coverage: CoverageRow, gaps: Sequence[GapRow], total: Total | None, *, shared: bool
) -> Contradiction | None:
    """Compare the ends of a stream without consecutive ids with its ledger.

    Args:
        coverage: The stream.
        gaps: All its gaps.
        total: What its table holds of the symbol; none if nothing.
        shared: Whether another stream has its rows in the same table.
    """
    if total is None:
        return _bad_ledger("rows of a stream that is covered", "none")
    for name, time in (("first", coverage.first_time), ("last", coverage.last_time)):
        # Not the same as the earliest and the latest: a clock may be set back.
        if not total.first_time <= time <= total.last_time:
            return _bad_ledger(
                f"the {name} row of the stream, received {time}",
                f"rows received from {total.first_time} to {total.last_time}",
            )
    if not shared and coverage.last_key != total.last_id:
        return _bad_ledger(f"rows up to update id (or event time) {coverage.last_key}", f"rows up to {total.last_id}")
    for gap in gaps:
        if gap.from_time is None or gap.to_time is None:
            return _bad_ledger("every gap of a stream without ids to have its times", f"gap {gap.gap_id} without")
    return None


def check_books(
    connection: psycopg.Connection[Any], market: Market, symbol: str, advance: Callable[[int], None]
) -> tuple[str, Contradiction | None, BookCheck]:
    """Rebuild the books of a symbol and compare them with snapshots and book tickers.

    Args:
        connection: In a transaction.
        market: The market.
        symbol: Upper case.
        advance: Told after each some diffs how many they were.

    Returns:
        The table that contradicts, what is wrong, if anything, and what was compared.
    """
    check = BookCheck(market)
    with (
        closing(reads.read_book_diffs(connection, market, symbol)) as diffs,
        closing(reads.read_book_snapshots(connection, market, symbol)) as snapshots,
        closing(reads.read_tops(connection, market, symbol)) as tops,
    ):
        wrong: Contradiction | None
        for one in _by_update_id(_counted(diffs, advance), snapshots, tops):
            if isinstance(one, DepthDiff):
                wrong = check.take_diff(one)
            elif isinstance(one, BookSnapshot):
                wrong = check.take_snapshot(one)
            else:
                wrong = check.take_top(one)
            if wrong is not None:
                return "book_tickers" if isinstance(one, Top) else "book_snapshots", wrong, check
    return "", None, check


_COUNT_EVERY: Final = 1000


def _counted(diffs: Iterator[DepthDiff], advance: Callable[[int], None]) -> Iterator[DepthDiff]:
    for number, diff in enumerate(diffs, start=1):
        if number % _COUNT_EVERY == 0:
            advance(_COUNT_EVERY)
        yield diff


def _by_update_id(
    diffs: Iterator[DepthDiff], snapshots: Iterator[BookSnapshot], tops: Iterator[Top]
) -> Iterator[DepthDiff | BookSnapshot | Top]:
    """Merge the three; where ids are equal, in this order."""
    keyed: Iterator[tuple[int, int, DepthDiff | BookSnapshot | Top]] = merge(
        ((diff.final_update_id, 0, diff) for diff in diffs),
        ((snapshot.last_update_id, 1, snapshot) for snapshot in snapshots),
        ((top.update_id, 2, top) for top in tops),
        key=lambda item: item[:2],
    )
    return (one for _, _, one in keyed)


def _runs(breaks: Iterator[Break], total: Total) -> list[Interval]:
    """Return the ids in rows, from the places where they break."""
    runs: list[Interval] = []
    first: int | None = None
    for row in breaks:
        if row.reached is None or first is None:
            first = row.first
        elif row.first > row.reached + 1:
            runs.append(Interval(first, row.reached))
            first = row.first
    if first is not None:
        runs.append(Interval(first, total.last_id))
    return normal(runs)


def _bad_ledger(expected: str, found: str) -> Contradiction:
    return Contradiction(Promise.HOLES_REGISTERED, None, None, expected, found)
