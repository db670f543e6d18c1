"""Retention against a real database: what is old goes, and the ledger still tells the truth."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from orderflow_recorder.app.replay import replay
from orderflow_recorder.app.settings import load_settings
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.postgres import storage_batches, storage_retention
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.engine import open_engine
from orderflow_recorder.postgres.queries import TIMESCALE_INSTALLED
from orderflow_recorder.postgres.storage_batches import Deletion
from orderflow_recorder.postgres.storage_derived import candle_aggregates
from orderflow_recorder.postgres.storage_ledger import AGING
from orderflow_recorder.postgres.storage_retention import delete_expired
from orderflow_recorder.postgres.timescale import is_community
from tests.support import records
from tests.support.captures import capture
from tests.support.database import new_database
from tests.support.ledger import good_state, prove, write
from tests.support.ledger_writer import Ledger

AGE: Final = timedelta(days=30)
EVERYTHING: Final = dict.fromkeys(AGING, AGE)
CHUNK_S: Final = 20
NOON: Final = datetime(2024, 8, 8, 12, tzinfo=UTC)
MIDDLE: Final = datetime(2021, 4, 5, 18, 37, 37, tzinfo=UTC)
"""A minute into the first capture, of five symbols with aggregates, diffs and book tickers."""
LATER: Final = datetime(2023, 4, 4, 23, 59, tzinfo=UTC)
"""A minute into the second one, of one symbol with trades, diffs, book tickers and mark prices."""


def go_on(_seconds: float) -> bool:
    return False


def delete(url: str, cutoff: datetime, retain: dict[str, timedelta] | None = None) -> dict[str, Deletion]:
    """Delete what is older than ``cutoff``; return what went, by table."""
    wanted = EVERYTHING if retain is None else retain
    with connect(url) as connection:
        return {one.table: one for one in delete_expired(connection, wanted, cutoff + AGE, go_on)}


def short_chunks(url: str, seconds: float) -> bool:
    """Make the chunks to come short, and nothing happen by itself; say whether there are chunks at all."""
    with connect(url) as connection:
        if connection.execute(TIMESCALE_INSTALLED).fetchone() != (True,):
            return False
        connection.execute(
            "SELECT delete_job(job_id) FROM timescaledb_information.jobs WHERE hypertable_schema = 'public'"
        )
        connection.execute(
            "SELECT set_chunk_time_interval("
            "format('public.%%I', hypertable_name)::regclass, make_interval(secs => %s)) "
            "FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public'",
            (seconds,),
        )
    return True


def compress(url: str) -> None:
    """Compress every chunk, where the edition can."""
    with open_engine(url).connect() as engine:
        if not is_community(engine):
            return
    with connect(url) as connection:
        connection.execute(
            "SELECT compress_chunk(format('%I.%I', chunk_schema, chunk_name)::regclass) "
            "FROM timescaledb_information.chunks"
        )


def oldest(connection: psycopg.Connection[Any], table: str) -> datetime | None:
    query = sql.SQL("SELECT min({}) FROM {}").format(sql.Identifier(AGING[table].time), sql.Identifier(table))
    row = connection.execute(query).fetchone()
    return None if row is None else row[0]


@pytest.fixture(scope="module")
def holed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give two minutes each of two captures that lack every 37th frame."""
    path = tmp_path_factory.mktemp("holed") / "holed.jsonl"
    with path.open("w") as target:
        for name in ("usdm_five_symbols_2021-04-05", "usdm_btcusdt_2023-04-04"):
            with gzip.open(capture(name), "rt") as source:
                for number, line in enumerate(islice(source, 15_000)):
                    if number % 37 or '"k":"rest"' in line:
                        target.write(line)
    return path


@pytest.fixture(scope="module")
def recorded_template(postgres_url: str, postgres_template: str, holed: Path) -> Iterator[str]:
    """Give the name of a database to clone that has the capture in short chunks."""
    with new_database(postgres_url, template=postgres_template) as url:
        short_chunks(url, CHUNK_S)
        replay(load_settings(env_file=None), url, [holed], lambda _path, _left: None)
        with connect(url) as connection:
            connection.execute("ANALYZE")  # `verify` plans badly without
        name = urlsplit(url).path.removeprefix("/")
        with connect(postgres_url) as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        yield name


@pytest.fixture
def recorded(postgres_url: str, recorded_template: str) -> Iterator[str]:
    """Give a database that has the capture, for this test alone."""
    with new_database(postgres_url, template=recorded_template) as url:
        yield url


