"""The parser: journal entries of every kind to typed records."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from orderflow_recorder.binance.inspect import DECODE_ERRORS
from orderflow_recorder.binance.parse_block import BlockParser
from orderflow_recorder.binance.parse_frame import parse_frame
from orderflow_recorder.binance.parse_rest import parse_rest
from orderflow_recorder.binance.text import printable
from orderflow_recorder.core.shards import WHOLE, Shard
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import Record
from orderflow_recorder.ports.journal import EntryKind, JournalEntry


class _EventLine(msgspec.Struct, frozen=True):
    """An event's journal line."""

    time: int = msgspec.field(name="t")
    event: EventKind
    market: Market | None = None
    symbol: str | None = None
    connection: int | None = msgspec.field(name="c", default=None)
    epoch: int | None = None
    detail: dict[str, Any] = msgspec.field(name="d", default_factory=dict)


_EVENT_DECODER: Final = msgspec.json.Decoder(_EventLine)


class BinanceParser:
    """Turns journal entries into typed records; what came before changes nothing.

    Where several load one journal, each tells what is said of the symbols that its shard takes, and what is said of
    none or of all: an event that explains a hole in one share may explain one in another.
    """

    def __init__(self, shard: Shard = WHOLE) -> None:
        """Know no streams yet."""
        self._shard = shard
        self.parse_block = BlockParser(shard).parse

    def parse(self, entry: JournalEntry) -> Sequence[Record]:
        """Return what ``entry`` says; empty if it says nothing to a sink (acks, unasked streams).

        Raises:
            FrameError: It is not what the venue documents, or the line was bad already.
        """
        records = _parse(entry)
        return records if self._shard.count == 1 else [record for record in records if self._keeps(record)]

    def _keeps(self, record: Record) -> bool:
        market, symbol = record.market, record.symbol
        return market is None or symbol is None or self._shard.takes(market, symbol)


def _parse(entry: JournalEntry) -> Sequence[Record]:
    if entry.kind is EntryKind.FRAME:
        return parse_frame(_market(entry), entry.payload, entry.receive_time)
    if entry.kind is EntryKind.REST:
        market = _market(entry)
        return parse_rest(market, entry.path or "", entry.symbol, entry.payload, entry.receive_time)
    if entry.kind is EntryKind.EVENT:
        return (_event(entry),)
    raise FrameError(entry.reason or f"expected a journal entry, received {printable(entry.payload)}")


def _market(entry: JournalEntry) -> Market:
    if entry.market is None:
        message = f"expected the entry's market (spot or usdm), received none: {printable(entry.payload)}"
        raise FrameError(message)
    return entry.market


def _event(entry: JournalEntry) -> RecorderEvent:
    try:
        line = _EVENT_DECODER.decode(entry.payload)
    except DECODE_ERRORS as error:
        message = f"expected an event: {printable(str(error))}; received {printable(entry.payload)}"
        raise FrameError(message) from error
    return RecorderEvent(
        time=line.time,
        event=line.event,
        instance=entry.instance,
        run_id=entry.run_id,
        market=line.market,
        symbol=line.symbol,
        connection=line.connection,
        epoch=line.epoch,
        detail=line.detail,
    )
