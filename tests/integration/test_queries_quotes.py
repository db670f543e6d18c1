"""The queries that read best prices and books, against the captures computed in plain Python."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from tests.support import quote_flow
from tests.support.captures import EPOCH, moment, received
from tests.support.order_flow import milliseconds
from tests.support.queries import ask
from tests.support.recorded import HOLED, Recorded, recorded, within
from tests.support.recorded import holed as holed_capture

MIDNIGHT = datetime(2024, 8, 9, tzinfo=UTC)
SPOT = (HOLED, "spot", "BTCUSDT", 1723161420000, 1723161540000)  # 23:57 to 23:59
FUTURES = ("usdm_btcusdt_2023-04-04", "usdm", "BTCUSDT", 1680652740000, 1680652860000)  # 23:59 to 00:01
SMALL = ("usdm_five_symbols_2021-04-05", "usdm", "NEOUSDT", 1617647800000, 1617647910000)  # 18:36:40 to 18:38:30
NEW_GAP = """INSERT INTO gaps (market, symbol, stream, from_time, to_time, cause, status, opened_at, instance)
    VALUES (%s, %s, %s, %s, %s, 'disconnect', 'unrecoverable', %s, 'main')"""
TICKERS_AS_TOPS = """INSERT INTO book_tops (market, symbol, last_update_id, source, event_time, receive_time,
    bid_prices, bid_quantities, ask_prices, ask_quantities)
    SELECT market, symbol, update_id, 'stream', event_time, receive_time,
    ARRAY[bid_price], ARRAY[bid_quantity], ARRAY[ask_price], ARRAY[ask_quantity] FROM book_tickers
    WHERE market = %s AND symbol = %s"""


def variables(market: str, symbol: str, start: int, end: int) -> dict[str, object]:
    return {"market": market, "symbol": symbol, "start": moment(start), "end": moment(end)}


def cut(connection: psycopg.Connection[Any], source: Recorded) -> tuple[Recorded, quote_flow.Hole]:
    """Lose quotes from the middle of the small window on, and register the hole."""
    _, market, symbol, _, _ = SMALL
    quotes = sorted(source.quotes)
    first, last = len(quotes) // 3, len(quotes) // 2
    hole = received(quotes[first - 1].received * 1000), received(quotes[last].received * 1000)
    connection.execute(
        "DELETE FROM book_tickers WHERE market = %s AND symbol = %s AND update_id >= %s AND update_id < %s",
        (market, symbol, quotes[first].id, quotes[last].id),
    )
    connection.execute(NEW_GAP, (market, symbol, "bookTicker", *hole, hole[1]))
    rest = Recorded()
    rest.fills, rest.changes, rest.quotes = source.fills, source.changes, [*quotes[:first], *quotes[last:]]
    return rest, hole


@pytest.mark.parametrize(("case", "length"), [(SPOT, 10_000), (FUTURES, 1_000), (SMALL, 5_000)])
def test_order_flow_imbalance(
    case: tuple[str, str, str, int, int], length: int, captured: psycopg.Connection[Any]
) -> None:
    name, market, symbol, start, end = case
    expected = quote_flow.order_flow_imbalance(recorded(name, symbol), start, end, length)
    assert len(expected) > 5
    found = ask(captured, "order_flow_imbalance", bucket=f"{length} ms", **variables(market, symbol, start, end))
    assert found == expected


def test_order_flow_imbalance_leaves_out_what_a_hole_hides(captured: psycopg.Connection[Any]) -> None:
    name, market, symbol, start, end = SMALL
    source, hole = cut(captured, recorded(name, symbol))
    expected = quote_flow.order_flow_imbalance(source, start, end, 5_000, hole)
    assert [row["complete"] for row in expected].count(False) == 2
    found = ask(captured, "order_flow_imbalance", bucket="5 s", **variables(market, symbol, start, end))
    assert found == expected
    # The hole reaches beyond the end of a window.
    before = milliseconds(expected[[row["complete"] for row in expected].index(False)]["bucket"]) + 5_000
    cut_short = ask(captured, "order_flow_imbalance", bucket="5 s", **variables(market, symbol, start, before))
    assert [row["complete"] for row in cut_short].count(False) == 1
    assert not cut_short[-1]["complete"]


def test_partial_depth_serves_where_there_are_no_tickers(captured: psycopg.Connection[Any]) -> None:
    name, market, symbol, start, end = SMALL
    asked = {"bucket": "5 s", **variables(market, symbol, start, end)}
    before = ask(captured, "order_flow_imbalance", **asked)
    captured.execute(TICKERS_AS_TOPS, (market, symbol))
    assert ask(captured, "order_flow_imbalance", **asked) == before
    captured.execute("DELETE FROM book_tickers WHERE market = %s AND symbol = %s", (market, symbol))
    assert ask(captured, "order_flow_imbalance", **asked) == before
    captured.execute(NEW_GAP, (market, symbol, "bookTicker", moment(start), moment(end), moment(end)))
    assert all(row["complete"] for row in ask(captured, "order_flow_imbalance", **asked))
    joined = ask(captured, "gap_aware_join", **variables(market, symbol, start, end))
    assert len(joined) == len(within(recorded(name, symbol).fills, start, end))


@pytest.mark.parametrize("case", [SPOT, FUTURES, SMALL])
def test_gap_aware_join(case: tuple[str, str, str, int, int], captured: psycopg.Connection[Any]) -> None:
    name, market, symbol, start, end = case
    source = recorded(name, symbol)
    expected = quote_flow.best_prices_before(source, within(source.fills, start, end), market)
    assert len(expected) > 50
    assert ask(captured, "gap_aware_join", **variables(market, symbol, start, end)) == expected


def test_gap_aware_join_drops_trades_inside_a_hole(captured: psycopg.Connection[Any]) -> None:
    name, market, symbol, start, end = SMALL
    source, hole = cut(captured, recorded(name, symbol))
    fills = within(source.fills, start, end)
    expected = quote_flow.best_prices_before(source, fills, market, hole)
    assert 10 < len(expected) < len(fills) - 5
    assert ask(captured, "gap_aware_join", **variables(market, symbol, start, end)) == expected
    captured.execute("UPDATE trades SET event_time = NULL")
    captured.execute("UPDATE agg_trades SET event_time = NULL")
    assert ask(captured, "gap_aware_join", **variables(market, symbol, start, end)) == []


@pytest.mark.parametrize("case", [SPOT, FUTURES, SMALL])
def test_effective_spread(case: tuple[str, str, str, int, int], captured: psycopg.Connection[Any]) -> None:
    name, market, symbol, start, end = case
    source = recorded(name, symbol)
    expected = quote_flow.effective_spread(source, within(source.fills, start, end), market, 3_000, 10_000)
    assert any(row["effective_spread_bps"] > 0 for row in expected)
    window = variables(market, symbol, start, end)
    assert ask(captured, "effective_spread", bucket="10 s", horizon="3 s", **window) == expected


def test_effective_spread_says_what_it_leaves_out(captured: psycopg.Connection[Any]) -> None:
    name, market, symbol, start, end = SMALL
    end += 10_000  # beyond the recording's end
    source, hole = cut(captured, recorded(name, symbol))
    expected = quote_flow.effective_spread(source, within(source.fills, start, end), market, 3_000, 10_000, hole)
    assert [bool(row["left_out"]) for row in expected].count(True) >= 3
    asked = {"bucket": "10 s", "horizon": "3 s", **variables(market, symbol, start, end)}
    assert ask(captured, "effective_spread", **asked) == expected
    captured.execute("UPDATE agg_trades SET event_time = NULL")
    assert {row["trade_count"] for row in ask(captured, "effective_spread", **asked)} == {0}


@pytest.mark.parametrize("band_bps", [2, 20])
def test_spread_and_depth(band_bps: int, captured: psycopg.Connection[Any]) -> None:
    source = recorded(HOLED, "BTCUSDT")
    instants = [MIDNIGHT + timedelta(milliseconds=step * 70_123) for step in range(3)]
    found = ask(
        captured, "spread_and_depth", start=MIDNIGHT, end=MIDNIGHT + timedelta(seconds=210), step="70.123 s",
        band_bps=band_bps,
    )  # fmt: skip
    assert found == [quote_flow.spread_and_depth(source, at, band_bps) for at in instants]


@pytest.mark.parametrize("size", ["0.5", "12.34567", "1000"])
def test_slippage(size: str, captured: psycopg.Connection[Any]) -> None:
    at = MIDNIGHT - timedelta(minutes=4, milliseconds=321)
    expected = quote_flow.slippage(recorded(HOLED, "BTCUSDT"), at, Decimal(size))
    assert ask(captured, "slippage", at=at, size=size) == expected
    assert (expected[0]["note"] is None) == (size != "1000")


def test_slippage_of_a_futures_book(captured: psycopg.Connection[Any]) -> None:
    at = datetime(2023, 4, 5, 0, 1, 2, tzinfo=UTC)
    expected = quote_flow.slippage(recorded(FUTURES[0], "BTCUSDT"), at, Decimal(50))
    assert ask(captured, "slippage", market="usdm", at=at, size=50) == expected


def test_books_inside_a_hole_are_not_made_up(holed: psycopg.Connection[Any]) -> None:
    before, after = next(pair for pair in pairwise(holed_capture().changes) if pair[1].first > pair[0].final + 1)
    inside = EPOCH + timedelta(milliseconds=(before.time + after.time) // 2)
    for row in ask(holed, "slippage", at=inside):
        assert (row["filled"], row["average_price"], row["mid"]) == (0, None, None)
        assert "hole" in row["note"]
    (row,) = ask(holed, "spread_and_depth", start=inside, end=inside + timedelta(seconds=1), step="1 s")
    assert (row["bid"], row["bid_depth"], row["deep_enough"]) == (None, None, None)
    assert "hole" in row["note"]
