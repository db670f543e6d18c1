"""Made-up flow of one symbol, written as recorders do, and what the book functions say then."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

import psycopg

from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff, Record
from orderflow_recorder.postgres.books import BookVerdict, read_book
from tests.support import records
from tests.support.ledger_writer import Recorder
from tests.support.records import MILLISECOND, NOON

Levels: TypeAlias = dict[str, str]
"""Quantity by price."""
Rows: TypeAlias = list[tuple[str, str, str, bool]]
BEAT: Final = 100
"""ms between diffs; the id of a diff is that of the one before + 10."""


class BookFlow:
    """What recorders write of one symbol, and what the functions say then."""

    def __init__(self, url: str, connection: psycopg.Connection[Any], symbol: str, market: Market) -> None:
        """Start with nothing recorded."""
        self.connection = connection
        self.symbol = symbol
        self.market = market
        self._recorders = {name: Recorder(url, name) for name in ("main", "second")}

    def close(self) -> None:
        """Close the recorders."""
        for recorder in self._recorders.values():
            recorder.sink.close()

    def write(self, *batch: Record, instance: str = "main") -> None:
        """Write a batch as a loader does."""
        self._recorders[instance].write(*batch)

    def diff(self, number: int, bids: Levels | None = None, asks: Levels | None = None, *, clock: int = 0) -> DepthDiff:
        """Build diff ``number``, with update ids up to ten times that; our clock is ``clock`` ns ahead."""
        usdm = self.market is Market.USDM
        time = NOON + number * BEAT * MILLISECOND
        chained: dict[str, Any] = {
            "market": self.market,
            "symbol": self.symbol,
            "previous_final_update_id": number * 10 - 10 if usdm else None,
            "event_time": time,
            "receive_time": time + clock,
            **arrays(bids or {}, asks or {}),
        }
        # On futures the first id tells nothing: it jumps.
        first = number * 10 - (1 if usdm else 9)
        return records.depth_diff(first, number * 10, **chained)

    def snapshot(self, last_update_id: int, bids: Levels, asks: Levels, *, clock: int = 0) -> BookSnapshot:
        """Build a snapshot received when its updates were."""
        known: dict[str, Any] = {
            "market": self.market,
            "symbol": self.symbol,
            "receive_time": NOON + last_update_id * BEAT // 10 * MILLISECOND + clock,
            **arrays(bids, asks),
        }
        return records.book_snapshot(last_update_id, **known)

    def at(self, number: float) -> tuple[BookVerdict, Rows]:
        """Return verdict and book when diff ``number`` was sent, or in between."""
        book = read_book(self.connection, self.market, self.symbol, moment(number))
        rows = [(side, level) for side, levels in (("bid", book.bids), ("ask", book.asks)) for level in levels]
        return book.verdict, [(side, f"{one.price}", f"{one.quantity}", one.known) for side, one in rows]

    def levels(self, number: float) -> Rows:
        """Return the book where it is trusted."""
        verdict, rows = self.at(number)
        assert verdict.trusted, verdict.reason
        assert verdict.checkpoint is not None
        return rows

    def refused(self, number: float) -> str:
        """Return why there is no book."""
        verdict, rows = self.at(number)
        assert (verdict.trusted, verdict.checkpoint, rows) == (False, None, [])
        return verdict.reason


def moment(number: float) -> datetime:
    """Return when diff ``number`` was sent."""
    return datetime.fromtimestamp(NOON // 10**9, UTC) + timedelta(milliseconds=number * BEAT)


def arrays(bids: Levels, asks: Levels) -> dict[str, list[str]]:
    """Return the four lists of a record."""
    return {
        "bid_prices": list(bids),
        "bid_quantities": list(bids.values()),
        "ask_prices": list(asks),
        "ask_quantities": list(asks.values()),
    }