@pytest.mark.parametrize(
    ("cutoff", "tables", "streams"),
    [
        (MIDDLE, {"agg_trades", "depth_diffs", "book_tickers"}, 19),
        (LATER, {"trades", "agg_trades", "depth_diffs", "book_tickers", "mark_prices"}, 4),
    ],
)
def test_what_is_old_goes_and_the_ledger_is_still_true(
    recorded: str, cutoff: datetime, tables: set[str], streams: int
) -> None:
    before = prove(recorded)
    assert before.counter_example is None
    gone = delete(recorded, cutoff)
    assert gone.keys() - {"book_snapshots"} == tables
    after = prove(recorded)
    assert after.counter_example is None
    assert len(before.streams) == 19
    assert len(after.streams) == streams
    with connect(recorded) as connection:
        hypertables = connection.execute(TIMESCALE_INSTALLED).fetchone() == (True,)
        for table in tables - {"agg_trades"}:
            left = oldest(connection, table)
            # Chunks go as a whole, so what remains of a hypertable may be older by one.
            assert left is None or left >= cutoff - (timedelta(seconds=CHUNK_S) if hypertables else timedelta())
        gaps = Ledger(connection).gaps("first_missing_id")
        early = (
            "SELECT count(*) FROM gaps JOIN coverage USING (market, symbol, stream) WHERE first_missing_id < first_id"
        )
        assert connection.execute(early).fetchone() == (0,)
    assert gaps
    for one in gone.values():
        assert (one.chunks > 0, one.rows > 0) == (hypertables, not hypertables)


def test_a_second_time_there_is_nothing_to_do(recorded: str) -> None:
    delete(recorded, MIDDLE)
    assert delete(recorded, MIDDLE) == {}


def test_step_by_step_is_the_same_as_at_once(recorded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_batches, "BATCH_ROWS", 100)
    for cutoff in (MIDDLE - timedelta(seconds=30), MIDDLE, LATER - timedelta(seconds=30), LATER):
        delete(recorded, cutoff)
        assert prove(recorded).counter_example is None


def test_what_goes_in_parts_leaves_a_true_ledger_behind_each(recorded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_batches, "BATCH_ROWS", 500)
    with connect(recorded) as connection:
        list(delete_expired(connection, EVERYTHING, MIDDLE + AGE, lambda _seconds: True))  # told to stop each time
    assert prove(recorded).counter_example is None
    delete(recorded, MIDDLE)
    assert prove(recorded).counter_example is None


def test_everything_may_go_and_recording_goes_on(recorded: str) -> None:
    delete(recorded, LATER + timedelta(days=1))
    with connect(recorded) as connection:
        assert Ledger(connection).coverage() == []
        assert Ledger(connection).gaps() == []
    write(recorded, [records.trade(n, market=Market.USDM, symbol="BTCUSDT") for n in (1, 2)])
    result = prove(recorded)
    assert (result.holds, [one.rows for one in result.streams]) == (True, [2])


def test_only_the_tables_named_lose_anything(recorded: str) -> None:
    assert delete(recorded, MIDDLE, {"agg_trades": AGE}).keys() == {"agg_trades"}
    assert delete(recorded, MIDDLE, {}) == {}
    assert prove(recorded).counter_example is None


def test_late_rows_and_rows_of_a_second_recorder_meet_a_ledger_that_moved(recorded: str, holed: Path) -> None:
    delete(recorded, MIDDLE)
    before = prove(recorded)
    # Loaded again from its beginning, what is older comes back; it goes again the next time.
    with connect(recorded) as connection:
        connection.execute("DELETE FROM loader_positions")
    replay(load_settings(env_file=None), recorded, [holed], lambda _path, _left: None)
    assert prove(recorded).counter_example is None
    delete(recorded, MIDDLE)
    after = prove(recorded)
    assert after.counter_example is None
    assert [(one.stream, one.rows) for one in after.streams] == [(one.stream, one.rows) for one in before.streams]


def test_ids_that_are_out_of_the_order_of_time_leave_no_hole(database_url: str) -> None:
    short_chunks(database_url, 1)
    times = {1: 0, 2: 100, 3: 1005, 4: 995, 5: 1010, 6: 1020}  # 4 was matched before 3, by its own time
    trades = [records.trade(n, trade_time=records.NOON + ms * records.MILLISECOND) for n, ms in times.items()]
    write(database_url, trades)
    compress(database_url)
    delete(database_url, NOON + timedelta(seconds=1))
    assert prove(database_url).counter_example is None
    with connect(database_url) as connection:
        assert Ledger(connection).ids() == [5, 6]
        assert Ledger(connection).coverage() == [("BTCUSDT", "trade", 5, 6, None)]


def test_shared_tables_forget_only_the_stream_that_is_gone(database_url: str) -> None:
    short_chunks(database_url, 1)
    hour = 3600 * 10**9
    tops = [
        records.book_top(n, receive_time=records.NOON + n * records.MILLISECOND, stream="depth5@100ms") for n in (1, 2)
    ]
    others = [
        records.book_top(n, receive_time=records.NOON + hour + n * records.MILLISECOND, stream="depth20@100ms")
        for n in (3, 4)
    ]
    write(database_url, tops, others)
    with connect(database_url) as connection:  # rows of no stream lie between them
        connection.execute(
            "INSERT INTO book_tops SELECT market, symbol, last_update_id, 'local', event_time, receive_time, "
            "bid_prices, bid_quantities, ask_prices, ask_quantities FROM book_tops"
        )
    delete(database_url, NOON + timedelta(minutes=1), {"book_tops": AGE})
    assert prove(database_url).counter_example is None
    with connect(database_url) as connection:
        assert Ledger(connection).coverage() == [("BTCUSDT", "depth20@100ms", None, None, 4)]
        assert connection.execute("SELECT count(*) FROM book_tops").fetchone() == (4,)


