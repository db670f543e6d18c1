"""Every path on recorded data: digit for digit what the captures say, computed with nothing of ours."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg import sql

from orderflow_recorder.domain.market import Market
from orderflow_recorder.research.pages import TRADE_IDS, trades_query
from tests.integration.api.conftest import FUTURES
from tests.support.api import ARROW, Asked, columns
from tests.support.candles import Execution, computed
from tests.support.captures import EPOCH, capture, lines
from tests.support.recorded import TRADE_HOLES, Fill, holed, recorded

SPOT = {"market": "spot", "symbol": "BTCUSDT"}
NEO = {"market": "usdm", "symbol": "NEOUSDT"}


def iso(milliseconds: float) -> str:
    """Return a venue's time as the API writes it."""
    return f"{EPOCH + timedelta(milliseconds=milliseconds):%Y-%m-%dT%H:%M:%S.%f}Z"


def said(fills: Sequence[Fill]) -> list[tuple[Any, ...]]:
    """Return trades as they must come: the digits of the capture."""
    return [(fill.id, f"{fill.price}", f"{fill.quantity}", fill.sold, iso(fill.time)) for fill in fills]


TRADE = ("trade_id", "price", "quantity", "buyer_is_maker", "trade_time")
AGG_TRADE = ("agg_trade_id", *TRADE[1:])


@pytest.mark.parametrize("limit", [7, 100, 50_000])
def test_trades_come_page_by_page_digit_for_digit(asked: Asked, limit: int) -> None:
    fills = sorted(holed().fills, key=lambda fill: (fill.time, fill.id))
    if limit == 7:
        fills = [fill for fill in fills if fill.time <= fills[100].time]
    span = {"end": iso(fills[-1].time + 0.001)}
    assert columns(asked.pages("/trades", **SPOT, **span, limit=limit), *TRADE) == said(fills)


def test_aggregate_trades_likewise(asked: Asked) -> None:
    fills = sorted(recorded(FUTURES, "NEOUSDT").fills, key=lambda fill: (fill.time, fill.id))
    found = asked.pages("/trades", **NEO, stream="aggTrade", limit=100)
    assert columns(found, *AGG_TRADE) == said(fills)


def test_a_page_begins_behind_the_one_before_also_within_an_instant(asked: Asked) -> None:
    fills = sorted(holed().fills, key=lambda fill: (fill.time, fill.id))
    together = next(place for place, (one, other) in enumerate(pairwise(fills)) if one.time == other.time)
    first = asked.get("/trades", **SPOT, limit=together + 1).json()
    (row,) = asked.rows("/trades", **SPOT, limit=1, after=first["next"])
    assert row["trade_id"] == fills[together + 1].id
    assert row["trade_time"] == first["rows"][-1]["trade_time"]


def test_a_span_includes_its_start_and_not_its_end(asked: Asked) -> None:
    times = sorted({fill.time for fill in holed().fills})
    expected = [fill.id for fill in sorted(holed().fills) if times[10] <= fill.time < times[20]]
    found = asked.rows("/trades", **SPOT, start=iso(times[10]), end=iso(times[20]))
    assert [row["trade_id"] for row in found] == expected
    assert asked.rows("/trades", **SPOT, start=iso(times[10]), end=iso(times[10])) == []
    east = (EPOCH + timedelta(milliseconds=times[10], hours=2)).replace(tzinfo=None).isoformat() + "+02:00"
    for zone in (east, east.replace("+", "%2B")):
        address = f"/api/v1/trades?market=spot&symbol=BTCUSDT&limit=1&start={zone}"
        assert asked.client.get(address).json()["rows"][0]["trade_id"] == expected[0]


def test_csv_and_arrow_say_the_same_as_json(asked: Asked) -> None:
    rows = asked.get("/trades", **SPOT, limit=500).json()
    answer = asked.get("/trades", "text/csv", **SPOT, limit=500)
    assert answer.headers["content-type"].startswith("text/csv")
    read = list(csv.DictReader(io.StringIO(answer.text)))
    assert read == [{name: _word(value) for name, value in row.items()} for row in rows["rows"]]
    assert f"after={rows['next']}" in answer.headers["link"]
    following = answer.headers["link"].partition(">")[0].removeprefix("<")
    after = asked.client.get(f"/api/v1/trades{following}").json()["rows"]
    assert after == asked.rows("/trades", **SPOT, limit=500, after=rows["next"])
    table = pa.ipc.open_stream(asked.get("/trades", ARROW, **SPOT, limit=500).content).read_all()
    assert table.schema.field("price").type == pa.decimal128(38, 18)
    assert table.schema.field("trade_time").type == pa.timestamp("us", "UTC")
    for row, exact in zip(rows["rows"], table.to_pylist(), strict=True):
        assert exact["price"] == Decimal(row["price"])
        assert exact["quantity"] == Decimal(row["quantity"])
        assert f"{exact['trade_time']:%Y-%m-%dT%H:%M:%S.%f}Z" == row["trade_time"]
        assert (exact["trade_id"], exact["buyer_is_maker"]) == (row["trade_id"], row["buyer_is_maker"])


