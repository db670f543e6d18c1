"""Names and lines of the daily archive, in every form the venue has written them."""

from datetime import date

import msgspec
import pytest

from orderflow_recorder.binance.archive import ArchiveError, archive_file, rest_rows
from orderflow_recorder.binance.parse_rest import parse_rest
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import AggTrade, Trade

SPOT, USDM = Market.SPOT, Market.USDM
DAY = date(2026, 10, 1)
MS = 1_790_000_000_000


def test_places_in_the_archive() -> None:
    spot, usdm = archive_file(SPOT, "BTCUSDT", "trade", DAY), archive_file(USDM, "币USDT", "aggTrade", DAY)
    assert spot.path == "data/spot/daily/trades/BTCUSDT/BTCUSDT-trades-2026-10-01.zip"
    assert usdm.path == "data/futures/um/daily/aggTrades/币USDT/币USDT-aggTrades-2026-10-01.zip"
    assert (spot.entry_path, usdm.entry_path) == ("archive/trades", "archive/aggTrades")


@pytest.mark.parametrize(
    ("market", "header", "line"),
    [
        (SPOT, None, f"41,61737.63000000,0.10,6173.76,{MS}000,True,True"),
        (USDM, "id,price,qty,quote_qty,time,is_buyer_maker", f"41,61737.63000000,0.10,6173.76,{MS},true"),
        (USDM, None, f"41,61737.63000000,0.10,6173.76,{MS},true"),
    ],
)
def test_a_trade_reads_as_rest_would_have_sent_it(market: Market, header: str | None, line: str) -> None:
    file = archive_file(market, "BTCUSDT", "trade", DAY)
    lines = [text.split(",") for text in (header, line) if text is not None]
    [(number, row)] = rest_rows(file, lines)
    assert number == 41
    [record] = parse_rest(market, file.entry_path, "BTCUSDT", encode(row), 5)
    assert record == Trade(
        market=market,
        symbol="BTCUSDT",
        trade_id=41,
        price="61737.63000000",
        quantity="0.10",
        buyer_is_maker=True,
        trade_time=MS * 1_000_000,
        event_time=None,
        receive_time=5,
        archived=True,
    )


@pytest.mark.parametrize(
    ("market", "header", "line"),
    [
        (SPOT, None, f"7,0.5,2,70,71,{MS}000,False,True"),
        (
            USDM,
            "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker",
            f"7,0.5,2,70,71,{MS},false",
        ),
    ],
)
def test_an_aggregate_trade_reads_as_rest_would_have_sent_it(market: Market, header: str | None, line: str) -> None:
    file = archive_file(market, "BTCUSDT", "aggTrade", DAY)
    [(_, row)] = rest_rows(file, [text.split(",") for text in (header, line) if text is not None])
    [record] = parse_rest(market, file.entry_path, "BTCUSDT", encode(row), 5)
    assert record == AggTrade(
        market=market,
        symbol="BTCUSDT",
        agg_trade_id=7,
        first_trade_id=70,
        last_trade_id=71,
        price="0.5",
        quantity="2",
        buyer_is_maker=False,
        trade_time=MS * 1_000_000,
        event_time=None,
        receive_time=5,
        archived=True,
    )


@pytest.mark.parametrize(
    "line",
    ["", "41", f"41,1e5,1,1,{MS},true", f"41,1,1,1,{MS},yes", "41,1,1,1,yesterday,true", f"x,1,1,1,{MS},true"],
)
def test_a_line_that_is_no_row_is_named_with_its_number(line: str) -> None:
    file = archive_file(SPOT, "BTCUSDT", "trade", DAY)
    good = f"40,1,1,1,{MS},true".split(",")
    with pytest.raises(ArchiveError, match=r"BTCUSDT-trades-2026-10-01\.zip, line 2: expected a row of trades"):
        list(rest_rows(file, [good, line.split(",")]))


def encode(row: object) -> bytes:
    return msgspec.json.encode([row])
