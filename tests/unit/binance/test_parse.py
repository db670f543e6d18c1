"""The parser on journal entries, and on everything that was really recorded."""

import gzip
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from orderflow_recorder.binance.inspect import inspect
from orderflow_recorder.binance.parse import BinanceParser
from orderflow_recorder.domain.errors import FrameError
from orderflow_recorder.domain.events import EventKind, RecorderEvent
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import Position
from orderflow_recorder.domain.records import AggTrade, BookSnapshot, BookTicker, DepthDiff, DepthIds, MarkPrice, Trade
from orderflow_recorder.ports.feed import DataNote
from orderflow_recorder.ports.journal import EntryKind, JournalEntry
from orderflow_recorder.ports.sink import Parser

CAPTURES = Path("../shared/captures")
NAMES = [
    "spot_btcusdt_2024-08-08",
    "spot_two_symbols_2021-04-04",
    "usdm_btcusdt_2023-04-04",
    "usdm_five_symbols_2021-04-05",
]
HERE = Position(1, 0)
PARSER: Parser = BinanceParser()


def entry(kind: EntryKind, payload: bytes, **context: Any) -> JournalEntry:  # noqa: ANN401  # any field
    return JournalEntry(kind, HERE, HERE, context.pop("receive_time", 5), payload, **context)


def test_frames_go_by_their_market() -> None:
    frame = b'{"stream":"btcusdt@bookTicker","data":{"u":9,"s":"BTCUSDT","b":"1","B":"2","a":"3","A":"4"}}'
    records = PARSER.parse(entry(EntryKind.FRAME, frame, market=Market.SPOT))
    assert list(records) == [BookTicker(Market.SPOT, "BTCUSDT", 9, "1", "2", "3", "4", None, None, 5)]
    with pytest.raises(FrameError, match="missing required field"):
        PARSER.parse(entry(EntryKind.FRAME, frame, market=Market.USDM))


def test_rest_answers_go_by_their_path() -> None:
    answer = entry(
        EntryKind.REST, b'{"lastUpdateId":1,"bids":[],"asks":[]}', market=Market.SPOT, symbol="A", path="/api/v3/depth"
    )
    assert list(PARSER.parse(answer)) == [BookSnapshot(Market.SPOT, "A", 1, "rest", 5, [], [], [], [])]


@pytest.mark.parametrize("kind", [EntryKind.FRAME, EntryKind.REST])
def test_an_entry_without_a_market_is_refused(kind: EntryKind) -> None:
    with pytest.raises(FrameError, match="spot or usdm"):
        PARSER.parse(entry(kind, b"{}", path="/api/v3/depth"))


def test_an_event_takes_instance_and_run_from_the_segment() -> None:
    line = (
        b'{"t":7,"k":"event","event":"book_synced","market":"usdm","symbol":"BTCUSDT","c":3,"epoch":2,'
        b'"d":{"last_update_id":9}}'
    )
    records = PARSER.parse(entry(EntryKind.EVENT, line, instance="main", run_id="r"))
    expected = RecorderEvent(7, EventKind.BOOK_SYNCED, "main", "r", Market.USDM, "BTCUSDT", 3, 2, {"last_update_id": 9})
    assert list(records) == [expected]


def test_an_event_of_the_whole_recorder_concerns_nobody() -> None:
    line = b'{"t":7,"k":"event","event":"run_started","market":null,"symbol":null,"c":null,"epoch":null,"d":{}}'
    records = PARSER.parse(entry(EntryKind.EVENT, line))
    assert list(records) == [RecorderEvent(7, EventKind.RUN_STARTED)]


@pytest.mark.parametrize("line", [b"", b"{}", b'{"t":7,"event":"party"}', b'{"t":"7","event":"run_started"}'])
def test_other_events_are_refused(line: bytes) -> None:
    with pytest.raises(FrameError, match="expected an event"):
        PARSER.parse(entry(EntryKind.EVENT, line))


@pytest.mark.parametrize("kind", [EntryKind.BAD, EntryKind.CORRUPT])
def test_bad_and_corrupt_entries_raise_their_reason(kind: EntryKind) -> None:
    with pytest.raises(FrameError, match="not JSON at byte 3"):
        PARSER.parse(entry(kind, b"\xff", reason="not JSON at byte 3"))
    with pytest.raises(FrameError, match="received x"):
        PARSER.parse(entry(kind, b"x"))


