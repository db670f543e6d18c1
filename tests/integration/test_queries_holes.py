"""The calendar of holes, liquidations against the price, realised volatility: against plain Python."""

import math
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from tests.support.captures import EPOCH, moment
from tests.support.order_flow import buckets, digits, whole
from tests.support.queries import ask
from tests.support.recorded import HOLED, TRADE_HOLES, Fill, recorded, within
from tests.support.recorded import holed as holed_capture

HOLED_START = 1723161250000  # 2024-08-08 23:54:10 UTC, ms
HOLED_END = 1723161380000
HORIZON = 5_000
LIQUIDATION = """INSERT INTO liquidations (market, symbol, side, order_type, time_in_force, price, average_price,
    quantity, last_filled_quantity, filled_quantity, status, trade_time, event_time, receive_time)
    VALUES (%s, %s, %s, 'LIMIT', 'IOC', 1, %s, 2, 1, 2, 'FILLED', %s, %s, '2030-01-01 00:00+00')"""


def calendar(rows: list[tuple[int, int, int]], jumps: list[tuple[int, int]], length: int) -> list[dict[str, Any]]:
    """Compute the calendar of the holed window; rows are (first id, last id, time), jumps are times."""
    times = [time for _, _, time in rows]
    found = []
    for start in range(HOLED_START, HOLED_END, length):
        hole = any(before < start + length and after >= start for before, after in jumps)
        inside = min(times) <= start and start + length <= max(times)
        found.append(
            {
                "bucket": moment(start),
                "rows": sum(start <= time < start + length for time in times),
                "recorded": inside,
                "has_hole": hole,
                "whole": inside and not hole,
            }
        )
    return found


@pytest.mark.parametrize("stream", ["trade", "depth@100ms"])
def test_hole_calendar(stream: str, holed: psycopg.Connection[Any]) -> None:
    source = holed_capture()
    rows = (
        [(fill.id, fill.id, fill.time) for fill in sorted(source.fills)]
        if stream == "trade"
        else [(change.first, change.final, change.time) for change in source.changes]
    )
    jumps = [(before[2], after[2]) for before, after in pairwise(rows) if after[0] > before[1] + 1]
    assert len(jumps) == (len(TRADE_HOLES) if stream == "trade" else 1)
    expected = calendar(rows, jumps, 5_000)
    window = {"start": moment(HOLED_START), "end": moment(HOLED_END), "bucket": "5 s", "stream": stream}
    assert ask(holed, "hole_calendar", **window) == expected
    assert 0 < sum(row["whole"] for row in expected) < sum(row["recorded"] for row in expected) < len(expected)
    # Inside the longest hole there is no row at all, and still the window knows.
    before, after = max(jumps, key=lambda jump: jump[1] - jump[0])
    within_hole = {"start": moment(before + 1), "end": moment(after), "bucket": f"{after - before - 1} ms"}
    assert {row["has_hole"] for row in ask(holed, "hole_calendar", stream=stream, **within_hole)} == {True}
    holed.execute("UPDATE gaps SET status = 'healed'")
    assert not any(row["has_hole"] for row in ask(holed, "hole_calendar", **window))


def test_ids_spent_without_a_trade_are_no_hole(captured: psycopg.Connection[Any]) -> None:
    fills = within(recorded("usdm_btcusdt_2023-04-04", "BTCUSDT").fills, 1680652800000, 1680652860000)
    captured.execute("DELETE FROM trades WHERE market = 'usdm' AND trade_id = %s", (fills[50].id,))
    found = ask(
        captured, "hole_calendar", market="usdm", start="2023-04-04 23:59+00", end="2023-04-05 00:06+00",
        bucket="1 minute",
    )  # fmt: skip
    assert [(row["whole"], row["recorded"]) for row in found] == [(True, True)] * 7


def liquidate(connection: psycopg.Connection[Any], market: str, symbol: str, times: list[int], price: Decimal) -> None:
    """Insert forced orders, a sell and a buy in turn."""
    for number, time in enumerate(times):
        side = "BUY" if number % 2 else "SELL"
        sent = EPOCH + timedelta(milliseconds=time + 3)
        connection.execute(LIQUIDATION, (market, symbol, side, price, moment(time), sent))


