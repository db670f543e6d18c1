"""Of a journal, one loader's share."""

from collections.abc import Sequence

from orderflow_recorder.core.shards import Work, shards
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import Record
from orderflow_recorder.loader.share import ShareParser
from orderflow_recorder.ports.journal import EntryKind, JournalEntry
from tests.support import records

ENTRY = JournalEntry(EntryKind.FRAME, Position(1, 0), Position(1, 9), 1, b"{}")


class Says:
    """A parser that always finds the same."""

    def __init__(self, *found: Record) -> None:
        """Find this."""
        self._found = found

    def parse(self, _entry: JournalEntry) -> Sequence[Record]:
        """Return it."""
        return self._found


def test_each_record_of_a_symbol_is_in_one_share() -> None:
    symbols = [f"SYMBOL{index}USDT" for index in range(20)]
    found = [records.trade(symbol=symbol) for symbol in symbols]
    found_by = [list(ShareParser(Says(*found), shard).parse(ENTRY)) for shard in shards(Work.LOAD, 3)]
    assert all(found_by)
    assert sorted(one.symbol or "" for some in found_by for one in some) == sorted(symbols)


def test_what_is_said_of_no_symbol_is_in_every_share() -> None:
    restart = records.event(EventKind.RUN_STARTED, market=None)
    socket = records.event(EventKind.CONNECTED, market=Market.SPOT)
    refused = records.event(EventKind.HEAL_REFUSED, market=Market.SPOT, symbol="BTCUSDT")
    first, second = ([*ShareParser(Says(restart, socket, refused), one).parse(ENTRY)] for one in shards(Work.LOAD, 2))
    assert [one for one in first if one in second] == [restart, socket]
    assert (refused in first) != (refused in second)
