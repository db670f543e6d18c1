"""The journal that loaders are measured with is one that a collector could have written."""

from pathlib import Path

import pytest

from benchmarks.lab.journal import write_journal
from orderflow_recorder.binance.parse import BinanceParser
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import JOURNAL_START
from orderflow_recorder.domain.records import AggTrade, BookSnapshot, DepthDiff, Record, Trade
from orderflow_recorder.journal.reader import FileJournalReader

KINDS = {"trade": Trade, "aggTrade": AggTrade, "depth": DepthDiff}


@pytest.mark.parametrize("market", list(Market))
@pytest.mark.parametrize("kind", KINDS)
def test_it_holds_the_frames_it_says_and_a_snapshot_for_each_book(tmp_path: Path, kind: str, market: Market) -> None:
    sent = write_journal(tmp_path / "main", kind, 3, 100, market=market)
    found = records(tmp_path / "main")
    assert sent.frames == sum(isinstance(record, KINDS[kind]) for record in found) == 100
    assert sent.spoken == 3
    assert sum(isinstance(record, BookSnapshot) for record in found) == (3 if kind == "depth" else 0)


def test_the_newest_ids_are_those_of_the_last_frames(tmp_path: Path) -> None:
    sent = write_journal(tmp_path / "main", "trade", 2, 50)
    newest = {record.symbol: record.trade_id for record in records(tmp_path / "main") if isinstance(record, Trade)}
    assert {name: last for name, (last, _) in sent.streams.items()} == {
        f"usdm:{symbol.lower()}@trade": last for symbol, last in newest.items()
    }


def records(folder: Path) -> list[Record]:
    reader, parser = FileJournalReader(folder, JOURNAL_START), BinanceParser()
    try:
        found: list[Record] = []
        while entries := reader.read(2**20):
            found += [record for entry in entries for record in parser.parse(entry)]
        return found
    finally:
        reader.close()