def against_price(fills: list[Fill], times: list[int], price: Decimal, lost: list[int]) -> list[dict[str, Any]]:
    """Compute where the price was before and after each forced order; ``lost`` are missing ids."""
    rows = []
    ordered = sorted(fills)
    for number, time in enumerate(times):
        before = next((fill for fill in reversed(ordered) if fill.time < time), None)
        after = next((fill for fill in reversed(ordered) if fill.time < time + HORIZON), None)
        gone_on = after is not None and ordered[-1].id > after.id
        if before is None or after is None:
            prices: list[Any] = [None, after and after.price, None, None]
            complete = False
        else:
            cost = (price - before.price) * (1 if number % 2 else -1)
            prices = [
                before.price,
                after.price,
                digits(Fraction(cost) / Fraction(before.price) * 10000, 3),
                digits(Fraction(after.price - before.price) / Fraction(before.price) * 10000, 3),
            ]
            complete = gone_on and not any(before.id < missing <= after.id + 1 for missing in lost)
        row = [moment(time), "BUY" if number % 2 else "SELL", Decimal(2), price, *prices, complete]
        names = "trade_time side quantity average_price price_before price_after slippage_bps move_bps complete"
        rows.append(dict(zip(names.split(), row, strict=True)))
    return rows


@pytest.mark.parametrize(
    ("name", "symbol"), [("usdm_btcusdt_2023-04-04", "BTCUSDT"), ("usdm_five_symbols_2021-04-05", "NEOUSDT")]
)
def test_liquidations_against_price(name: str, symbol: str, captured: psycopg.Connection[Any]) -> None:
    fills = recorded(name, symbol).fills
    start, end = min(fill.time for fill in fills), max(fill.time for fill in fills)
    price = fills[0].price + 1
    # Before the first trade; at the times of trades; between; the last ones end after the recording.
    times = [start - 10, fills[40].time, fills[90].time, (start + end) // 2, end - HORIZON, end - 1, end + 20]
    times = sorted(set(times))
    liquidate(captured, "usdm", symbol, times, price)
    found = ask(
        captured, "liquidations_against_price", market="usdm", symbol=symbol, start=moment(start - 1000),
        end=moment(end + 1000), horizon=f"{HORIZON} ms",
    )  # fmt: skip
    expected = against_price(fills, times, price, [])
    assert found == expected
    assert {row["complete"] for row in expected} == {True, False}


def test_a_hole_near_a_liquidation_is_said(holed: psycopg.Connection[Any]) -> None:
    fills = holed_capture().fills
    lost = [number for first, last in TRADE_HOLES for number in range(first, last + 1)]
    times = list(range(HOLED_START + 10_000, HOLED_END - 20_000, 2_000))
    price = fills[0].price
    liquidate(holed, "spot", "BTCUSDT", times, price)
    found = ask(
        holed, "liquidations_against_price", start=moment(HOLED_START), end=moment(HOLED_END),
        horizon=f"{HORIZON} ms",
    )  # fmt: skip
    expected = against_price(fills, times, price, lost)
    assert found == expected
    assert {row["complete"] for row in expected} == {True, False}


def volatility(fills: list[Fill], length: int, holes: tuple[tuple[int, int], ...]) -> list[dict[str, Any]]:
    """Compute realised volatility from one-second closes."""
    seconds = [(start, members[-1].price, whole(members, holes)) for start, members in buckets(fills, 1000).items()]
    windows: dict[int, list[tuple[float, bool]]] = {}
    for (_, previous, first), (second, close, last) in pairwise(seconds):
        windows.setdefault(second - second % length, []).append((math.log(close / previous), first and last))
    rows = []
    for start, returns in windows.items():
        variance = math.fsum(size * size for size, _ in returns)
        rows.append(
            {
                "bucket": moment(start),
                "returns": len(returns),
                "volatility": pytest.approx(math.sqrt(variance), rel=1e-9),
                "annualised": pytest.approx(math.sqrt(variance * 365 * 86_400_000 / length), rel=1e-9),
                "complete": all(complete for _, complete in returns),
            }
        )
    return rows


@pytest.mark.parametrize(
    ("name", "market", "symbol", "start", "end"),
    [
        (HOLED, "spot", "BTCUSDT", 1723161300000, 1723161600000),
        ("usdm_btcusdt_2023-04-04", "usdm", "BTCUSDT", 1680652740000, 1680653100000),
        ("usdm_five_symbols_2021-04-05", "usdm", "NEOUSDT", 1617647800000, 1617647910000),
    ],
)
def test_realised_volatility(
    name: str, market: str, symbol: str, start: int, end: int, captured: psycopg.Connection[Any]
) -> None:
    expected = volatility(within(recorded(name, symbol).fills, start, end), 30_000, ())
    window = {"market": market, "symbol": symbol, "start": moment(start), "end": moment(end)}
    assert ask(captured, "realised_volatility", bucket="30 s", **window) == expected
    assert len(expected) > 3


def test_realised_volatility_across_a_hole_is_said(holed: psycopg.Connection[Any]) -> None:
    start, end = HOLED_START, HOLED_END
    expected = volatility(within(holed_capture().fills, start, end), 10_000, TRADE_HOLES)
    assert {row["complete"] for row in expected} == {True, False}
    assert ask(holed, "realised_volatility", start=moment(start), end=moment(end), bucket="10 s") == expected