def recorded(name: str) -> Iterator[tuple[dict[str, Any], JournalEntry]]:
    path = CAPTURES / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"needs the recorded capture {path}")
    with gzip.open(path, "rb") as file:
        for raw in file:
            line = json.loads(raw)
            payload = raw[raw.index(b'"d":') + 4 : raw.rindex(b"}")]
            context = {"market": Market(line["market"]), "symbol": line.get("symbol"), "path": line.get("path")}
            yield line, entry(EntryKind(line["k"]), payload, receive_time=line["t"], **context)


def ns(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds * 1_000_000


def columns(levels: list[list[str]]) -> tuple[list[str], list[str]]:
    return [level[0] for level in levels], [level[1] for level in levels]


def check_diff(record: DepthDiff, data: dict[str, Any]) -> None:
    assert (record.first_update_id, record.final_update_id) == (data["U"], data["u"])
    assert record.previous_final_update_id == data.get("pu")
    assert (record.event_time, record.transaction_time) == (ns(data["E"]), ns(data.get("T")))
    assert (record.bid_prices, record.bid_quantities) == columns(data["b"])
    assert (record.ask_prices, record.ask_quantities) == columns(data["a"])


def check_trade(record: Trade, data: dict[str, Any]) -> None:
    assert (record.trade_id, record.buyer_is_maker) == (data["t"], data["m"])
    assert (Decimal(record.price), Decimal(record.quantity)) == (Decimal(data["p"]), Decimal(data["q"]))
    assert (record.trade_time, record.event_time) == (ns(data["T"]), ns(data["E"]))


def check_agg_trade(record: AggTrade, data: dict[str, Any]) -> None:
    ids = (record.agg_trade_id, record.first_trade_id, record.last_trade_id)
    assert ids == (data["a"], data["f"], data["l"])
    assert (Decimal(record.price), Decimal(record.quantity)) == (Decimal(data["p"]), Decimal(data["q"]))
    assert (record.trade_time, record.event_time, record.buyer_is_maker) == (ns(data["T"]), ns(data["E"]), data["m"])


def check_book_ticker(record: BookTicker, data: dict[str, Any]) -> None:
    prices = (record.bid_price, record.bid_quantity, record.ask_price, record.ask_quantity)
    assert (record.update_id, *prices) == (data["u"], data["b"], data["B"], data["a"], data["A"])
    assert (record.event_time, record.transaction_time) == (ns(data.get("E")), ns(data.get("T")))


def check_mark_price(record: MarkPrice, data: dict[str, Any]) -> None:
    prices = (record.mark_price, record.index_price, record.estimated_settle_price, record.funding_rate)
    assert prices == (data["p"], data["i"], data["P"], data["r"])
    assert record.average_mark_price is None
    assert (record.next_funding_time, record.event_time) == (ns(data["T"]), ns(data["E"]))


CHECKS: dict[str, tuple[type, Any]] = {
    "depthUpdate": (DepthDiff, check_diff),
    "trade": (Trade, check_trade),
    "aggTrade": (AggTrade, check_agg_trade),
    "bookTicker": (BookTicker, check_book_ticker),
    "markPriceUpdate": (MarkPrice, check_mark_price),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_frame_becomes_what_it_says(name: str) -> None:
    for line, recorded_entry in recorded(name):
        records = PARSER.parse(recorded_entry)
        if line["k"] == "rest":
            (snapshot,) = records
            assert isinstance(snapshot, BookSnapshot)
            assert (snapshot.last_update_id, snapshot.symbol) == (line["d"]["lastUpdateId"], line["symbol"])
            assert (snapshot.bid_prices, snapshot.bid_quantities) == columns(line["d"]["bids"])
            assert (snapshot.ask_prices, snapshot.ask_quantities) == columns(line["d"]["asks"])
            continue
        stream, data = line["d"]["stream"], line["d"]["data"]
        market = Market(line["market"])
        depth = DepthIds(data["U"], data["u"], data.get("pu")) if "@depth" in stream else None
        assert inspect(market, recorded_entry.payload) == DataNote(stream, depth)
        if "kline" in stream:
            assert list(records) == []
            continue
        (record,) = records
        kind, check = CHECKS[data.get("e", "bookTicker")]
        assert isinstance(record, kind)
        assert not isinstance(record, RecorderEvent)
        assert (record.market, record.symbol, record.receive_time) == (market, data["s"], line["t"])
        check(record, data)
