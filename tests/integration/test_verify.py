"""``verify`` against a real database: it holds on a good one, and finds whatever is spoilt."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.app.verify import verify_moment
from orderflow_recorder.app.verify_report import Verdict, Verification
from orderflow_recorder.core.completeness import Promise
from orderflow_recorder.domain.errors import SchemaMismatchError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.ledger_reads import Filter
from tests.support import records
from tests.support.captures import capture
from tests.support.database import new_database
from tests.support.ledger import good_state, prove, spot_diff, write

ONCE, HOLES, BOOKS = Promise.EXACTLY_ONCE, Promise.HOLES_REGISTERED, Promise.BOOKS_AGREE


@pytest.fixture(scope="module")
def good(postgres_url: str, postgres_template: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to a database in good order; what a test changes is rolled back."""
    with new_database(postgres_url, template=postgres_template) as url:
        good_state(url)
        with connect(url) as connection:
            yield connection


@pytest.fixture
def moment(good: psycopg.Connection[Any]) -> Iterator[psycopg.Connection[Any]]:
    """Give a transaction that leaves nothing behind."""
    with good.transaction(force_rollback=True):
        yield good


def look(connection: psycopg.Connection[Any], wanted: Filter | None = None) -> Verification:
    return verify_moment(connection, wanted or Filter(), [], lambda _label, _done, _work: None)


def spoil(url: str, statement: str) -> None:
    with connect(url) as connection:
        assert connection.execute(statement.encode()).rowcount == 1


def test_an_empty_database_holds(database_url: str) -> None:
    result = prove(database_url)
    assert (result.holds, result.streams) == (True, [])


def test_a_good_state_holds_and_every_figure_is_right(database_url: str) -> None:
    good_state(database_url)
    result = prove(database_url)
    assert result.counter_example is None
    figures = {
        (one.market, one.stream): (
            one.rows, one.ids_covered, one.ids_spent, one.ids_missing, one.gaps_open, one.gaps_unrecoverable,
            one.verdict,
        )
        for one in result.streams
    }  # fmt: skip
    assert figures == {
        ("spot", "bookTicker"): (2, None, 0, 0, 0, 0, Verdict.UNINTERRUPTED),
        ("spot", "depth@100ms"): (4, 40, 0, 10, 0, 1, Verdict.REGISTERED),
        ("spot", "trade"): (8, 8, 0, 2, 1, 0, Verdict.REGISTERED),
        ("usdm", "aggTrade"): (3, 3, 0, 0, 0, 0, Verdict.WHOLE),
        ("usdm", "depth@100ms"): (3, 35, 0, 10, 0, 1, Verdict.REGISTERED),
        ("usdm", "markPrice@1s"): (2, None, 0, 0, 0, 0, Verdict.UNINTERRUPTED),
        ("usdm", "trade"): (6, 7, 1, 1, 0, 1, Verdict.REGISTERED),
    }
    (spot_depth,) = [one for one in result.streams if (one.market, one.stream) == ("spot", "depth@100ms")]
    assert (spot_depth.book_chains, spot_depth.snapshots_compared, spot_depth.tops_compared) == (2, 1, 2)


