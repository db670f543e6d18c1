"""Of a journal, one loader's share."""

import msgspec

from orderflow_recorder.binance.parse import BinanceParser
from orderflow_recorder.core.shards import Work, shards
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.ports.journal import EntryKind, JournalEntry

SYMBOLS = [f"SYMBOL{index}USDT" for index in range(20)]
PARTS = [BinanceParser(shard) for shard in shards(Work.LOAD, 3)]


def frame(symbol: str) -> bytes:
    """Return a spot trade as the venue sends it."""
    data = {"e": "trade", "E": 5, "s": symbol, "t": 1, "p": "1.0", "q": "2.0", "T": 4, "m": True, "M": True}
    return msgspec.json.encode({"stream": f"{symbol.lower()}@trade", "data": data})


def entry(payload: bytes, kind: EntryKind = EntryKind.FRAME) -> JournalEntry:
    """Return a journal's entry."""
    return JournalEntry(kind, Position(1, 0), Position(1, 9), 7, payload, "main", "run", Market.SPOT)


def told(symbol: str | None) -> bytes:
    """Return an event's line."""
    return msgspec.json.encode(
        {"t": 7, "k": "event", "event": "heal_refused", "market": "spot", "symbol": symbol, "d": {}}
    )


def test_each_frame_is_in_one_share_whether_alone_or_in_a_block() -> None:
    whole = BinanceParser()
    lines = b"".join(b'{"t":7,"k":"ws","market":"spot","c":1,"d":%b}\n' % frame(symbol) for symbol in SYMBOLS)
    by_entry = [[one for symbol in SYMBOLS for one in part.parse(entry(frame(symbol)))] for part in PARTS]
    for part, found in zip(PARTS, by_entry, strict=True):
        block = part.parse_block(lines)
        assert block is not None
        assert (list(block.records), block.receive_time) == (found, 7)
    assert all(by_entry)
    everything = [one for symbol in SYMBOLS for one in whole.parse(entry(frame(symbol)))]
    assert sorted((one for some in by_entry for one in some), key=str) == sorted(everything, key=str)


def test_an_event_is_in_the_share_of_its_symbol_or_in_every_one() -> None:
    assert all(part.parse(entry(told(None), EntryKind.EVENT)) for part in PARTS)
    for symbol in SYMBOLS:
        assert sum(len(part.parse(entry(told(symbol), EntryKind.EVENT))) for part in PARTS) == 1
