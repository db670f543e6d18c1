"""The Python API on a real database: frames digit for digit, books at every diff, holes, and one moment."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, get_args

import polars as pl
import psycopg
import pytest

from orderflow_recorder import research
from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.domain.errors import SchemaMismatchError, SinkError, SinkUnavailableError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres.candles import read_candles
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.research.batches import TIMES, table_schema
from orderflow_recorder.research.decimals import Numbers
from tests.support import ledger, records
from tests.support.captures import EPOCH, Expected, capture, lines
from tests.support.database import new_database, with_database
from tests.support.recorded import TRADE_HOLES, holed

SMALL = ("spot_two_symbols_2021-04-04", "usdm_five_symbols_2021-04-05")
STEP = timedelta(milliseconds=1)


@pytest.fixture(scope="module")
def small_url(postgres_url: str, postgres_template: str) -> Iterator[str]:
    """Give the address of a database with the two small captures."""
    paths = [capture(name) for name in SMALL]
    with new_database(postgres_url, template=postgres_template) as url:
        replay(load_settings(env_file=None), url, paths, lambda _path, _left: None)
        yield url


@pytest.fixture(scope="module")
def small(small_url: str) -> Iterator[research.Database]:
    """Give that database, to ask questions of."""
    with research.connect(small_url) as db:
        yield db


@pytest.fixture
def with_holes(postgres_url: str, holed_database: psycopg.Connection[Any]) -> Iterator[research.Database]:
    """Give two minutes of a capture with holes."""
    with research.connect(with_database(postgres_url, holed_database.info.dbname)) as db:
        yield db


@pytest.fixture
def db(database_url: str) -> Iterator[research.Database]:
    """Give a database of the test's own."""
    with research.connect(database_url) as found:
        yield found


def at(milliseconds: float) -> datetime:
    """Return a moment of the venue's clock."""
    return EPOCH + timedelta(milliseconds=milliseconds)


def after_noon(milliseconds: int) -> datetime:
    """Return the time of what `records` builds for an id."""
    return at(records.NOON / 1e6 + milliseconds)


def by_id(db: research.Database, table: str, id_column: str, symbols: Iterable[tuple[str, str]]) -> dict[Any, Any]:
    """Return the rows of a table as `Expected` has them."""
    found = {}
    for market, symbol in symbols:
        frame = getattr(db, table)(market, symbol)
        assert frame[TIMES[table]].is_sorted()
        for row in frame.drop("receive_time").iter_rows(named=True):
            number = row.pop(id_column)
            found[market, symbol, number] = tuple(row.values())
    return found


@pytest.mark.parametrize(("table", "id_column"), [("agg_trades", "agg_trade_id"), ("depth_diffs", "final_update_id")])
def test_frames_say_what_the_captures_say(small: research.Database, table: str, id_column: str) -> None:
    expected = getattr(Expected.of(*(capture(name) for name in SMALL)), table)
    found = by_id(small, table, id_column, {(market, symbol) for market, symbol, _ in expected})
    assert found == expected


def test_trades_say_what_the_capture_says(with_holes: research.Database) -> None:
    fills = [(fill.id, fill.price, fill.quantity, fill.sold, at(fill.time)) for fill in holed().fills]
    columns = ["trade_id", "price", "quantity", "buyer_is_maker", "trade_time"]
    exact = with_holes.trades("spot", "btcusdt")
    assert exact.select(columns).rows() == fills
    floats = with_holes.trades("SPOT", "BTCUSDT", numbers="float")
    assert floats.select(columns).rows() == [(n, float(p), float(q), sold, time) for n, p, q, sold, time in fills]
    assert exact.schema["price"] == pl.Decimal(38, 18)
    assert exact.schema["trade_time"] == pl.Datetime("us", "UTC")
    assert floats.schema["quantity"] == pl.Float64
    assert with_holes.period("spot", "BTCUSDT") == (fills[0][-1], fills[-1][-1])


