"""What the tables say of a book to take up again; the venue's clock is years behind ours."""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest

from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.market import Market
from orderflow_recorder.domain.records import BookSnapshot, DepthDiff
from orderflow_recorder.ports.books import BookSeed
from orderflow_recorder.postgres.book_seeds import PostgresBooks
from orderflow_recorder.postgres.connection import connect
from tests.support import records
from tests.support.ledger_writer import Recorder
from tests.support.records import MILLISECOND, NOON

YEARS = 3 * 365 * 86_400_000 * MILLISECOND
HOUR = 3_600_000 * MILLISECOND


def diff(number: int, **fields: object) -> DepthDiff:
    """Return a futures diff with the digits that the venue sent."""
    chained: dict[str, Any] = {
        "market": Market.USDM,
        "previous_final_update_id": number - 1,
        "event_time": NOON - YEARS + number * MILLISECOND,
        "transaction_time": NOON - YEARS,
        "receive_time": NOON + number * MILLISECOND,
    }
    return records.depth_diff(number, number, **(chained | fields))


def book(source: str, last: int, *, after_ms: float = 0, **fields: object) -> BookSnapshot:
    """Return a book received when diff ``last`` was, or so many ms later."""
    time = NOON + last * MILLISECOND + int(after_ms * MILLISECOND)
    known: dict[str, Any] = {"market": Market.USDM, "source": source, "receive_time": time}
    return records.book_snapshot(last, **(known | fields))


def checkpoint(last: int, **fields: Any) -> BookSnapshot:  # noqa: ANN401  # any field
    return book("checkpoint", last, known_bid="61000.10", known_ask="62000.00", **fields)


def read(source: PostgresBooks, until: DepthDiff, after: int) -> list[int]:
    with closing(source.diffs(until, after=after)) as found:
        return [one.final_update_id for one in found]


@pytest.fixture
def source(database_url: str) -> Iterator[PostgresBooks]:
    """Give what reads the seeds."""
    found = PostgresBooks(database_url)
    yield found
    found.close()


def test_the_newest_checkpoint_comes_back_as_it_was_and_an_older_snapshot_does_not(
    source: PostgresBooks, main: Recorder
) -> None:
    main.write(*map(diff, range(1, 9)), book("rest", 2), checkpoint(3), checkpoint(6), checkpoint(5, symbol="ETHUSDT"))
    assert source.seed(diff(9)) == BookSeed(checkpoint(6))
    assert source.seed(diff(5)) == BookSeed(checkpoint(3)), "as it was when that diff came"
    assert source.seed(diff(2)) == BookSeed(None, book("rest", 2))
    assert source.seed(diff(1)) == BookSeed()


def test_the_newest_snapshot_counts_if_the_checkpoint_cannot_have_it(source: PostgresBooks, main: Recorder) -> None:
    cases = {
        "AFTER_THE_CHECKPOINT": (book("rest", 5, after_ms=1.5), True),
        "AHEAD_OF_IT": (book("rest", 7, after_ms=-1.5), True),
        "BEFORE_IT": (book("rest", 5), False),
        "AFTER_THE_DIFF": (book("rest", 9, after_ms=5), False),
    }
    for symbol, (snapshot, counts) in cases.items():
        known, newest = checkpoint(6, symbol=symbol), msgspec.structs.replace(snapshot, symbol=symbol)
        main.write(known, book("rest", 1, symbol=symbol), newest)
        assert source.seed(diff(9, symbol=symbol)) == BookSeed(known, newest if counts else None), symbol


def test_on_spot_a_diff_that_ends_with_a_snapshot_does_not_span_it(source: PostgresBooks, main: Recorder) -> None:
    for market, counts in ((Market.SPOT, True), (Market.USDM, False)):
        known = checkpoint(6, market=market)
        snapshot = book("rest", 6, after_ms=-1, market=market)
        main.write(known, snapshot)
        assert source.seed(diff(9, market=market)) == BookSeed(known, snapshot if counts else None)


def test_a_diff_that_was_early_made_the_newest_checkpoint_though_received_before(
    source: PostgresBooks, main: Recorder
) -> None:
    early = checkpoint(7, after_ms=-2.5)
    main.write(checkpoint(6), early, book("rest", 5, after_ms=0.2))
    assert source.seed(diff(8)) == BookSeed(early)


def test_what_is_not_there_or_days_old_is_not_taken_up(source: PostgresBooks, main: Recorder) -> None:
    assert source.seed(diff(5)) == BookSeed()
    assert read(source, diff(5), 0) == []
    main.write(checkpoint(6), book("rest", 7))
    assert source.seed(diff(8, receive_time=NOON + 47 * HOUR)).checkpoint == checkpoint(6)
    assert source.seed(diff(8, receive_time=NOON + 49 * HOUR)) == BookSeed()


def test_diffs_come_by_id_digits_and_all_up_to_one_or_received_before_it(source: PostgresBooks, main: Recorder) -> None:
    early = diff(12, receive_time=NOON)
    main.write(*(diff(number) for number in range(1, 12)), early, diff(5, symbol="ETHUSDT"))
    with closing(source.diffs(diff(8), after=6)) as found:
        assert list(found) == [diff(7, stream=""), diff(8, stream=""), diff(12, receive_time=NOON, stream="")]
    assert read(source, diff(4), -1) == [1, 2, 3, 4, 12]


def test_a_reader_may_stop_early_and_ask_again(source: PostgresBooks, main: Recorder) -> None:
    main.write(*map(diff, range(1, 9)))
    with closing(source.diffs(diff(8), after=0)) as found:
        assert next(found).final_update_id == 1
    assert read(source, diff(8), 6) == [7, 8]
    source.close()
    assert read(source, diff(8), 7) == [8]


def test_a_lost_connection_is_told_and_the_next_question_connects_again(
    source: PostgresBooks, main: Recorder, database_url: str
) -> None:
    main.write(checkpoint(6))
    source.seed(diff(9))
    with connect(database_url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE '%%source = ''rest''%%' AND pid <> pg_backend_pid()"
        )
    with pytest.raises(SinkUnavailableError):
        source.seed(diff(9))
    assert source.seed(diff(9)) == BookSeed(checkpoint(6))
