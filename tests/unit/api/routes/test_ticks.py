"""The present in every format: what was fed, digit for digit."""

import csv
import io
from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.live import TickStore
from tests.support import ledger, records
from tests.support.api import ARROW, KEY, ApiServer, Asked, services

PRICES = ["61737.10000000", "61739.00000000", "61735.25000000", "61738.50000000"]
WIDE = "92233720368.54775807"


@pytest.fixture(scope="module")
def store() -> TickStore:
    """Give a store that saw four trades and a book of spot, and an aggregate of futures."""
    found = TickStore()
    found.take(
        records.trade(number, price=price, quantity=f"0.{number}0000000", buyer_is_maker=number % 2 == 0)
        for number, price in enumerate(PRICES, 1)
    )
    found.take([ledger.snapshot(10, "1"), ledger.spot_diff(11, 20, "2.50"), records.agg_trade(7, quantity=WIDE)])
    return found


@pytest.fixture(scope="module")
def server(store: TickStore) -> Iterator[ApiServer]:
    """Give the API on that store, without a database."""
    with ApiServer(services(store=store)) as running:
        yield running


@pytest.fixture
def asked(server: ApiServer) -> Iterator[Asked]:
    """Give what asks it."""
    with server.client(**{"X-API-Key": KEY}) as client:
        yield Asked(client)


def test_a_tick_is_what_was_fed(asked: Asked, store: TickStore) -> None:
    found = asked.get("/ticks/spot/btcusdt").json()
    assert found["trade"] == {
        "stream": "trade",
        "trade_id": 4,
        "price": PRICES[-1],
        "quantity": "0.40000000",
        "side": "sell",
        "trade_time": "2024-08-08T12:00:00.004000Z",
        "receive_time": "2024-08-08T12:00:00.016345Z",
    }
    day = found["day"]
    assert (day["open"], day["high"], day["low"], day["close"]) == (PRICES[0], PRICES[1], PRICES[2], PRICES[3])
    assert (Decimal(day["volume"]), Decimal(day["buy_volume"])) == (Decimal(1), Decimal("0.4"))
    assert day["trade_count"] == 4
    assert Decimal(day["change"]) == Decimal(PRICES[3]) - Decimal(PRICES[0])
    quote = sum(Decimal(price) * number / 10 for number, price in enumerate(PRICES, 1))
    assert Decimal(day["quote_volume"]) == quote
    book = found["book"]
    assert (book["last_update_id"], book["bids"][0]["quantity"]) == (20, "2.50")
    assert found["bid"] == book["bids"][0]
    assert found["ask"] == book["asks"][0]
    tick = store.get(Market.SPOT, "BTCUSDT")
    assert tick is not None
    assert (found["trades_per_s"], found["updates_per_s"]) == (tick.trades_per_s, tick.updates_per_s)


def test_all_ticks_come_without_books_and_by_market(asked: Asked) -> None:
    spot, futures = asked.rows("/ticks")
    assert (spot["market"], futures["market"], futures["symbol"]) == ("spot", "usdm", "ETHUSDT")
    one = asked.get("/ticks/spot/BTCUSDT").json()
    del one["book"]
    assert spot == one
    assert futures["trade"]["quantity"] == WIDE
    assert (futures["bid"], futures["ask"]) == (None, None)
    assert asked.rows("/ticks", market="usdm") == [futures]


def test_csv_and_arrow_have_a_column_a_value(asked: Asked) -> None:
    spot, futures = asked.rows("/ticks")
    one, other = csv.DictReader(io.StringIO(asked.get("/ticks", "text/csv").text))
    assert (one["symbol"], one["last_id"], one["last_price"], one["last_side"]) == ("BTCUSDT", "4", PRICES[-1], "sell")
    assert (one["bid_quantity"], one["day_high"], one["day_trade_count"]) == ("2.50", PRICES[1], "4")
    assert (one["last_time"], one["updated_at"]) == (spot["trade"]["trade_time"], spot["updated_at"])
    assert (other["bid_price"], other["last_quantity"]) == ("", WIDE)
    table = pa.ipc.open_stream(asked.get("/ticks", ARROW).content).read_all()
    assert table.schema.field("last_price").type == pa.decimal128(38, 18)
    assert table.schema.field("updated_at").type == pa.timestamp("us", "UTC")
    assert table["last_quantity"].to_pylist() == [Decimal("0.4"), Decimal(WIDE)]
    assert table["ask_price"].to_pylist() == [Decimal(spot["ask"]["price"]), futures["ask"]]
    assert set(table.column_names) == set(one)


def test_the_live_book_says_whether_there_is_one(asked: Asked) -> None:
    book = asked.get("/book", market="spot", symbol="BTCUSDT", levels=1).json()
    assert (book["source"], book["trusted"], book["last_update_id"]) == ("live", True, 20)
    (bid,) = book["bids"]
    assert (bid["quantity"], bid["known"]) == ("2.50", True)
    none = asked.get("/book", market="usdm", symbol="ETHUSDT").json()
    assert (none["trusted"], none["bids"], none["asks"]) == (False, [], [])
    assert "it begins again with the next snapshot" in none["reason"]
    rows = list(csv.DictReader(io.StringIO(asked.get("/book", "text/csv", market="spot", symbol="BTCUSDT").text)))
    assert next(row["quantity"] for row in rows if row["side"] == "bid") == "2.50"
    assert {row["trusted"] for row in rows} == {"true"}
    table = pa.ipc.open_stream(asked.get("/book", ARROW, market="spot", symbol="BTCUSDT").content).read_all()
    assert table["quantity"].to_pylist()[0] == Decimal("2.5")
    assert "at most 20 of the live book" in asked.detail(422, "/book", market="spot", symbol="BTCUSDT", levels=21)


def test_what_is_not_recorded_now_is_not_found(asked: Asked) -> None:
    assert "expected a symbol that is recorded now" in asked.detail(404, "/ticks/spot/ETHUSDT")
    assert "expected a symbol that is recorded now" in asked.detail(404, "/book", market="spot", symbol="ETHUSDT")