def test_numbers_as_text_have_the_digits_of_the_venue(small: research.Database, with_holes: research.Database) -> None:
    texts = with_holes.trades("spot", "BTCUSDT", numbers="text")
    assert texts.select("price", "quantity").rows() == [(f"{fill.price}", f"{fill.quantity}") for fill in holed().fills]
    exact, text = (
        next(
            one
            for one in small.books("usdm", "NEOUSDT", levels=5, numbers=numbers)
            if isinstance(one, research.BookUpdate)
        )
        for numbers in get_args(Numbers)
        if numbers != "float"
    )
    assert text.bids == [(f"{price:f}", f"{quantity:f}") for price, quantity in exact.bids]
    assert text.known_ask == (None if exact.known_ask is None else f"{exact.known_ask:f}")
    book = small.book("usdm", "NEOUSDT", text.event_time, levels=5, numbers="text")
    assert book.asks.select("price", "quantity").rows() == text.asks


def test_a_span_includes_its_start_and_not_its_end(with_holes: research.Database) -> None:
    times = sorted({fill.time for fill in holed().fills})
    start, end = at(times[10]), at(times[20])
    expected = [fill.id for fill in holed().fills if times[10] <= fill.time < times[20]]
    assert with_holes.trades("spot", "BTCUSDT", start, end)["trade_id"].to_list() == expected
    assert with_holes.trades("spot", "BTCUSDT", start.isoformat(), end.isoformat())["trade_id"].to_list() == expected
    assert with_holes.trades("spot", "BTCUSDT", start, start).is_empty()
    assert with_holes.trades("spot", "BTCUSDT", at(times[-1]))["trade_id"].to_list() == [
        fill.id for fill in holed().fills if fill.time == times[-1]
    ]
    assert len(with_holes.trades("spot", "BTCUSDT", end=at(times[0]) + STEP)) >= 1


@pytest.mark.parametrize("numbers", ["exact", "float"])
@pytest.mark.parametrize("table", TIMES)
def test_a_frame_without_rows_has_its_columns(small: research.Database, table: str, numbers: Any) -> None:  # noqa: ANN401
    empty = getattr(small, table)("usdm", "NOSUCHUSDT", numbers=numbers)
    assert empty.is_empty()
    assert empty.schema == pl.DataFrame(pl.from_arrow(table_schema(table, numbers).empty_table())).schema
    assert small.period("usdm", "NOSUCHUSDT", table) is None


def test_every_table_comes_back_as_it_was_written(db: research.Database, database_url: str) -> None:
    strange = 'a,"b"\n\\N'
    ledger.write(
        database_url, [*records.one_of_each(), records.liquidation(symbol="ETHUSDT", status=strange, order_type="")]
    )
    time = after_noon(0)
    (top,) = db.book_tops("spot", "BTCUSDT").rows(named=True)
    prices = {"bid_prices": [Decimal("61737.63"), Decimal("61737.62")], "ask_prices": [Decimal("61737.64")]}
    quantities = {"bid_quantities": [Decimal("0.001"), 0], "ask_quantities": [Decimal("92233720368.54775807")]}
    head = {"last_update_id": 1, "source": "stream", "event_time": None, "receive_time": time}
    assert top == head | prices | quantities
    (snapshot,) = db.book_snapshots("spot", "BTCUSDT").rows(named=True)
    head = {"last_update_id": 1, "source": "rest", "receive_time": time, "known_bid": None, "known_ask": None}
    assert snapshot == head | prices | quantities
    (mark,) = db.mark_prices("usdm", "BTCUSDT").rows(named=True)
    assert mark["funding_rate"] == Decimal("-0.0001")
    assert mark["average_mark_price"] is None
    assert mark["next_funding_time"] is None
    (ticker,) = db.book_tickers("spot", "BTCUSDT", numbers="float").rows(named=True)
    assert ticker["bid_price"] == 61737.63
    (liquidation,) = db.liquidations("usdm", "ETHUSDT").rows(named=True)
    assert (liquidation["status"], liquidation["order_type"], liquidation["side"]) == (strange, "", "SELL")
    (instrument,) = db.instruments("spot", "btcusdt").rows(named=True)
    assert (instrument["symbol"], instrument["tick_size"]) == ("BTCUSDT", Decimal("0.01"))