def _word(value: object) -> str:
    return f"{value}".lower() if isinstance(value, bool) else f"{value}"


@pytest.mark.parametrize(("resolution", "seconds"), [("1s", 1), ("5s", 5), ("90s", 90), ("1m", 60), ("1h", 3600)])
def test_candles_are_those_computed_from_the_capture(asked: Asked, resolution: str, seconds: int) -> None:
    fills = sorted(holed().fills)
    expected = candles_of(fills, timedelta(seconds=seconds))
    found = asked.rows("/candles", **SPOT, date="2024-08-08", resolution=resolution)
    assert [without(row, "complete") for row in found] == expected
    touched = touched_by_holes(fills, seconds)
    assert {row["bucket"] for row in found if not row["complete"]} == touched
    assert found == asked.rows(
        "/candles", **SPOT, start="2024-08-08T00:00", end="2024-08-09T00:00", resolution=resolution
    )


def test_candles_of_futures_are_made_of_aggregates(asked: Asked) -> None:
    fills = sorted(recorded(FUTURES, "NEOUSDT").fills)
    found = asked.rows("/candles", **NEO, date="2021-04-05", resolution="15s")
    assert [without(row, "complete") for row in found] == candles_of(fills, timedelta(seconds=15))


def without(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a row without a column, numbers as numbers: sums have more zeros than ours."""
    return {key: _number(value) for key, value in row.items() if key != name}


def _number(value: object) -> object:
    return round(Decimal(value), 10) if isinstance(value, str) and "T" not in value else value


def candles_of(fills: Sequence[Fill], width: timedelta) -> list[dict[str, Any]]:
    """Return candles computed from a capture."""
    rows = [
        Execution(
            fill.id, fill.price, fill.quantity, fill.sold, EPOCH + timedelta(milliseconds=fill.time), fill.matches
        )
        for fill in fills
    ]
    found = []
    for (_, _, bucket), one in sorted(computed({("", ""): rows}, {}, width).items()):
        names = ("open", "high", "low", "close", "volume", "buy_volume", "sell_volume", "delta", "trade_count")
        row = {"bucket": f"{bucket:%Y-%m-%dT%H:%M:%S.%f}Z"} | {name: getattr(one, name) for name in names}
        found.append(row | {"vwap": round(one.notional / one.volume, 10)})
    return found


def touched_by_holes(fills: Sequence[Fill], seconds: int) -> set[str]:
    """Return the candles between the trades on both sides of each hole that have trades."""
    touched: set[str] = set()
    for first, last in TRADE_HOLES:
        before = max(fill for fill in fills if fill.id < first).time // 1000 // seconds
        following = min(fill for fill in fills if fill.id > last).time // 1000 // seconds
        there = {fill.time // 1000 // seconds for fill in fills}
        touched |= {iso(place * seconds * 1000) for place in there if before <= place <= following}
    return touched


class Naive:
    """A book of two plain dicts."""

    def __init__(self, snapshot: Mapping[str, Any]) -> None:
        """Begin with a snapshot of the venue."""
        self.sides: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}
        self.apply(snapshot["bids"], snapshot["asks"])

    def apply(self, bids: Sequence[Sequence[str]], asks: Sequence[Sequence[str]]) -> None:
        """Set levels."""
        for name, levels in (("bids", bids), ("asks", asks)):
            for price, quantity in levels:
                self.sides[name][Decimal(price)] = Decimal(quantity)
                if not Decimal(quantity):
                    del self.sides[name][Decimal(price)]


def test_the_book_at_an_instant_is_that_of_an_independent_replay(asked: Asked) -> None:
    found = recorded(FUTURES, "NEOUSDT")
    book = Naive(found.snapshot)
    changes = [change for change in found.changes if change.final >= found.snapshot["lastUpdateId"]]
    for place, change in enumerate(changes):
        book.apply(change.bids, change.asks)
        if place not in {100, 500, len(changes) - 1}:
            continue
        answer = asked.get("/book", **NEO, at=iso(change.time), levels=50).json()
        assert (answer["trusted"], answer["source"], answer["at"]) == (True, "recorded", iso(change.time))
        assert str(change.final) in answer["reason"]
        for side, best_last in (("bids", True), ("asks", False)):
            expected = sorted(book.sides[side].items(), reverse=best_last)[:50]
            assert [(Decimal(one["price"]), Decimal(one["quantity"])) for one in answer[side]] == expected
            assert all(one["known"] for one in answer[side])
        table = pa.ipc.open_stream(asked.get("/book", ARROW, **NEO, at=iso(change.time), levels=5).content).read_all()
        assert table["side"].to_pylist() == ["bid"] * 5 + ["ask"] * 5
        assert table["price"].to_pylist()[:5] == sorted(book.sides["bids"], reverse=True)[:5]


def test_a_book_behind_a_hole_is_not_trusted_and_says_why(asked: Asked) -> None:
    ((before, following),) = (two for two in pairwise(holed().changes) if two[1].first != two[0].final + 1)
    answer = asked.get("/book", **SPOT, at=iso(following.time + 1000)).json()
    assert not answer["trusted"]
    assert f"{before.final + 1} to {following.first - 1}" in answer["reason"]


def test_gaps_are_the_holes_that_were_cut(asked: Asked) -> None:
    found = asked.rows("/gaps", **SPOT, stream="trade")
    assert sorted(columns(found, "first_missing_id", "last_missing_id")) == sorted(TRADE_HOLES)
    for row in found:
        assert (row["status"], row["cause"]) == ("open", "venue_skipped")
        before = max(fill for fill in holed().fills if fill.id < row["first_missing_id"])
        following = min(fill for fill in holed().fills if fill.id > row["last_missing_id"])
        assert (row["from_time"], row["to_time"]) == (iso(before.received / 1000), iso(following.received / 1000))
    everything = asked.rows("/gaps")
    assert len(everything) == 3
    assert asked.pages("/gaps", limit=1) == everything
    assert [row["gap_id"] for row in everything] == sorted((row["gap_id"] for row in everything), reverse=True)
    assert asked.rows("/gaps", status="healed") == []
    assert asked.rows("/gaps", market="usdm") == []
    (depth,) = asked.rows("/gaps", status="unrecoverable")
    assert depth["stream"] == "depth@100ms"
    middle = found[0]["to_time"]
    assert [row["gap_id"] for row in asked.rows("/gaps", stream="trade", start=middle, end="2030-01-01")] == [
        found[0]["gap_id"]
    ]
    assert asked.rows("/gaps", end="2024-08-08T00:00") == []


def test_coverage_and_instruments(asked: Asked) -> None:
    (row,) = asked.rows("/coverage", **SPOT, stream="trade")
    fills = sorted(holed().fills)
    assert (row["first_id"], row["last_id"]) == (fills[0].id, fills[-1].id)
    assert row["first_time"] == iso(fills[0].received / 1000)
    symbols = {line["symbol"] for line in lines(capture(FUTURES)) if line["k"] == "rest"}
    assert {row["symbol"] for row in asked.rows("/coverage", market="usdm")} == symbols
    assert asked.rows("/coverage", symbol="NOSUCH") == []
    bitcoin, ether = asked.rows("/instruments")
    assert (bitcoin["tick_size"], bitcoin["step_size"], ether["tick_size"]) == ("0.01000000", "0.00001000", None)
    assert asked.rows("/instruments", market="usdm") == []
    assert (
        asked.get("/instruments", "text/csv")
        .text.splitlines()[1]
        .startswith("spot,BTCUSDT,TRADING,BTC,USDT,,0.01000000,")
    )


def test_pages_of_trades_are_read_by_the_index(recorded_url: str) -> None:
    place = (datetime(2024, 8, 8, 23, 55, tzinfo=UTC), 3735684200)
    for table in TRADE_IDS:
        query = trades_query(table, (Market.SPOT, "BTCUSDT"), (None, None), place, 100, ["price"])
        with psycopg.connect(recorded_url) as connection:
            connection.execute("SET enable_seqscan TO off")
            plan = "\n".join(row[0] for row in connection.execute(sql.SQL("EXPLAIN {}").format(query)))
        assert "Sort" not in plan
        assert f"ROW(trade_time, {TRADE_IDS[table]}) >" in plan
