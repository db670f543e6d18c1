"""A loader's share of the symbols, where several load one journal."""

from collections.abc import Sequence

from orderflow_recorder.core.shards import Shard
from orderflow_recorder.domain.records import Record
from orderflow_recorder.ports.journal import JournalEntry
from orderflow_recorder.ports.sink import Parser


class ShareParser:
    """Satisfies `orderflow_recorder.ports.sink.Parser`: what another loader's share says is left out.

    What is said of no symbol, or of all, is everybody's: an event that explains a hole in one share may explain
    one in another.
    """

    def __init__(self, parser: Parser, shard: Shard) -> None:
        """Keep what ``parser`` finds of the symbols that ``shard`` takes."""
        self._parser = parser
        self._shard = shard

    def parse(self, entry: JournalEntry) -> Sequence[Record]:
        """Return what ``entry`` says to this share; `FrameError` passes."""
        return [record for record in self._parser.parse(entry) if self.keeps(record)]

    def keeps(self, record: Record) -> bool:
        """Say whether a record is for this share (hot path)."""
        market, symbol = record.market, record.symbol
        return market is None or symbol is None or self._shard.takes(market, symbol)