def test_every_kind_of_stream_and_healed_gaps_move_along(database_url: str) -> None:
    short_chunks(database_url, 0.01)
    good_state(database_url)
    write(database_url, [records.trade(6, event_time=None)])
    for milliseconds in range(4, 70, 6):
        delete(database_url, NOON + timedelta(milliseconds=milliseconds), dict.fromkeys(AGING, AGE))
        assert prove(database_url).counter_example is None, milliseconds


def test_what_is_in_use_goes_another_time(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage_retention, "_LOCK_TIMEOUT", "SET LOCAL lock_timeout = '50ms'")
    short_chunks(database_url, 1)
    write(database_url, [records.trade(n) for n in (1, 2)], [records.trade(n) for n in (2000, 2001)])
    with connect(database_url) as reader, reader.transaction():
        reader.execute("LOCK TABLE trades IN SHARE MODE")
        assert delete(database_url, NOON + timedelta(seconds=1)) == {}
    assert delete(database_url, NOON + timedelta(seconds=1)).keys() == {"trades"}
    assert prove(database_url).counter_example is None


def test_old_events_go_and_the_others_stay(database_url: str) -> None:
    for instance in ("main", "second"):
        write(
            database_url,
            [records.event(EventKind.CONNECTED, time=records.NOON + n * 10**9, instance=instance) for n in range(4)],
            instance=instance,
        )
    gone = delete(database_url, NOON + timedelta(seconds=2), {"sync_events": AGE})
    assert gone["sync_events"].rows == 4
    with connect(database_url) as connection:
        assert connection.execute("SELECT count(*) FROM sync_events").fetchone() == (4,)


def test_books_at_the_oldest_diffs_have_something_to_begin_with(database_url: str) -> None:
    write(database_url, [records.book_snapshot(n, receive_time=records.NOON + n * 60 * 10**9) for n in (1, 119)])
    delete(database_url, NOON + timedelta(hours=2))
    with connect(database_url) as connection:
        left = connection.execute("SELECT last_update_id FROM book_snapshots").fetchall()
        chunks = connection.execute(TIMESCALE_INSTALLED).fetchone() == (True,)
    assert left == ([(1,), (119,)] if chunks else [(119,)])


def keep_candles(url: str) -> None:
    """Have finished candles of two minutes three days apart, in whatever keeps them here."""
    day = 24 * 3600 * 10**9
    write(url, [records.trade(n, trade_time=records.NOON + days * day) for n, days in ((1, 0), (2, 3))])
    with connect(url) as connection:
        if candle_aggregates(connection):
            connection.execute(
                "SELECT set_chunk_time_interval(format('public.%I', view_name)::regclass, interval '1 hour') "
                "FROM timescaledb_information.continuous_aggregates"
            )
            for width in ("1s", "1m"):
                connection.execute("CALL refresh_continuous_aggregate(%s, NULL, NULL)", (f"trade_candles_{width}",))
            return
        for width in ("1s", "1m"):
            connection.execute(
                sql.SQL(
                    "INSERT INTO {} "
                    "SELECT market, symbol, 'trade', date_trunc('minute', trade_time), trade_id, trade_id, "
                    "price, price, price, price, 0, quantity, price * quantity, 1 FROM trades"
                ).format(sql.Identifier(f"finished_candles_{width}"))
            )
        connection.execute(
            "INSERT INTO candle_marks (market, symbol, stream, finished_until) "
            "SELECT 'spot', 'BTCUSDT', 'trade', max(trade_time) + interval '1 minute' FROM trades "
            "ON CONFLICT (market, symbol, stream) DO UPDATE SET finished_until = excluded.finished_until"
        )
        connection.execute("DELETE FROM candle_changes")


def count_candles(url: str) -> list[int]:
    query = sql.SQL("SELECT count(*) FROM {}")
    with connect(url) as connection:
        tables = [sql.Identifier(f"candles_{width}") for width in ("1s", "1m")]
        return [connection.execute(query.format(table)).fetchall()[0][0] for table in tables]


def test_candles_outlive_their_trades_and_go_in_their_own_time(database_url: str) -> None:
    keep_candles(database_url)
    assert count_candles(database_url) == [2, 2]
    assert delete(database_url, NOON + timedelta(days=2), {"trades": AGE}).keys() == {"trades"}
    assert count_candles(database_url) == [2, 2]
    gone = delete(database_url, NOON + timedelta(days=2), {"candles": AGE})
    assert len(gone) == 2
    assert all(one.rows == 1 or one.chunks == 1 for one in gone.values())
    assert count_candles(database_url) == [1, 1]
