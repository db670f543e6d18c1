"""The loader's books: what is asked of the past, and that no book can hurt another."""

import pytest

from orderflow_recorder.core.book_levels import Pace
from orderflow_recorder.domain.errors import SinkRefusedError, SinkUnavailableError
from orderflow_recorder.domain.records import BookSnapshot, Record
from orderflow_recorder.loader.books import LocalBooks
from orderflow_recorder.ports.sink import Batch
from tests.support import records
from tests.support.memory_books import MemoryBooks
from tests.support.memory_sink import MemorySink, MemoryStore
from tests.support.records import MILLISECOND, NOON
from tests.unit.core.test_local_book import chain, snapshot

OFTEN = Pace(changes=1, per_level=0)


class Rig:
    """Books over a store that batches are written to."""

    def __init__(self) -> None:
        """Start with nothing written."""
        self.store = MemoryStore()
        self.source = MemoryBooks(self.store)
        self.books = LocalBooks(self.source, top_levels=0, pace=OFTEN)
        self._sink = MemorySink(self.store)
        self._position = self._sink.open("main")
        self.pending: list[Record] = []

    def take(self, *taken: Record) -> list[int]:
        """Return the ids of the checkpoints that follow."""
        found: list[int] = []
        for record in taken:
            self.pending.append(record)
            for one in self.books.take(record, self.pending):
                self.pending.append(one)
                assert isinstance(one, BookSnapshot)
                found.append(one.last_update_id)
        return found

    def write(self) -> None:
        """Write what is pending, which the loop has not heard of yet."""
        self._sink.write(Batch("main", self._position, self._position, self.pending))

    def commit(self) -> None:
        """Write what is pending."""
        self.write()
        self.pending = []


@pytest.fixture
def rig() -> Rig:
    """Return a rig."""
    return Rig()


def at(time: int, last: int) -> BookSnapshot:
    """Return a snapshot received when diff ``time`` was, and a little later."""
    return records.book_snapshot(
        last,
        receive_time=NOON + time * MILLISECOND + 1000,
        bid_prices=["7.0"],
        bid_quantities=["1"],
        ask_prices=["8.0"],
        ask_quantities=["1"],
    )


def test_the_past_is_asked_once_a_symbol_and_again_by_each_snapshot(rig: Rig) -> None:
    assert rig.take(*chain(1, 3), *chain(1, 3, symbol="ETHUSDT")) == []
    assert rig.source.asked == ["seed", "seed"]
    assert rig.take(at(3, 5), *chain(4, 6)) == [6]
    assert rig.source.asked == ["seed", "seed", "diffs"]
    rig.take(at(6, 4), *chain(7, 9))
    assert rig.source.asked == ["seed", "seed", "diffs", "diffs"]


def test_a_late_snapshot_finds_its_diffs_in_the_database_and_in_the_batch(rig: Rig) -> None:
    rig.take(*chain(1, 4))
    rig.commit()
    assert rig.take(*chain(5, 6), at(6, 3), *chain(7, 8)) == [7, 8]


def test_a_diff_that_was_written_while_it_still_seemed_to_be_pending_counts_once(rig: Rig) -> None:
    rig.take(*chain(1, 3), *chain(6, 7))
    rig.write()
    assert rig.take(*chain(4, 4), at(7, 2)) == []
    assert rig.take(*chain(5, 5), *chain(8, 8)) == [5, 6, 7, 8]


def test_after_forgetting_a_book_goes_on_from_what_was_written(rig: Rig) -> None:
    assert rig.take(at(3, 3), *chain(4, 5)) == [4, 5]
    rig.commit()
    rig.books.forget()
    rig.pending = []
    assert rig.take(*chain(6, 6)) == [6]
    assert rig.source.asked[-2:] == ["seed", "diffs"]


def test_a_diff_ahead_of_a_hole_is_found_again_though_it_is_beyond_the_snapshot(rig: Rig) -> None:
    rig.take(*chain(1, 3), *chain(6, 6, receive_time=NOON))
    rig.commit()
    rig.books.forget()
    assert rig.take(*chain(4, 4), at(4, 5)) == []
    assert rig.take(*chain(8, 8), *chain(7, 7)) == [7, 8], "6 came before 4"


def test_a_snapshot_before_the_first_diff_waits_for_it(rig: Rig) -> None:
    rig.take(*chain(1, 5))
    rig.commit()
    rig.books.forget()
    assert rig.take(at(5, 3), *chain(6, 6)) == [6]


def test_a_database_that_is_away_is_the_loops_affair(rig: Rig) -> None:
    rig.source.error = SinkUnavailableError("away")
    with pytest.raises(SinkUnavailableError):
        rig.take(*chain(1, 1))


@pytest.mark.parametrize("error", [SinkRefusedError("no permission"), RuntimeError("a bug")])
def test_a_book_that_fails_is_dropped_until_a_snapshot_and_touches_no_other(rig: Rig, error: Exception) -> None:
    rig.take(at(0, 0), *chain(1, 1, symbol="ETHUSDT"))
    rig.source.error = error
    assert rig.take(*chain(1, 2)) == []
    other = records.book_snapshot(3, symbol="ETHUSDT", receive_time=NOON)
    assert rig.take(other, *chain(2, 4, symbol="ETHUSDT")) == [4]
    assert rig.take(snapshot(4), *chain(3, 5)) == [5]


def test_other_records_follow_to_nothing(rig: Rig) -> None:
    others = [one for one in records.one_of_each() if not isinstance(one, BookSnapshot)]
    assert rig.take(*others) == []