def test_a_number_that_does_not_fit_is_named_and_no_other_number(db: research.Database, database_url: str) -> None:
    wide = "704341925412248244757"  # what Arrow's own conversion makes another number of, without a word
    whole = "99999999999999999999.999999999999999999"
    ledger.write(database_url, [records.trade(1, quantity=whole), records.trade(2, quantity=wide)])
    ledger.write(database_url, [records.depth_diff(1, 2, bid_quantities=["1", "0.0000000000000000001"])])
    assert db.trades("spot", "BTCUSDT", end=after_noon(2))["quantity"].to_list() == [Decimal(whole)]
    with pytest.raises(research.NumberTooWideError, match=r"trades\.quantity: expected .* received 7043419254122482"):
        db.trades("spot", "BTCUSDT")
    with pytest.raises(research.NumberTooWideError, match=r"depth_diffs\.bid_quantities: .* received 0\.0000000000"):
        db.depth_diffs("spot", "BTCUSDT")
    assert db.trades("spot", "BTCUSDT", numbers="float")["quantity"].to_list() == [1e20, float(wide)]


def test_batches_are_as_small_as_asked_and_other_questions_go_between(with_holes: research.Database) -> None:
    frame = with_holes.trades("spot", "BTCUSDT")
    sizes, ids = [], []
    for batch in with_holes.batches("trades", "spot", "BTCUSDT", rows=100):
        sizes.append(batch.num_rows)
        ids += batch["trade_id"].to_pylist()
        assert not with_holes.coverage("spot").is_empty()
    assert ids == frame["trade_id"].to_list()
    assert set(sizes[:-1]) == {100}
    with closing(with_holes.batches("trades", "spot", "BTCUSDT", rows=1)) as batches:
        assert next(batches).num_rows == 1  # and never asks for the others
    assert len(with_holes.trades("spot", "BTCUSDT")) == len(frame)


def test_a_batch_of_long_rows_is_shorter(db: research.Database, database_url: str) -> None:
    levels = [f"{number}.00000000" for number in range(1, 20_001)]
    sides = {"bid_prices": levels, "bid_quantities": levels, "ask_prices": levels, "ask_quantities": levels}
    ledger.write(database_url, [records.book_snapshot(number, **sides) for number in range(1, 17)])
    sizes = [batch.num_rows for batch in db.batches("book_snapshots", "spot", "BTCUSDT")]
    assert sum(sizes) == 16
    assert max(sizes) < 16