@pytest.mark.parametrize(
    ("statement", "promise", "table", "first_id", "last_id"),
    [
        ("DELETE FROM trades WHERE market = 'spot' AND trade_id = 3", HOLES, "trades", 3, 3),
        ("DELETE FROM trades WHERE market = 'spot' AND trade_id = 1", HOLES, "trades", 1, 1),
        ("DELETE FROM trades WHERE market = 'spot' AND trade_id = 10", HOLES, "trades", 10, 10),
        ("DELETE FROM agg_trades WHERE agg_trade_id = 2", HOLES, "agg_trades", 2, 2),
        ("DELETE FROM depth_diffs WHERE market = 'spot' AND final_update_id = 20", HOLES, "depth_diffs", 11, 20),
        ("DELETE FROM depth_diffs WHERE market = 'usdm' AND final_update_id = 30", HOLES, "depth_diffs", 10, 30),
        (
            """INSERT INTO trades SELECT market, symbol, trade_id, price, quantity, buyer_is_maker,
               trade_time + interval '1 ms', event_time, receive_time FROM trades
               WHERE market = 'spot' AND trade_id = 4""",
            ONCE, "trades", 4, 4,
        ),
        (
            """INSERT INTO depth_diffs SELECT market, symbol, first_update_id, final_update_id,
               previous_final_update_id, event_time + interval '1 ms', transaction_time, receive_time, bid_prices,
               bid_quantities, ask_prices, ask_quantities FROM depth_diffs
               WHERE market = 'usdm' AND final_update_id = 30""",
            ONCE, "depth_diffs", 10, 30,
        ),
        ("UPDATE gaps SET last_missing_id = 6 WHERE market = 'spot' AND stream = 'trade'", HOLES, "trades", 7, 7),
        ("UPDATE gaps SET last_missing_id = 8 WHERE market = 'spot' AND stream = 'trade'", HOLES, "trades", 8, 8),
        ("UPDATE gaps SET first_missing_id = 5 WHERE market = 'spot' AND stream = 'trade'", HOLES, "trades", 5, 5),
        ("DELETE FROM gaps WHERE market = 'spot' AND stream = 'trade'", HOLES, "trades", 6, 7),
        ("UPDATE gaps SET status = 'healed' WHERE market = 'spot' AND stream = 'trade'", HOLES, "trades", 6, 7),
        ("DELETE FROM gaps WHERE market = 'usdm' AND stream = 'depth@100ms'", HOLES, "depth_diffs", 31, 40),
        (
            """INSERT INTO gaps (market, symbol, stream, first_missing_id, last_missing_id, cause, status, opened_at,
               instance) VALUES ('spot', 'BTCUSDT', 'trade', 7, 7, 'stall', 'open', now(), 'main')""",
            HOLES, "trades", 7, 7,
        ),
        (
            """INSERT INTO gaps (market, symbol, stream, first_missing_id, last_missing_id, cause, status, opened_at,
               instance) VALUES ('spot', 'BTCUSDT', 'trade', 20, 21, 'stall', 'open', now(), 'main')""",
            HOLES, "trades", 20, 21,
        ),
        (
            """INSERT INTO gaps (market, symbol, stream, first_missing_id, last_missing_id, cause, status, opened_at,
               instance) VALUES ('usdm', 'BTCUSDT', 'trade', 3, 3, 'stall', 'open', now(), 'main')""",
            HOLES, "trades", 3, 3,
        ),
        ("UPDATE coverage SET last_id = 12 WHERE market = 'spot' AND stream = 'trade'", HOLES, "trades", 11, 12),
        ("UPDATE coverage SET first_id = 2 WHERE market = 'spot' AND stream = 'trade'", HOLES, "trades", 1, 1),
        ("UPDATE coverage SET first_id = 7 WHERE market = 'usdm' AND last_id = 50", HOLES, "depth_diffs", 6, 6),
        ("DELETE FROM coverage WHERE stream = 'aggTrade'", HOLES, "agg_trades", None, None),
        ("UPDATE coverage SET stream = 'nonsense' WHERE stream = 'aggTrade'", HOLES, "coverage", None, None),
        ("UPDATE coverage SET last_key = last_key + 1 WHERE stream = 'bookTicker'", HOLES, "book_tickers", None, None),
        (
            "UPDATE coverage SET last_time = last_time + interval '1 s' WHERE stream = 'markPrice@1s'",
            HOLES, "mark_prices", None, None,
        ),
        (
            "UPDATE depth_diffs SET bid_quantities = '{2.5}' WHERE market = 'spot' AND final_update_id = 20",
            BOOKS, "book_tickers", 20, 20,
        ),
        (
            "UPDATE depth_diffs SET bid_quantities = '{3.5}' WHERE market = 'spot' AND final_update_id = 30",
            BOOKS, "book_snapshots", 30, 30,
        ),
        ("UPDATE book_tickers SET ask_quantity = 7.01 WHERE update_id = 60", BOOKS, "book_tickers", 60, 60),
        (
            "UPDATE book_snapshots SET ask_quantities = '{7, 9}' WHERE last_update_id = 30",
            BOOKS, "book_snapshots", 30, 30,
        ),
    ],
)  # fmt: skip
def test_whatever_is_spoilt_is_found_and_named(
    statement: str,
    promise: Promise,
    table: str,
    first_id: int | None,
    last_id: int | None,
    moment: psycopg.Connection[Any],
) -> None:
    assert moment.execute(statement.encode()).rowcount == 1
    result = look(moment)
    assert not result.holds
    found = result.counter_example
    assert found is not None
    assert (found.promise, found.table, found.first_id, found.last_id) == (promise, table, first_id, last_id)
    assert found.expected
    assert found.found
    if found.stream is not None and table != "coverage":
        assert result.streams[-1].verdict is Verdict.BROKEN


