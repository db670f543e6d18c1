"""When a book is trusted, and what is known of it: book_verdict, book_levels and book_at on made-up flow.

Each test has a symbol of its own in one database.
"""

from collections.abc import Iterator
from decimal import Decimal
from itertools import count
from typing import Any, Final

import psycopg
import pytest

from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.books import BookVerdict, read_book
from orderflow_recorder.postgres.connection import connect
from tests.support import records
from tests.support.book_flow import BookFlow, arrays, moment
from tests.support.database import new_database
from tests.support.records import MILLISECOND, NOON

HOUR: Final = 3_600_000 * MILLISECOND
YEAR: Final = 365 * 24 * HOUR
_NUMBERS: Final = count(1)


@pytest.fixture(scope="module")
def url(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """Give a database for all tests here."""
    with new_database(postgres_url, template=postgres_template) as address:
        yield address


@pytest.fixture(scope="module")
def connection(url: str) -> Iterator[psycopg.Connection[Any]]:
    """Give a connection to it."""
    with connect(url) as opened:
        yield opened


@pytest.fixture
def spot(url: str, connection: psycopg.Connection[Any]) -> Iterator[BookFlow]:
    """Give a spot symbol that nothing is recorded of."""
    book = BookFlow(url, connection, f"S{next(_NUMBERS)}USDT", Market.SPOT)
    yield book
    book.close()


@pytest.fixture
def usdm(url: str, connection: psycopg.Connection[Any]) -> Iterator[BookFlow]:
    """Give a futures symbol that nothing is recorded of."""
    book = BookFlow(url, connection, f"F{next(_NUMBERS)}USDT", Market.USDM)
    yield book
    book.close()


BIDS: Final = {"100": "1", "99": "2", "98": "3"}
ASKS: Final = {"101": "4", "102": "5", "103": "6"}
BEGIN: Final = [
    ("bid", "100", "1", True), ("bid", "99", "2", True), ("bid", "98", "3", True),
    ("ask", "101", "4", True), ("ask", "102", "5", True), ("ask", "103", "6", True),
]  # fmt: skip


def test_diffs_set_and_remove_levels_and_what_lies_beyond_the_edge_is_not_known(spot: BookFlow) -> None:
    spot.write(
        spot.diff(1),
        spot.snapshot(10, BIDS, ASKS),
        spot.diff(2, {"99": "0", "97": "7", "100.5": "8"}, {"103": "0", "105": "9"}),
        spot.diff(3, {"99": "2.50", "100.5": "0"}, {"101": "0"}),
        spot.diff(4),
    )
    assert spot.levels(1.5) == BEGIN
    assert spot.levels(2) == [
        ("bid", "100.5", "8", True), ("bid", "100", "1", True), ("bid", "98", "3", True), ("bid", "97", "7", False),
        ("ask", "101", "4", True), ("ask", "102", "5", True), ("ask", "105", "9", False),
    ]  # fmt: skip
    assert spot.levels(3.99) == [
        ("bid", "100", "1", True), ("bid", "99", "2.50", True), ("bid", "98", "3", True), ("bid", "97", "7", False),
        ("ask", "102", "5", True), ("ask", "105", "9", False),
    ]  # fmt: skip


def test_called_by_position_or_by_name_in_either_case_whatever_the_search_path(spot: BookFlow) -> None:
    spot.write(spot.diff(1), spot.snapshot(10, BIDS, ASKS), spot.diff(2))
    best = [("bid", Decimal(100), Decimal(1)), ("ask", Decimal(101), Decimal(4))]
    with spot.connection.transaction(force_rollback=True):
        spot.connection.execute("SET LOCAL search_path TO ''")
        found = spot.connection.execute("SELECT * FROM public.book_at('spot', %s, %s, 1)", (spot.symbol, moment(1)))
        assert [column.name for column in found.description or ()] == ["side", "price", "quantity"]
        assert found.fetchall() == best
        named = """SELECT * FROM public.book_at(at => %s, levels => 1, market => 'spot', symbol => %s)"""
        assert spot.connection.execute(named, (moment(1), spot.symbol.lower())).fetchall() == best
        verdict = spot.connection.execute("SELECT * FROM public.book_verdict('spot', %s, %s)", (spot.symbol, moment(1)))
        assert [column.name for column in verdict.description or ()] == ["trusted", "checkpoint", "reason"]
        assert verdict.fetchall() == [(True, 10, "snapshot 10 and 0 diffs after it, to update id 10")]
        levels = spot.connection.execute("SELECT * FROM public.book_levels('spot', %s, %s)", (spot.symbol, moment(1)))
        assert [column.name for column in levels.description or ()] == ["side", "price", "quantity", "known"]
        assert len(levels.fetchall()) == 6


def test_what_was_not_recorded_has_no_book(spot: BookFlow) -> None:
    assert spot.refused(1).startswith("nothing recorded before")
    spot.write(spot.diff(2), spot.diff(3), spot.snapshot(30, BIDS, ASKS), spot.diff(4))
    assert spot.refused(1.99).startswith("nothing recorded before")
    assert spot.refused(2.5) == "no snapshot or checkpoint up to this instant"
    assert spot.levels(3) == BEGIN
    assert not read_book(spot.connection, Market.USDM, spot.symbol, moment(3)).verdict.trusted


def test_after_the_last_diff_it_is_the_book_of_then_and_not_trusted(spot: BookFlow) -> None:
    spot.write(spot.diff(1), spot.snapshot(10, BIDS, ASKS), spot.diff(2, {"100": "9"}))
    expected = [("bid", "100", "9", True), *BEGIN[1:]]
    assert spot.levels(2) == expected
    for later in (2.01, 10**7):
        verdict, rows = spot.at(later)
        assert verdict == BookVerdict(
            trusted=False,
            checkpoint=10,
            reason="after the last recorded diff (2024-08-08 12:00:00.200000 UTC): the book as of then",
        )
        assert rows == expected


@pytest.mark.parametrize("clock", [-1_270 * MILLISECOND, 0, 3 * HOUR, 5 * YEAR, -5 * YEAR])
def test_our_clock_may_differ_from_the_venues_by_seconds_or_years(usdm: BookFlow, clock: int) -> None:
    usdm.write(
        usdm.diff(1, clock=clock),
        usdm.snapshot(10, BIDS, ASKS, clock=clock),
        usdm.diff(2, {"100": "9"}, clock=clock),
        usdm.diff(3, {"100": "10"}, clock=clock),
        usdm.diff(4, clock=clock),
    )
    assert usdm.levels(2)[0] == ("bid", "100", "9", True)
    assert usdm.levels(3)[0] == ("bid", "100", "10", True)


@pytest.mark.parametrize("clock", [-5 * HOUR, 2 * HOUR, YEAR])
def test_a_snapshot_by_another_clock_than_its_diffs_is_found(spot: BookFlow, clock: int) -> None:
    spot.write(spot.diff(1), spot.diff(2, {"100": "9"}), spot.diff(3))
    spot.write(spot.snapshot(10, BIDS, ASKS, clock=clock), instance="second")
    assert spot.levels(2.5) == [("bid", "100", "9", True), *BEGIN[1:]]


def test_inside_a_hole_and_until_the_next_snapshot_there_is_no_book(spot: BookFlow) -> None:
    spot.write(spot.diff(1), spot.snapshot(10, BIDS, ASKS), spot.diff(2, {"100": "9"}))
    spot.write(spot.diff(5, {"100": "11"}), spot.diff(6, {"97": "1"}), spot.snapshot(60, {"100": "11"}, {"101": "4"}))
    spot.write(spot.diff(7, {"100": "12"}), spot.diff(8))
    assert spot.levels(1.99) == BEGIN
    assert spot.levels(2) == [("bid", "100", "9", True), *BEGIN[1:]]
    hole = "hole from update id 21 to 40 of depth@100ms, cause venue_skipped, unrecoverable"
    for inside in (2.01, 3.5, 4.99):
        assert spot.refused(inside) == f"inside a {hole}"
    for after in (5, 5.99):
        assert spot.refused(after) == f"no snapshot since a {hole}"
    assert spot.levels(6) == [("bid", "100", "11", True), ("ask", "101", "4", True)]
    assert spot.levels(7.5) == [("bid", "100", "12", True), ("ask", "101", "4", True)]


def test_a_hole_that_another_recorder_fills_is_none_any_more(spot: BookFlow) -> None:
    third, fourth = spot.diff(3, {"100": "9"}), spot.diff(4, {"97": "1"})
    spot.write(spot.diff(1), spot.snapshot(10, BIDS, ASKS), spot.diff(2))
    spot.write(spot.diff(5, {"97": "0"}), spot.diff(6))
    assert spot.refused(3).startswith("inside a hole from update id 21 to 40")
    spot.write(third, instance="second")
    assert spot.levels(3) == [("bid", "100", "9", True), *BEGIN[1:]]
    assert spot.refused(3.5).startswith("inside a hole from update id 31 to 40")
    spot.write(fourth, instance="second")
    assert spot.levels(3.5) == [("bid", "100", "9", True), *BEGIN[1:]]
    assert spot.levels(4)[3] == ("bid", "97", "1", False)
    assert spot.levels(5) == [("bid", "100", "9", True), *BEGIN[1:]]


def test_two_recorders_of_the_same_give_one_book(usdm: BookFlow) -> None:
    flow = (usdm.diff(1), usdm.snapshot(10, BIDS, ASKS), usdm.diff(2, {"100": "9"}), usdm.diff(3, {"100": "10"}))
    usdm.write(*flow, *flow)
    late = MILLISECOND * 700
    usdm.write(
        usdm.diff(1, clock=late),
        usdm.snapshot(20, BIDS | {"100": "9"}, ASKS, clock=late),
        usdm.diff(2, {"100": "9"}, clock=late),
        usdm.diff(3, {"100": "10"}, clock=late),
        usdm.diff(4, clock=late),
        instance="second",
    )
    assert usdm.at(1)[0].checkpoint == 10
    assert usdm.levels(2.5) == [("bid", "100", "9", True), *BEGIN[1:]]
    assert usdm.at(3)[0].checkpoint == 20
    assert usdm.levels(3.5) == [("bid", "100", "10", True), *BEGIN[1:]]


def test_what_a_slower_stream_has_of_a_hole_is_not_missing(spot: BookFlow) -> None:
    spot.write(spot.diff(1), spot.snapshot(10, BIDS, ASKS), spot.diff(2), spot.diff(5, {"99": "8"}), spot.diff(6))
    assert spot.refused(5).startswith("no snapshot since a hole from update id 21 to 40 of depth@100ms")
    spot.write(
        *(
            records.depth_diff(
                first,
                final,
                symbol=spot.symbol,
                event_time=NOON + at * MILLISECOND,
                stream="depth@1000ms",
                **arrays(bids, {}),
            )
            for first, final, at, bids in ((1, 10, 101, {}), (11, 45, 450, {"100": "9", "99": "7"}))
        ),
        instance="second",
    )
    assert spot.levels(5) == [("bid", "100", "9", True), ("bid", "99", "8", True), *BEGIN[2:]]


@pytest.mark.parametrize("market", ["spot", "usdm"])
def test_rows_that_do_not_chain_are_a_hole_though_the_ledger_has_none(
    market: str, spot: BookFlow, usdm: BookFlow
) -> None:
    book = spot if market == "spot" else usdm
    book.write(book.diff(1), book.snapshot(10, BIDS, ASKS), *(book.diff(number) for number in range(2, 8)))
    book.connection.execute("DELETE FROM depth_diffs WHERE symbol = %s AND final_update_id IN (40, 50)", (book.symbol,))
    assert book.levels(2.5) == BEGIN
    unknown = "hole from update id 31 to 50, cause unknown: the ledger does not have it"
    assert book.refused(3.5) == f"inside a {unknown}"
    assert book.refused(6.5) == f"no snapshot since a {unknown}"


def test_futures_chain_by_the_previous_final_id_alone(usdm: BookFlow) -> None:
    usdm.write(
        usdm.diff(1),
        # It falls between two diffs: nothing lies between the previous final id and the first one.
        usdm.snapshot(13, BIDS, ASKS),
        usdm.diff(2, {"100": "9"}),
        usdm.diff(3),
    )
    assert usdm.levels(2) == [("bid", "100", "9", True), *BEGIN[1:]]


def test_a_snapshot_of_before_the_first_diff_is_no_base(spot: BookFlow) -> None:
    spot.write(spot.snapshot(10, BIDS, ASKS), spot.diff(3), spot.diff(4), spot.snapshot(40, BIDS, ASKS), spot.diff(5))
    assert spot.refused(3.5).startswith("no snapshot since a hole from update id 11 to 20")
    assert spot.levels(4) == BEGIN


def test_a_checkpoint_says_how_far_it_is_known_and_wins_over_a_snapshot_of_the_same_id(spot: BookFlow) -> None:
    spot.write(spot.diff(1), spot.snapshot(10, BIDS, ASKS), spot.diff(2), spot.diff(3, {"95": "2"}), spot.diff(4))
    spot.connection.execute(
        """INSERT INTO book_snapshots (market, symbol, last_update_id, source, receive_time,
                                       bid_prices, bid_quantities, ask_prices, ask_quantities, known_bid, known_ask)
           VALUES ('spot', %s, 10, 'checkpoint', %s, '{100,99,96}', '{1,2,3}', '{101,110}', '{4,5}', 97.5, 105),
                  ('spot', %s, 20, 'checkpoint', %s, '{100,99,96}', '{1,2,3}', '{}', '{}', NULL, NULL)""",
        (spot.symbol, moment(1), spot.symbol, moment(2)),
    )
    assert spot.levels(1) == [
        ("bid", "100", "1", True), ("bid", "99", "2", True), ("bid", "96", "3", False),
        ("ask", "101", "4", True), ("ask", "110", "5", False),
    ]  # fmt: skip
    assert spot.at(1)[0].reason == "checkpoint 10 and 0 diffs after it, to update id 10"
    assert spot.levels(3) == [
        ("bid", "100", "1", True), ("bid", "99", "2", True), ("bid", "96", "3", True), ("bid", "95", "2", False),
    ]  # fmt: skip


def test_of_a_side_without_levels_nothing_is_known(spot: BookFlow) -> None:
    spot.write(spot.diff(1), spot.snapshot(10, {}, ASKS), spot.diff(2, {"100": "1"}), spot.diff(3))
    assert spot.levels(2) == [("bid", "100", "1", False), *BEGIN[3:]]
