"""What `verify` has to say: a line per stream, and the first counter-example."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from orderflow_recorder.core.completeness import Contradiction, Promise
from orderflow_recorder.domain.gaps import GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.ledger_reads import CoverageRow, GapRow


class Verdict(StrEnum):
    """What was proven of a stream."""

    WHOLE = "whole"
    """No id is missing between its two ends."""
    UNINTERRUPTED = "uninterrupted"
    """It has no ids that could be missing, and nothing interrupted it."""
    REGISTERED = "holes registered"
    """What is missing is in the ledger, all of it and nothing else."""
    BROKEN = "broken"
    """There is a counter-example."""


class StreamReport(msgspec.Struct, frozen=True, kw_only=True):
    """One stream.

    Attributes:
        market: The market.
        symbol: Upper case.
        stream: Wire name without the symbol.
        rows: Rows in its table; of all streams that share it.
        first_id: First id covered; none for streams without ids.
        last_id: Last id covered.
        first_time: Receive time of the first record.
        last_time: Receive time of the last one.
        ids_covered: Ids in rows, and those that were spent.
        ids_spent: Ids that are neither a row nor in a gap, by design of the venue.
        ids_proven_spent: Of these, those whose frame is in a journal; none where no journal was read.
        ids_missing: Ids in gaps that are not healed.
        gaps_open: Number of gaps.
        gaps_unrecoverable: Number of gaps.
        gaps_healed: Number of gaps.
        book_chains: Unbroken runs of the book; none for other streams.
        snapshots_compared: With the book, in whole or in part.
        tops_compared: Book tickers with the update id of a diff.
        verdict: What was proven.
    """

    market: Market
    symbol: str
    stream: str
    rows: int
    first_id: int | None
    last_id: int | None
    first_time: datetime
    last_time: datetime
    ids_covered: int | None
    ids_spent: int
    ids_proven_spent: int | None = None
    ids_missing: int
    gaps_open: int
    gaps_unrecoverable: int
    gaps_healed: int
    book_chains: int | None = None
    snapshots_compared: int | None = None
    tops_compared: int | None = None
    verdict: Verdict


class CounterExample(msgspec.Struct, frozen=True):
    """What contradicts the promise, and where.

    Attributes:
        promise: Which one is broken.
        table: Where to look.
        market: The market.
        symbol: Upper case.
        stream: Wire name without the symbol; none where the rows belong to no stream of the ledger.
        first_id: First of the ids in question; none for streams without ids.
        last_id: Last of them.
        expected: What the promise says.
        found: What the database says.
    """

    promise: Promise
    table: str
    market: Market
    symbol: str
    stream: str | None
    first_id: int | None
    last_id: int | None
    expected: str
    found: str


class Verification(msgspec.Struct, frozen=True):
    """What came out.

    Attributes:
        holds: Whether there is no counter-example.
        counter_example: The first one.
        streams: Those that were looked at, the broken one last.
    """

    holds: bool
    counter_example: CounterExample | None
    streams: Sequence[StreamReport]


def stream_report(coverage: CoverageRow, gaps: Sequence[GapRow], rows: int, ids_spent: int) -> StreamReport:
    """Return the report of a stream that nothing contradicts.

    Args:
        coverage: The stream.
        gaps: All its gaps.
        rows: In its table.
        ids_spent: Ids that are neither a row nor in a gap.
    """
    missing = [gap for gap in gaps if gap.status is not GapStatus.HEALED]
    ids_missing = sum(
        gap.last_missing_id - gap.first_missing_id + 1
        for gap in missing
        if gap.first_missing_id is not None and gap.last_missing_id is not None
    )
    covered = None
    if coverage.first_id is not None and coverage.last_id is not None:
        covered = coverage.last_id - coverage.first_id + 1 - ids_missing
    verdict = Verdict.UNINTERRUPTED if covered is None else Verdict.WHOLE
    number = {status: sum(gap.status is status for gap in gaps) for status in GapStatus}
    return StreamReport(
        market=coverage.market,
        symbol=coverage.symbol,
        stream=coverage.stream,
        rows=rows,
        first_id=coverage.first_id,
        last_id=coverage.last_id,
        first_time=coverage.first_time,
        last_time=coverage.last_time,
        ids_covered=covered,
        ids_spent=ids_spent,
        ids_missing=ids_missing,
        gaps_open=number[GapStatus.OPEN],
        gaps_unrecoverable=number[GapStatus.UNRECOVERABLE],
        gaps_healed=number[GapStatus.HEALED],
        verdict=Verdict.REGISTERED if missing else verdict,
    )


def counter_example(
    wrong: Contradiction, *, table: str, market: Market, symbol: str, stream: str | None
) -> CounterExample:
    """Return where ``wrong`` is."""
    return CounterExample(
        wrong.promise, table, market, symbol, stream, wrong.first_id, wrong.last_id, wrong.expected, wrong.found
    )
