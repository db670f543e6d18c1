"""Proves what the ledger says, stream by stream, and the books; or finds what contradicts it.

The order is that of a reader who trusts nothing: rows that no stream of the ledger covers, then for
each stream the ledger in itself, its ends, each id against rows and gaps, the books, and last the
journals for the ids that were spent. The first contradiction ends it.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import psycopg

from orderflow_recorder.app.verify_journal import JournalCheck
from orderflow_recorder.app.verify_report import (
    CounterExample,
    StreamReport,
    Verdict,
    Verification,
    counter_example,
    stream_report,
)
from orderflow_recorder.app.verify_streams import KINDS_WITH_IDS, check_books, check_ids, check_times
from orderflow_recorder.core.completeness import Contradiction, Promise
from orderflow_recorder.core.intervals import Interval
from orderflow_recorder.domain.errors import UnknownStreamError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.streams import StreamKind, stream_kind
from orderflow_recorder.postgres.ledger_reads import (
    TABLES,
    CoverageRow,
    Filter,
    by_stream,
    one_moment,
    read_coverage,
    read_gaps,
)
from orderflow_recorder.postgres.verify_reads import Total, read_totals

Observe: TypeAlias = Callable[[str, int, int], None]
"""Told what is done now, how much of it is done, and of how much."""
_Key: TypeAlias = tuple[Market, str]
_Spent: TypeAlias = list[Interval]


def verify(url: str, wanted: Filter, journals: Sequence[Path], observe: Observe) -> Verification:
    """Prove invariants 2 and 3, and the books, of every stream wanted, as the database is at this moment.

    Args:
        url: The database, as `connection.connect` takes it.
        wanted: Market and symbol; all of their streams are looked at.
        journals: Where to look for the frames of ids that were spent.
        observe: Told of progress.

    Raises:
        SinkError: The database cannot be read.
        JournalError: A journal cannot be read.
    """
    with one_moment(url) as connection:
        return verify_moment(connection, wanted, journals, observe)


def verify_moment(
    connection: psycopg.Connection[Any], wanted: Filter, journals: Sequence[Path], observe: Observe
) -> Verification:
    """Prove the same of what a connection sees.

    Args:
        connection: In a transaction that sees one moment (`ledger_reads.one_moment`).
        wanted: See `verify`.
        journals: See `verify`.
        observe: See `verify`.
    """
    walk = _Walk(connection, wanted, observe)
    found = walk.run()
    if found is None and journals:
        found = walk.check_journals(journals)
    return Verification(found is None, found, walk.reports)


class _Walk:
    """From stream to stream."""

    def __init__(self, connection: psycopg.Connection[Any], wanted: Filter, observe: Observe) -> None:
        """Read the ledger, and count the rows."""
        observe("counting rows", 0, 0)
        self._connection = connection
        self._observe = observe
        self._coverage = read_coverage(connection, wanted)
        self._gaps = by_stream(read_gaps(connection, wanted))
        self._totals: Mapping[StreamKind, dict[_Key, Total]] = {
            kind: read_totals(connection, kind, wanted) for kind in StreamKind
        }
        self._done = 0
        self._work = sum(self._work_of(kind, total) for kind, some in self._totals.items() for total in some.values())
        self._spent: dict[str, _Spent] = {}
        self.reports: list[StreamReport] = []

    def run(self) -> CounterExample | None:
        """Return the first counter-example that the database holds."""
        kinds: list[tuple[CoverageRow, StreamKind]] = []
        for coverage in self._coverage:
            try:
                kinds.append((coverage, stream_kind(coverage.market, coverage.stream)))
            except UnknownStreamError as error:
                wrong = _outside_ledger("streams that the market publishes", str(error))
                return counter_example(
                    wrong, table="coverage", market=coverage.market, symbol=coverage.symbol, stream=coverage.stream
                )
        if found := self._uncovered(kinds):
            return found
        sharing = Counter((coverage.market, coverage.symbol, kind) for coverage, kind in kinds)
        for coverage, kind in kinds:
            shared = sharing[coverage.market, coverage.symbol, kind] > 1
            if found := self._check(coverage, kind, shared=shared):
                return found
        return None

    def check_journals(self, journals: Sequence[Path]) -> CounterExample | None:
        """Return the first id of futures trades that is neither a row, nor in a gap, nor spent in the journals."""
        check = JournalCheck(self._spent)
        found = None
        for path in journals:
            sizes: list[int] = []

            def observe(left: int, path: Path = path, sizes: list[int] = sizes) -> None:
                sizes.append(left)
                self._observe(f"journal {path.name}", sizes[0] - left, sizes[0])

            found = check.read(path, observe)
            if found is not None:
                break
        found = found or check.finish()
        self.reports = [
            msgspec.structs.replace(
                one,
                ids_proven_spent=check.proven[one.symbol],
                verdict=Verdict.BROKEN if found is not None and found[0] == one.symbol else one.verdict,
            )
            if one.market is Market.USDM and one.stream == StreamKind.TRADE and one.symbol in check.proven
            else one
            for one in self.reports
        ]
        if found is None:
            return None
        symbol, wrong = found
        return counter_example(wrong, table="trades", market=Market.USDM, symbol=symbol, stream=StreamKind.TRADE)

    def _uncovered(self, kinds: Sequence[tuple[CoverageRow, StreamKind]]) -> CounterExample | None:
        """Return rows or gaps of streams that coverage does not have."""
        covered = {(kind, coverage.market, coverage.symbol) for coverage, kind in kinds}
        for kind, totals in self._totals.items():
            for (market, symbol), total in totals.items():
                if (kind, market, symbol) not in covered:
                    wrong = _outside_ledger(
                        "a row in coverage for every stream with rows", f"{total.rows} rows, no coverage"
                    )
                    return counter_example(wrong, table=TABLES[kind], market=market, symbol=symbol, stream=None)
        names = {coverage.key for coverage, _ in kinds}
        for market, symbol, stream in self._gaps.keys() - names:
            wrong = _outside_ledger("a row in coverage for every stream with gaps", "gaps, no coverage")
            return counter_example(wrong, table="gaps", market=market, symbol=symbol, stream=stream)
        return None

    def _check(self, coverage: CoverageRow, kind: StreamKind, *, shared: bool) -> CounterExample | None:
        """Check one stream and report on it."""
        market, symbol = coverage.market, coverage.symbol
        label = f"{market} {symbol} {coverage.stream}"
        self._observe(label, self._done, self._work)
        total = self._totals[kind].get((market, symbol))
        gaps = self._gaps[coverage.key]
        table = TABLES[kind]
        spent: _Spent = []
        if kind in KINDS_WITH_IDS:
            wrong, spent = check_ids(self._connection, kind, coverage, gaps, total, shared=shared)
        else:
            wrong = check_times(coverage, gaps, total, shared=shared)
        report = stream_report(coverage, gaps, total.rows if total else 0, sum(ids.size for ids in spent))
        if spent:
            self._spent[symbol] = spent
        self._advance(label, total.rows if total else 0)
        if kind is StreamKind.DEPTH and wrong is None:
            place, wrong, books = check_books(
                self._connection, market, symbol, lambda diffs: self._advance(f"{label} books", diffs)
            )
            table = place or table
            report = msgspec.structs.replace(
                report, book_chains=books.chains, snapshots_compared=books.snapshots, tops_compared=books.tops
            )
        if wrong is None:
            self.reports.append(report)
            return None
        self.reports.append(msgspec.structs.replace(report, verdict=Verdict.BROKEN))
        return counter_example(wrong, table=table, market=market, symbol=symbol, stream=coverage.stream)

    def _advance(self, label: str, rows: int) -> None:
        self._done += rows
        self._observe(label, self._done, self._work)

    @staticmethod
    def _work_of(kind: StreamKind, total: Total) -> int:
        return total.rows * 2 if kind is StreamKind.DEPTH else total.rows


def _outside_ledger(expected: str, found: str) -> Contradiction:
    return Contradiction(Promise.HOLES_REGISTERED, None, None, expected, found)