def test_a_lost_futures_trade_looks_like_a_spent_id_to_the_database_alone(
    moment: psycopg.Connection[Any],
) -> None:
    moment.execute("DELETE FROM trades WHERE market = 'usdm' AND trade_id = 3")
    result = look(moment)
    assert result.holds
    (trades,) = [one for one in result.streams if (one.market, one.stream) == ("usdm", "trade")]
    assert trades.ids_spent == 2


def test_a_filter_leaves_the_others_alone(moment: psycopg.Connection[Any]) -> None:
    moment.execute("DELETE FROM agg_trades WHERE agg_trade_id = 2")
    assert look(moment, Filter(Market.SPOT)).holds
    assert look(moment, Filter(Market.USDM, "NONE")).streams == []
    assert not look(moment, Filter(Market.USDM)).holds


def test_healed_holes_hold_and_are_counted(database_url: str) -> None:
    good_state(database_url)
    write(database_url, [records.trade(n, event_time=None) for n in (6, 7)])
    (trades,) = prove(database_url, Filter(Market.SPOT)).streams[2:]
    assert (trades.stream, trades.ids_missing, trades.gaps_healed, trades.verdict) == ("trade", 0, 1, Verdict.WHOLE)


def test_two_speeds_of_the_depth_stream_share_their_rows(database_url: str) -> None:
    slow = [records.depth_diff(first, final, stream="depth@1000ms") for first, final in ((31, 60), (61, 90))]
    write(database_url, [spot_diff(1, 20), spot_diff(21, 40)], slow)
    result = prove(database_url)
    assert result.counter_example is None
    spoil(database_url, "DELETE FROM depth_diffs WHERE final_update_id = 60")
    assert not prove(database_url).holds


def test_a_database_without_this_schema_is_refused(empty_database_url: str) -> None:
    with pytest.raises(SchemaMismatchError, match="db upgrade"):
        prove(empty_database_url)


@pytest.mark.parametrize("name", ["spot_two_symbols_2021-04-04", "usdm_five_symbols_2021-04-05"])
def test_captures_hold_and_one_wrong_quantity_in_thousands_is_found(name: str, database_url: str) -> None:
    path = capture(name)
    replay(load_settings(env_file=None), database_url, [path], lambda _path, _left: None)
    result = prove(database_url)
    assert result.counter_example is None
    assert {one.verdict for one in result.streams} == {Verdict.WHOLE, Verdict.UNINTERRUPTED} - (
        {Verdict.UNINTERRUPTED} if "spot" in name else set()
    )
    if "usdm" in name:
        spoil(
            database_url,
            """UPDATE book_tickers SET bid_quantity = bid_quantity + 0.0001 WHERE (symbol, update_id) = (
               SELECT t.symbol, t.update_id FROM book_tickers AS t JOIN depth_diffs AS d
               ON d.symbol = t.symbol AND d.final_update_id = t.update_id ORDER BY random() LIMIT 1)""",
        )
        found = prove(database_url).counter_example
        assert found is not None
        assert (found.promise, found.table) == (BOOKS, "book_tickers")
