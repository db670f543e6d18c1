"""The queries that read trades, against the same figures computed from the captures in plain Python."""

from decimal import Decimal
from typing import Any, NamedTuple

import psycopg
import pytest

from tests.support import order_flow
from tests.support.captures import moment
from tests.support.order_flow import Holes
from tests.support.queries import ask
from tests.support.recorded import HOLED, TRADE_HOLES, Fill, holed, recorded, within


class Case(NamedTuple):
    """A window of a capture, ms of the venue's clock."""

    database: str
    capture: str
    market: str
    symbol: str
    start: int
    end: int
    bucket: int
    volume: Decimal
    price_bin: Decimal
    holes: Holes = ()

    @property
    def fills(self) -> list[Fill]:
        """Return what was recorded of the window."""
        source = recorded(self.capture, self.symbol) if self.database == "captured" else holed()
        return within(source.fills, self.start, self.end)

    @property
    def variables(self) -> dict[str, object]:
        """Return the window as the queries take it."""
        return {
            "market": self.market,
            "symbol": self.symbol,
            "start": moment(self.start),
            "end": moment(self.end),
            "bucket": f"{self.bucket} ms",
        }


CASES = {
    # 2024-08-08 23:55:00.5 to 2024-08-09 00:04:10 UTC
    "spot trades": Case(
        "captured", HOLED, "spot", "BTCUSDT", 1723161300500, 1723161850000, 60_000, Decimal(7), Decimal("2.5")
    ),
    # 2023-04-04 23:59 to 2023-04-05 00:06 UTC; one id was spent without a trade
    "futures trades": Case(
        "captured", "usdm_btcusdt_2023-04-04", "usdm", "BTCUSDT", 1680652740000, 1680653160000, 30_000,
        Decimal("12.345"), Decimal(10),
    ),
    # 2021-04-05 18:36:30 to 18:38:30 UTC; aggregates alone
    "futures aggregates": Case(
        "captured", "usdm_five_symbols_2021-04-05", "usdm", "NEOUSDT", 1617647790000, 1617647910000, 6_000,
        Decimal(100), Decimal("0.05"),
    ),
    # 2024-08-08 23:54:10 to 23:56:20 UTC
    "holes": Case(
        "holed", HOLED, "spot", "BTCUSDT", 1723161250000, 1723161380000, 5_000, Decimal(3), Decimal(1), TRADE_HOLES
    ),
}  # fmt: skip


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    """Give a window."""
    return CASES[request.param]


@pytest.fixture
def connection(case: Case, request: pytest.FixtureRequest) -> psycopg.Connection[Any]:
    """Give a connection to the database that has it."""
    found: psycopg.Connection[Any] = request.getfixturevalue(case.database)
    return found


def test_cvd(case: Case, connection: psycopg.Connection[Any]) -> None:
    expected = order_flow.cvd(case.fills, case.bucket, case.holes)
    assert ask(connection, "cvd", **case.variables) == expected
    assert len(expected) > 3


def test_footprint(case: Case, connection: psycopg.Connection[Any]) -> None:
    expected = order_flow.footprint(case.fills, case.bucket, case.price_bin, case.holes)
    assert ask(connection, "footprint", price_bin=case.price_bin, **case.variables) == expected


def test_trade_imbalance(case: Case, connection: psycopg.Connection[Any]) -> None:
    expected = order_flow.trade_imbalance(case.fills, case.bucket, case.holes)
    assert ask(connection, "trade_imbalance", **case.variables) == expected


def test_vpin(case: Case, connection: psycopg.Connection[Any]) -> None:
    for span in (1, 4):
        expected = order_flow.vpin(case.fills, case.volume, span, case.holes)
        found = ask(connection, "vpin", bucket_volume=case.volume, buckets=span, **case.variables)
        assert found == expected
        assert len([row for row in found if row["vpin"] is not None]) > 5


@pytest.mark.parametrize(("quantile", "least"), [(0.95, 0), (0, "0.5")])
def test_large_trades(quantile: float, least: str, case: Case, connection: psycopg.Connection[Any]) -> None:
    expected = order_flow.large_trades(case.fills, quantile, Decimal(least), case.holes)
    assert ask(connection, "large_trades", quantile=quantile, min_size=least, **case.variables) == expected
    assert len(expected) > 5


def test_holes_mark_what_they_touch_and_no_more(holed: psycopg.Connection[Any]) -> None:
    found = ask(holed, "cvd", **CASES["holes"].variables)
    marks = [row["complete"] for row in found]
    assert 2 <= marks.count(False) <= len(TRADE_HOLES) * 3
    first = marks.index(False)
    assert [row["cvd_complete"] for row in found] == [True] * first + [False] * (len(found) - first)
    holed.execute("UPDATE gaps SET status = 'healed'")
    assert all(row["cvd_complete"] for row in ask(holed, "cvd", **CASES["holes"].variables))


def test_aggregates_are_left_alone_where_there_are_trades(captured: psycopg.Connection[Any]) -> None:
    case = CASES["spot trades"]
    case = case._replace(end=case.start + 60_000, bucket=10_000)
    within_case = "market = 'spot' AND trade_time >= %s AND trade_time < %s"
    window = (moment(case.start), moment(case.end))
    captured.execute(
        f"""INSERT INTO agg_trades SELECT market, symbol, trade_id, trade_id, trade_id, price, quantity, buyer_is_maker,
            trade_time, event_time, receive_time FROM trades WHERE {within_case}""".encode(),  # noqa: S608  # our words
        window,
    )
    before = {name: ask(captured, name, **case.variables) for name in ("cvd", "footprint", "vpin", "large_trades")}
    assert before["cvd"] == order_flow.cvd(case.fills, case.bucket, ())
    captured.execute(f"DELETE FROM trades WHERE {within_case}".encode(), window)  # noqa: S608  # our words
    assert {name: ask(captured, name, **case.variables) for name in before} == before