def snapshots(name: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the snapshot of each symbol of a capture."""
    return {(line["market"], line["symbol"]): line["d"] for line in lines(capture(name)) if line["k"] == "rest"}


class Naive:
    """A book of two plain dicts."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        """Begin with a snapshot of the venue."""
        self.last_update_id = snapshot["lastUpdateId"]
        self.sides: dict[str, dict[Decimal, Decimal]] = {"bids": {}, "asks": {}}
        self.apply(snapshot["bids"], snapshot["asks"])

    def apply(self, bids: Sequence[Sequence[str]], asks: Sequence[Sequence[str]]) -> None:
        """Set levels."""
        for name, levels in (("bids", bids), ("asks", asks)):
            for price, quantity in levels:
                self.sides[name][Decimal(price)] = Decimal(quantity)
                if not Decimal(quantity):
                    del self.sides[name][Decimal(price)]


@pytest.mark.parametrize("name", SMALL)
def test_books_are_those_of_an_independent_replay_at_every_diff(small: research.Database, name: str) -> None:
    frames: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines(capture(name)):
        if line["k"] == "ws" and "@depth@" in line["d"]["stream"]:
            frames.setdefault((line["market"], line["d"]["data"]["s"]), []).append(line["d"]["data"])
    for (market, symbol), snapshot in snapshots(name).items():
        book = Naive(snapshot)
        updates = small.books(market, symbol, levels=None)
        count = 0
        for frame in frames[market, symbol]:
            # The first one that reaches beyond the snapshot, by the rule of its market.
            if frame["u"] < snapshot["lastUpdateId"] + (market == "spot"):
                continue
            book.apply(frame["b"], frame["a"])
            update = next(one for one in updates if isinstance(one, research.BookUpdate))
            assert (update.update_id, update.event_time) == (frame["u"], at(frame["E"]))
            assert dict(update.bids) == book.sides["bids"]
            assert dict(update.asks) == book.sides["asks"]
            assert [price for price, _ in update.bids[:30]] == sorted(book.sides["bids"], reverse=True)[:30]
            count += 1
        assert next(updates, None) is None
        assert count > 700


def fail_after_the_first(answer: Iterable[Any]) -> None:
    """Take one, and no other."""
    for one in answer:
        raise ZeroDivisionError(one)


def test_what_is_left_early_leaves_nothing_behind(small: research.Database) -> None:
    with closing(small.books("usdm", "NEOUSDT")) as books:
        first = next(books)
    for give in (
        lambda: small.books("usdm", "NEOUSDT"),
        lambda: small.batches("agg_trades", "usdm", "NEOUSDT", rows=1),
    ):
        with pytest.raises(ZeroDivisionError), small.one_moment():
            fail_after_the_first(give())
    assert next(small.books("usdm", "NEOUSDT")) == first


def test_books_of_a_span_begin_with_what_came_before(small: research.Database) -> None:
    everything = [one for one in small.books("usdm", "NEOUSDT", levels=5) if isinstance(one, research.BookUpdate)]
    start, end = everything[300].event_time, everything[600].event_time
    assert list(small.books("usdm", "NEOUSDT", start, end, levels=5)) == everything[300:600]
    floats = next(small.books("usdm", "NEOUSDT", start, levels=5, numbers="float"))
    assert isinstance(floats, research.BookUpdate)
    assert floats.bids == [(float(price), float(quantity)) for price, quantity in everything[300].bids]
    assert floats.known_bid == float(everything[300].known_bid or 0)


def test_the_book_at_an_instant_is_the_one_of_the_last_diff(small: research.Database) -> None:
    *_, last = small.books("usdm", "NEOUSDT", end="2021-04-05T18:38", levels=7)
    assert isinstance(last, research.BookUpdate)
    book = small.book("usdm", "neousdt", last.event_time, levels=7)
    assert book.trusted
    assert book.checkpoint is not None
    assert str(last.update_id) in book.reason
    assert book.bids.select("price", "quantity").rows() == last.bids
    assert book.asks.select("price", "quantity").rows() == last.asks
    assert book.bids["known"].all()
    floats = small.book("usdm", "NEOUSDT", last.event_time, levels=7, numbers="float")
    assert floats.asks["price"].to_list() == [float(price) for price, _ in last.asks]
    early = small.book("usdm", "NEOUSDT", "2020-01-01")
    assert not early.trusted
    assert early.bids.is_empty()
    assert early.bids.schema == book.bids.schema
    assert "nothing recorded before" in early.reason


def test_books_break_at_a_hole_and_never_cross_it(with_holes: research.Database) -> None:
    found = list(with_holes.books("spot", "BTCUSDT", levels=1))
    places = [place for place, one in enumerate(found) if isinstance(one, research.BookBreak)]
    begin, hole = (found[place] for place in places)
    assert isinstance(begin, research.BookBreak)
    assert begin.first_missing_id is None
    assert begin.reason == "no snapshot or checkpoint up to this instant"
    assert isinstance(hole, research.BookBreak)
    ((before, following),) = (two for two in pairwise(holed().changes) if two[1].first != two[0].final + 1)
    first, last_missing = before.final + 1, following.first - 1
    assert (hole.first_missing_id, hole.last_missing_id) == (first, last_missing)
    assert hole.event_time == at(following.time)
    assert hole.reason.startswith(f"update ids {first} to {last_missing} of depth@100ms are missing: venue_skipped")
    assert places[1] == len(found) - 1  # the capture has one snapshot only
    last = found[-2]
    assert isinstance(last, research.BookUpdate)
    assert list(with_holes.books("spot", "BTCUSDT", last.event_time, hole.event_time, levels=1)) == [last, hole]
    (inside,) = with_holes.books("spot", "BTCUSDT", last.event_time + STEP, hole.event_time)
    assert isinstance(inside, research.BookBreak)
    assert inside.reason.startswith("inside a hole")


def test_books_go_on_after_a_hole_with_the_next_snapshot(db: research.Database, database_url: str) -> None:
    ledger.write(
        database_url,
        [ledger.snapshot(10, "1"), ledger.spot_diff(11, 20, "2"), ledger.spot_diff(21, 30, "3")],
        [ledger.spot_diff(41, 50, "4"), ledger.spot_diff(51, 60, "5"), ledger.snapshot(65, "6")],
        [ledger.spot_diff(61, 70, "7"), ledger.spot_diff(71, 80, "8")],
    )
    found = list(db.books("spot", "BTCUSDT", levels=1))
    assert [one.update_id if isinstance(one, research.BookUpdate) else None for one in found] == [20, 30, None, 70, 80]
    broken = found[2]
    assert isinstance(broken, research.BookBreak)
    assert (broken.first_missing_id, broken.last_missing_id, broken.event_time) == (31, 40, after_noon(50))
    assert broken.reason == (
        "update ids 31 to 40 of depth@100ms are missing: venue_skipped, unrecoverable "
        "(the venue serves no past book changes; the book is whole again from the next snapshot)"
    )
    (begin, *rest) = db.books("spot", "BTCUSDT", after_noon(50), after_noon(80), levels=1)
    assert isinstance(begin, research.BookBreak)
    assert begin.reason.startswith("inside a hole from update id 31 to 40")
    assert [one.bids for one in rest if isinstance(one, research.BookUpdate)] == [[(100, 7)]]
    assert list(db.books("spot", "BTCUSDT", "2020-01-01", "2020-01-02")) == [
        research.BookBreak(
            after_noon(20), None, 10, "nothing recorded before: no diff of this market and symbol up to this instant"
        )
    ]
    assert list(db.books("spot", "ETHUSDT")) == []


def test_candles_of_any_interval(with_holes: research.Database, holed_database: psycopg.Connection[Any]) -> None:
    first, last = at(holed().fills[0].time), at(holed().fills[-1].time) + timedelta(minutes=1)
    for interval, seconds in (("1s", 1), ("5s", 5), ("1m", 60)):
        expected = read_candles(holed_database, Market.SPOT, "BTCUSDT", seconds, first - timedelta(minutes=1), last)
        candles = with_holes.candles("spot", "BTCUSDT", interval=interval)
        found = candles.drop("vwap").rows(named=True)
        assert found == [{name: getattr(one, name) for name in candles.drop("vwap").columns} for one in expected]
        for row, one in zip(candles["vwap"], expected, strict=True):
            assert one.vwap is not None
            assert abs(row - one.vwap) < Decimal("1e-17")
        assert not candles["complete"].all()
    floats = with_holes.candles("spot", "BTCUSDT", first, last, interval=timedelta(seconds=5), numbers="float")
    assert floats["volume"].sum() == pytest.approx(float(sum(fill.quantity for fill in holed().fills[1:])), rel=0.1)
    assert floats.schema["vwap"] == pl.Float64
    assert with_holes.candles("spot", "NOSUCHUSDT").schema == candles.schema


def test_holes_lie_between_the_rows_on_both_sides(with_holes: research.Database) -> None:
    fills = sorted(holed().fills)
    holes = with_holes.holes("spot", "BTCUSDT", "trade")
    assert holes.select("first_missing_id", "last_missing_id").rows() == list(TRADE_HOLES)
    for hole in holes.iter_rows(named=True):
        before = max(fill for fill in fills if fill.id < hole["first_missing_id"])
        following = min(fill for fill in fills if fill.id > hole["last_missing_id"])
        assert (hole["start"], hole["end"]) == (at(before.time), at(following.time))
    (start, end), (later, _) = holes.select("start", "end").rows()
    inside = with_holes.holes("spot", "BTCUSDT", "trade", start + STEP, end - STEP)
    assert inside.rows() == holes[:1].rows()
    assert with_holes.holes("spot", "BTCUSDT", "trade", start, later).rows() == holes[:1].rows()
    assert with_holes.holes("spot", "BTCUSDT", "trade", end + STEP, later).is_empty()
    assert with_holes.holes("spot", "BTCUSDT", "trade", end="2020-01-01").is_empty()
    (depth,) = with_holes.holes("spot", "BTCUSDT", "depth@100ms").rows(named=True)
    (gap,) = with_holes.gaps("spot", "BTCUSDT", "depth@100ms").rows(named=True)
    assert depth["first_missing_id"] == gap["first_missing_id"]
    assert depth["cause"] == gap["cause"]
    assert with_holes.holes("spot", "BTCUSDT", "bookTicker").schema == holes.schema


def test_holes_of_streams_without_ids_lie_where_their_times_say(db: research.Database, database_url: str) -> None:
    marks = [
        records.mark_price(
            event_time=records.NOON + second * 10**9, receive_time=records.NOON + (second + 10**8) * 10**9
        )
        for second in (1, 2, 9, 10)
    ]
    ledger.write(database_url, marks)
    times = [after_noon(second * 1000) + timedelta(seconds=10**8) for second in (2, 9)]
    with connect(database_url) as connection:
        connection.execute(
            """INSERT INTO gaps (market, symbol, stream, from_time, to_time, cause, status, opened_at, instance)
            VALUES ('usdm', 'BTCUSDT', 'markPrice@1s', %s, %s, 'disconnect', 'unrecoverable', %s, 'main')""",
            [*times, times[1]],
        )
    (hole,) = db.holes("usdm", "BTCUSDT", "markPrice@1s").rows(named=True)
    assert (hole["start"], hole["end"]) == (after_noon(2000), after_noon(9000))
    assert hole["first_missing_id"] is None
    assert len(db.holes("usdm", "BTCUSDT", "markPrice@1s", after_noon(3000), after_noon(4000))) == 1
    assert db.holes("usdm", "BTCUSDT", "markPrice@1s", after_noon(9001)).is_empty()


def test_the_ledger_comes_as_it_is(db: research.Database, database_url: str) -> None:
    ledger.good_state(database_url)
    gaps = db.gaps()
    with connect(database_url) as connection:
        ids = {row[0] for row in connection.execute("SELECT gap_id FROM gaps")}
    assert set(gaps["gap_id"]) == ids
    assert set(db.gaps(status="healed")["status"]) <= {"healed"}
    assert set(db.gaps("usdm")["market"]) == {"usdm"}
    assert set(db.gaps("spot", "btcusdt", "trade")["stream"]) == {"trade"}
    assert db.gaps("spot", "NOSUCHUSDT").schema == gaps.schema
    coverage = db.coverage("spot", "BTCUSDT", "trade")
    assert coverage["market"].to_list() == ["spot"]
    assert coverage.schema["first_id"] == pl.Int64


def test_one_moment_sees_nothing_newer(db: research.Database, database_url: str) -> None:
    ledger.write(database_url, [records.trade(1), ledger.snapshot(10, "1"), ledger.spot_diff(11, 20, "2")])
    with db.one_moment():
        assert len(db.trades("spot", "BTCUSDT")) == 1
        ledger.write(database_url, [records.trade(2), ledger.spot_diff(21, 30, "3")])
        assert len(db.trades("spot", "BTCUSDT")) == 1
        assert sum(batch.num_rows for batch in db.batches("trades", "spot", "BTCUSDT")) == 1
        assert len(list(db.books("spot", "BTCUSDT"))) == 1
        with pytest.raises(research.QuestionError, match="one_moment: expected no other"), db.one_moment():
            pytest.fail("one moment inside of another")
        assert len(db.trades("spot", "BTCUSDT")) == 1
    assert len(db.trades("spot", "BTCUSDT")) == 2
    assert len(list(db.books("spot", "BTCUSDT"))) == 2
    with pytest.raises(psycopg.DataError), db.one_moment():
        raise psycopg.DataError  # the caller's own, of whatever database


def test_nothing_can_be_changed(db: research.Database) -> None:
    session = db._session  # noqa: SLF001  # nothing public takes a statement
    for give in (session.asking, session.another):
        with pytest.raises(SinkError, match="read-only"), give() as connection:
            connection.execute("DELETE FROM trades")


def test_arguments_are_looked_at_before_anything_is_read(db: research.Database) -> None:
    db.close()
    for ask in (
        lambda: db.books("spot", "BTCUSDT", levels=0),
        lambda: db.batches("trade", "spot", "BTCUSDT"),
        lambda: db.trades("cm", "BTCUSDT"),
        lambda: db.candles("spot", "BTCUSDT", interval="soon"),
        lambda: db.holes("spot", "BTCUSDT", "forceOrder"),
        lambda: db.period("spot", "BTCUSDT", "gaps"),
        lambda: db.book("spot", "BTCUSDT", "now"),
    ):
        with pytest.raises(research.QuestionError, match="expected"):
            ask()
    with pytest.raises(SinkUnavailableError, match="closed"):
        db.coverage()


def test_a_database_that_is_none_of_ours_is_refused(empty_database_url: str) -> None:
    with pytest.raises(SchemaMismatchError, match="run `orderflow-recorder db upgrade`"):
        research.connect(empty_database_url)
    with pytest.raises(SinkUnavailableError):
        research.connect("postgresql://nobody@127.0.0.1:1/none")
