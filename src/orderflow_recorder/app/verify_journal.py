"""Are the ids without a row really spent: futures trade ids, held against the journal.

A futures frame of price 0 uses up a trade id and is no row. In the database such an id looks like a
row that was lost; the journal has the frame.
"""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from orderflow_recorder.binance.parse import BinanceParser
from orderflow_recorder.core.completeness import Contradiction, Promise
from orderflow_recorder.core.intervals import Interval, intersect, normal
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import SpentTradeId, Trade
from orderflow_recorder.journal.captures import open_capture
from orderflow_recorder.ports.journal import EntryKind, JournalEntry

_READ_BYTES: Final = 4 << 20
_TRADE_STREAM: Final = b"@trade"


class JournalCheck:
    """What the journals say of the ids that the database holds for spent."""

    def __init__(self, spent: Mapping[str, Sequence[Interval]]) -> None:
        """Take the ids, by symbol of the futures market, that are neither a row nor in a gap."""
        self._spent = {symbol: normal(many) for symbol, many in spent.items()}
        self._found: dict[str, set[int]] = {symbol: set() for symbol in spent}
        self._seen: dict[str, Interval] = {}
        self._parser = BinanceParser()

    @property
    def proven(self) -> Mapping[str, int]:
        """Return how many ids of each symbol are frames of price 0 in a journal."""
        return {symbol: len(found) for symbol, found in self._found.items()}

    def read(self, path: Path, observe: Callable[[int], None]) -> tuple[str, Contradiction] | None:
        """Read a journal from its beginning to its end.

        Args:
            path: A journal's folder, or a segment.
            observe: Told how many bytes are left.

        Returns:
            A symbol and what is wrong: a trade in the journal that is no row in the database.

        Raises:
            JournalError: It cannot be read.
        """
        reader = open_capture(path)
        try:
            while entries := reader.read(_READ_BYTES):
                for entry in entries:
                    if found := self._take(entry):
                        return found
                observe(reader.lag_bytes())
        finally:
            reader.close()
        return None

    def finish(self) -> tuple[str, Contradiction] | None:
        """Return a symbol and an id that the journals should have and do not.

        Ids before their beginning (segments are deleted in time) are left out.
        """
        for symbol, seen in self._seen.items():
            for ids in intersect(self._spent[symbol], [seen]):
                for trade_id in range(ids.first, ids.last + 1):
                    if trade_id not in self._found[symbol]:
                        return symbol, _unexplained(trade_id)
        return None

    def _take(self, entry: JournalEntry) -> tuple[str, Contradiction] | None:
        if entry.kind is not EntryKind.FRAME or entry.market is not Market.USDM or _TRADE_STREAM not in entry.payload:
            return None
        try:
            records = self._parser.parse(entry)
        except FrameError:
            return None  # what cannot be read became no row, and is in the ledger as a gap
        for record in records:
            if isinstance(record, SpentTradeId | Trade) and record.symbol in self._spent:
                here = Interval(record.trade_id, record.trade_id)
                seen = self._seen.get(record.symbol, here)
                self._seen[record.symbol] = Interval(min(seen.first, here.first), max(seen.last, here.last))
                if not _holds(self._spent[record.symbol], record.trade_id):
                    continue
                if isinstance(record, Trade):
                    return record.symbol, _lost(record)
                self._found[record.symbol].add(record.trade_id)
        return None


def _holds(intervals: Sequence[Interval], trade_id: int) -> bool:
    index = bisect_right(intervals, trade_id, key=lambda ids: ids.first) - 1
    return index >= 0 and trade_id <= intervals[index].last


def _unexplained(trade_id: int) -> Contradiction:
    return Contradiction(
        Promise.HOLES_REGISTERED,
        trade_id,
        trade_id,
        expected="an id that is neither a row nor in a gap to be a frame of price 0 in the journal",
        found=f"no frame with id {trade_id} in the journals given",
    )


def _lost(trade: Trade) -> Contradiction:
    return Contradiction(
        Promise.HOLES_REGISTERED,
        trade.trade_id,
        trade.trade_id,
        expected=f"a row for trade {trade.trade_id}, which is in the journal with price {trade.price}",
        found="neither a row nor a gap",
    )
