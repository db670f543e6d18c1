"""The Postgres sink against a real server: exact values, exactly once, what it survives."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
import pytest

from orderflow_recorder.domain.errors import SchemaMismatchError, SinkRefusedError, SinkUnavailableError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.positions import JOURNAL_START, Position
from orderflow_recorder.domain.records import Record
from orderflow_recorder.ports.sink import Batch, WriteResult
from orderflow_recorder.postgres.connection import connect
from orderflow_recorder.postgres.copy_text import LAYOUTS
from orderflow_recorder.postgres.sink import PostgresSink
from tests.support import records

Rows = list[tuple[Any, ...]]


class Writer:
    """Writes records one batch after the other, as a loader would."""

    def __init__(self, url: str, instance: str = "main") -> None:
        """Open a sink for one instance."""
        self.sink = PostgresSink(url)
        self.instance = instance
        self.position = self.sink.open(instance)

    def batch(self, *batch: Record) -> Batch:
        """Build the next batch."""
        end = Position(1, self.position.offset + 100)
        return Batch(self.instance, self.position, end, batch)

    def write(self, *batch: Record) -> WriteResult:
        """Write it and move on."""
        todo = self.batch(*batch)
        result = self.sink.write(todo)
        self.position = todo.end
        return result


@pytest.fixture
def writer(database_url: str) -> Iterator[Writer]:
    made = Writer(database_url)
    yield made
    made.sink.close()


@pytest.fixture
def connection(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as opened:
        yield opened


def trade_ids(connection: psycopg.Connection[Any]) -> list[int]:
    return [row[0] for row in connection.execute("SELECT trade_id FROM trades ORDER BY trade_id")]


def test_one_record_of_each_type_becomes_one_row(writer: Writer, connection: psycopg.Connection[Any]) -> None:
    everything = records.one_of_each()
    assert writer.write(*everything, records.spent_trade_id(9)) == WriteResult(len(everything), 0)
    for record in everything:
        table = LAYOUTS[type(record)].table if type(record) in LAYOUTS else "instruments"
        row = connection.execute(psycopg.sql.SQL("SELECT * FROM {}").format(psycopg.sql.Identifier(table))).fetchall()
        assert len(row) == 1


def test_a_trade_comes_back_exactly(writer: Writer, connection: psycopg.Connection[Any]) -> None:
    writer.write(records.trade(7, price="0.00000001", quantity="92233720368.54775807", symbol="币安人生USDT"))
    row = connection.execute(
        "SELECT symbol, price, quantity, price::text, extract(epoch FROM receive_time), event_time = trade_time "
        "FROM trades"
    ).fetchone()
    assert row == (
        "币安人生USDT",
        Decimal("0.00000001"),
        Decimal("92233720368.54775807"),
        "0.00000001",
        Decimal("1723118400.019345"),
        True,
    )


def test_a_diffs_levels_come_back_in_order_with_their_digits(
    writer: Writer, connection: psycopg.Connection[Any]
) -> None:
    writer.write(records.depth_diff(1, 5, ask_prices=[], ask_quantities=[]))
    row = connection.execute(
        "SELECT bid_prices::text[], bid_quantities::text[], ask_prices FROM depth_diffs"
    ).fetchone()
    assert row == (["61737.63000000", "61737.62000000"], ["0.00100000", "0.00000000"], [])


def test_an_events_detail_survives_escaping(writer: Writer, connection: psycopg.Connection[Any]) -> None:
    detail = {"reason": 'tab\t "quote" \\ back\\nslash\nline', "streams": ["a", None, 1.5]}
    writer.write(records.event(EventKind.DISCONNECTED, detail=detail))
    assert connection.execute("SELECT detail, market, connection FROM sync_events").fetchone() == (detail, None, None)


def test_the_position_is_durable_with_the_rows(database_url: str, writer: Writer) -> None:
    assert writer.position == JOURNAL_START
    writer.write(records.trade())
    writer.write()
    with closing(PostgresSink(database_url)) as again:
        assert again.open("main") == Position(1, 200)


def test_each_instance_has_a_position_of_its_own(database_url: str, writer: Writer) -> None:
    writer.write(records.trade())
    with closing(PostgresSink(database_url)) as other:
        assert other.open("other") == JOURNAL_START


def test_a_batch_that_starts_elsewhere_is_refused_whole(writer: Writer, connection: psycopg.Connection[Any]) -> None:
    batch = writer.batch(records.trade())
    writer.sink.write(batch)
    with pytest.raises(SinkUnavailableError, match="expected to be the only loader"):
        writer.sink.write(msgspec.structs.replace(batch, records=[records.trade(2)]))
    assert trade_ids(connection) == [1]
    assert writer.sink.open("main") == batch.end


def test_rows_that_are_there_are_skipped_and_counted(writer: Writer, connection: psycopg.Connection[Any]) -> None:
    writer.write(records.trade(1), records.trade(2))
    assert writer.write(records.trade(2), records.trade(3), records.trade(3)) == WriteResult(1, 2)
    assert trade_ids(connection) == [1, 2, 3]


def test_of_equal_keys_the_first_counts(writer: Writer, connection: psycopg.Connection[Any]) -> None:
    first = records.trade(1)
    writer.write(*[msgspec.structs.replace(first, receive_time=records.NOON + n * 1000) for n in range(50)])
    assert connection.execute("SELECT extract(epoch FROM receive_time)::bigint FROM trades").fetchall() == [
        (records.NOON // 1_000_000_000,)
    ]


def test_everything_twice_is_everything_once(writer: Writer, connection: psycopg.Connection[Any]) -> None:
    everything = [*records.one_of_each(), records.event(EventKind.RUN_STARTED, detail={"version": "1", "settings": {}})]
    writer.write(*everything)
    assert writer.write(*everything) == WriteResult(0, len(everything))
    for layout in LAYOUTS.values():
        expected = 2 if layout.table == "sync_events" else 1
        count = psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(layout.table))
        assert connection.execute(count).fetchone() == (expected,), layout.table


BAD = [
    records.trade(101, trade_time=10**30),  # no calendar has it
    records.trade(102, symbol="A\x00B"),  # Postgres has no NUL
    records.trade(103, symbol="\ud800"),  # not UTF-8
    records.trade(2**63),  # beyond bigint
    records.trade(105, price="not a number"),
    records.trade(106, symbol="".join(map(chr, range(0x4E00, 0x4E00 + 9000)))),  # beyond an index entry
    records.trade(107, price=r"\N"),  # null where none may be
]


@pytest.mark.parametrize("bad", BAD, ids=["time", "nul", "utf8", "bigint", "number", "index", "null"])
def test_a_row_that_cannot_be_stored_is_returned_and_the_others_are_written(
    bad: Record, writer: Writer, connection: psycopg.Connection[Any]
) -> None:
    result = writer.write(*[records.trade(n) for n in range(1, 6)], bad, *[records.trade(n) for n in range(6, 11)])
    assert (result.inserted, result.duplicates) == (10, 0)
    assert [one.record for one in result.rejected] == [bad]
    assert result.rejected[0].reason
    assert trade_ids(connection) == list(range(1, 11))


def test_bad_rows_of_several_tables_are_found_in_one_batch(writer: Writer, connection: psycopg.Connection[Any]) -> None:
    bad: list[Record] = [
        *BAD,
        records.instrument(symbol="C", base_asset="\x00"),
        records.event(EventKind.STALLED, run_id="\x00"),
    ]
    good: list[Record] = [records.instrument(), records.event(EventKind.CONNECTED), records.trade(1), records.trade(1)]
    result = writer.write(*bad, *good, *bad)
    assert (result.inserted, result.duplicates) == (3, 1)
    assert {repr(one.record) for one in result.rejected} == set(map(repr, bad))
    assert len(result.rejected) == 2 * len(bad)
    assert trade_ids(connection) == [1]


def run_rows(connection: psycopg.Connection[Any]) -> Rows:
    return connection.execute(
        "SELECT run_id, instance, version, settings, extract(epoch FROM stopped_at - started_at)::int FROM runs"
    ).fetchall()


def test_runs_follow_from_their_events(writer: Writer, connection: psycopg.Connection[Any]) -> None:
    detail = {"version": "0.1.0", "settings": {"symbols": ["btcusdt"]}}
    started = records.event(EventKind.RUN_STARTED, detail=detail)
    stopped = records.event(EventKind.RUN_STOPPED, time=records.NOON + 60 * 10**9)
    writer.write(started)
    assert run_rows(connection) == [("run-1", "main", "0.1.0", {"symbols": ["btcusdt"]}, None)]
    writer.write(stopped)
    writer.write(started, stopped)
    assert run_rows(connection) == [("run-1", "main", "0.1.0", {"symbols": ["btcusdt"]}, 60)]


def test_an_instrument_changes_only_when_the_venue_says_something_new(
    writer: Writer, connection: psycopg.Connection[Any]
) -> None:
    later = [records.instrument(receive_time=records.NOON + n * 10**9) for n in (1, 2)]
    halted = records.instrument(status="HALT", receive_time=records.NOON + 3 * 10**9)
    assert writer.write(records.instrument()) == WriteResult(1, 0)
    assert writer.write(*later) == WriteResult(0, 2)
    assert writer.write(halted) == WriteResult(1, 0)
    assert writer.write(records.instrument(), *later) == WriteResult(0, 3)  # an old journal, replayed
    row = connection.execute("SELECT status, extract(epoch FROM receive_time)::bigint FROM instruments").fetchall()
    assert row == [("HALT", records.NOON // 10**9 + 3)]


def test_two_loaders_of_one_journal_write_a_batch_once(
    database_url: str, writer: Writer, connection: psycopg.Connection[Any]
) -> None:
    other = Writer(database_url)
    writer.write(records.trade(1))
    with pytest.raises(SinkUnavailableError):
        other.write(records.trade(1))
    assert other.sink.open("main") == writer.position
    assert trade_ids(connection) == [1]
    other.sink.close()


def test_two_instances_may_write_the_same_trades(
    database_url: str, writer: Writer, connection: psycopg.Connection[Any]
) -> None:
    other = Writer(database_url, "second")
    writer.write(records.trade(1), records.trade(2))
    assert other.write(records.trade(2), records.trade(3)) == WriteResult(1, 1)
    assert trade_ids(connection) == [1, 2, 3]
    other.sink.close()


def test_a_lost_connection_is_unavailable_and_opens_again(writer: Writer, connection: psycopg.Connection[Any]) -> None:
    writer.write(records.trade(1))
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with pytest.raises(SinkUnavailableError):
        writer.write(records.trade(2))
    assert writer.sink.open("main") == writer.position
    writer.write(records.trade(2))
    assert trade_ids(connection) == [1, 2]


def test_a_sink_that_is_not_open_says_so(database_url: str) -> None:
    sink = PostgresSink(database_url)
    sink.close()
    with pytest.raises(SinkUnavailableError, match="not open"):
        sink.write(Batch("main", JOURNAL_START, JOURNAL_START, []))


def test_an_empty_database_asks_for_the_upgrade(empty_database_url: str) -> None:
    with pytest.raises(SchemaMismatchError, match="run `orderflow-recorder db upgrade`"):
        PostgresSink(empty_database_url).open("main")


def test_a_table_that_went_missing_asks_for_the_upgrade(writer: Writer, connection: psycopg.Connection[Any]) -> None:
    connection.execute("DROP TABLE trades CASCADE")
    with pytest.raises(SchemaMismatchError, match="trades"):
        writer.write(records.trade())


def test_a_role_without_permission_is_told_what_it_lacks(writer: Writer, connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE ROLE flow_reader NOLOGIN")
    try:
        opened = writer.sink._connection  # noqa: SLF001  # only a session of lesser rights can show it
        assert opened is not None
        opened.execute("SET ROLE flow_reader")
        with pytest.raises(SinkRefusedError, match=r"permission denied for table .*grant"):
            writer.write(records.trade())
    finally:
        connection.execute("DROP ROLE flow_reader")


def test_a_read_only_server_is_worth_another_try(database_url: str) -> None:
    separator = "&" if "?" in database_url else "?"
    read_only = f"{database_url}{separator}options=-c%20default_transaction_read_only%3Don"
    with pytest.raises(SinkUnavailableError, match="read-only"):
        PostgresSink(read_only).open("main")


def test_futures_and_spot_ids_do_not_meet(writer: Writer, connection: psycopg.Connection[Any]) -> None:
    batch: Sequence[Record] = [records.trade(1), records.trade(1, market=Market.USDM), records.trade(1, symbol="X")]
    assert writer.write(*batch) == WriteResult(3, 0)
    assert trade_ids(connection) == [1, 1, 1]


def test_a_recorder_that_froze_does_not_keep_the_ledger_locked(database_url: str) -> None:
    sink = PostgresSink(database_url)
    sink.open("main")
    connection = sink._connection  # noqa: SLF001  # what a session is set to is seen nowhere else
    assert connection is not None
    row = connection.execute("SHOW idle_in_transaction_session_timeout").fetchone()
    sink.close()
    assert row == ("1min",)
