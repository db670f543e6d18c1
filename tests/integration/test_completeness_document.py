"""The queries of `docs/completeness.md`: they run, find nothing in good order, and find what is spoilt."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from orderflow_recorder.domain.gaps import GapCause, GapStatus
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.connection import connect
from tests.support import records
from tests.support.database import new_database
from tests.support.ledger import good_state, write

DOCUMENT = Path("docs/completeness.md").read_text("utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", DOCUMENT, re.DOTALL)
EMPTY = [query for query in QUERIES if query.startswith("-- no row")]

NEW_GAP = """INSERT INTO gaps (market, symbol, stream, first_missing_id, last_missing_id, cause, status, opened_at,
    instance) VALUES ('spot', 'BTCUSDT', 'trade', %s, %s, 'stall', 'open', now(), 'main')"""
COPY_TRADE = """INSERT INTO trades SELECT market, symbol, trade_id, price, quantity, buyer_is_maker,
    trade_time + interval '1 ms', event_time, receive_time FROM trades WHERE market = 'spot' AND trade_id = 4"""
COPY_AGGREGATE = """INSERT INTO agg_trades SELECT market, symbol, agg_trade_id, first_trade_id, last_trade_id, price,
    quantity, buyer_is_maker, trade_time + interval '1 ms', event_time, receive_time FROM agg_trades
    WHERE market = 'usdm' AND agg_trade_id = 2"""
COPY_DIFF = """INSERT INTO depth_diffs SELECT market, symbol, first_update_id, final_update_id,
    previous_final_update_id, event_time + interval '1 ms', transaction_time, receive_time, bid_prices, bid_quantities,
    ask_prices, ask_quantities FROM depth_diffs WHERE final_update_id = 20"""


@pytest.fixture(scope="module")
def good(postgres_url: str, postgres_template: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to a database in good order; spot aggregates are made of its trades."""
    with new_database(postgres_url, template=postgres_template) as url:
        good_state(url)
        spot = {"market": Market.SPOT, "symbol": "BTCUSDT"}
        write(url, [records.agg_trade(n, first_trade_id=n * 2, last_trade_id=n * 2 + 1, **spot) for n in (1, 2, 3, 4)])
        with connect(url) as connection:
            yield connection


@pytest.fixture
def moment(good: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """Give a transaction that leaves nothing behind."""
    with good.transaction(force_rollback=True):
        yield good


def test_there_are_queries_of_both_sorts() -> None:
    assert len(EMPTY) == 9
    assert len(QUERIES) > len(EMPTY)


@pytest.mark.parametrize("query", QUERIES)
def test_every_query_runs_and_finds_nothing_that_must_not_be(query: str, moment: psycopg.Connection[Any]) -> None:
    rows = moment.execute(query.encode()).fetchall()
    if query in EMPTY:
        assert rows == []


@pytest.mark.parametrize(
    ("number", "statement"),
    [
        (0, COPY_TRADE),
        (1, COPY_AGGREGATE),
        (2, COPY_DIFF),
        (3, "DELETE FROM trades WHERE market = 'spot' AND trade_id = 10"),
        (3, "DELETE FROM agg_trades WHERE market = 'usdm' AND agg_trade_id = 2"),
        (4, "DELETE FROM trades WHERE market = 'spot' AND trade_id = 3"),
        (4, "UPDATE gaps SET status = 'healed' WHERE market = 'spot' AND stream = 'trade'"),
        (5, NEW_GAP % (9, 9)),
        (6, NEW_GAP % (7, 9)),
        (7, "DELETE FROM depth_diffs WHERE final_update_id = 30 AND market = 'usdm'"),
        (7, "DELETE FROM gaps WHERE market = 'usdm' AND stream = 'depth@100ms'"),
        (8, "DELETE FROM trades WHERE market = 'spot' AND trade_id = 5"),
    ],
)
def test_every_query_finds_what_is_spoilt(number: int, statement: str, moment: psycopg.Connection[Any]) -> None:
    assert moment.execute(statement.encode()).rowcount == 1
    assert len(moment.execute(EMPTY[number].encode()).fetchall()) >= 1


@pytest.mark.parametrize("word", [*GapCause, *GapStatus])
def test_every_cause_and_status_is_explained(word: str) -> None:
    assert f"`{word}`" in DOCUMENT
