"""A book whose diff only the loader found unreadable gets a fresh snapshot, once."""

from collections.abc import Mapping

from orderflow_recorder.collector.book_repair import BookRepair
from orderflow_recorder.collector.books import BookKeeper
from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.market import Market
from tests.support.fake_clock import FakeClock
from tests.support.fake_venue import FakeVenue
from tests.support.memory_journal import MemoryJournal


class FakeLedger:
    """`DiffLedger` with gaps set by the test."""

    def __init__(self) -> None:
        """Know of nothing."""
        self.unreadable: dict[int, str] = {}
        self.away = False

    async def unreadable_diffs(self, market: Market) -> Mapping[int, str]:
        """Return what the test set."""
        if self.away:
            raise SinkUnavailableError("the database is away")
        return dict(self.unreadable)


class CountingBooks(BookKeeper):
    """Remembers which books were to be refreshed."""

    refreshed: list[str]

    def refresh(self, symbol: str) -> None:
        """Remember."""
        self.refreshed.append(symbol)


def bench() -> tuple[FakeLedger, CountingBooks, BookRepair]:
    clock, ledger = FakeClock(), FakeLedger()
    intake = Intake(MemoryJournal(), clock, instance="main", run_id="r")
    books = CountingBooks(Market.USDM, FakeVenue(market=Market.USDM), intake, clock, random=lambda: 0.5)
    books.refreshed = []
    return ledger, books, BookRepair(Market.USDM, ledger, books, clock)


async def test_a_new_hole_asks_for_one_snapshot() -> None:
    ledger, books, repair = bench()
    await repair.look()
    ledger.unreadable = {7: "AUSDT", 8: "AUSDT", 9: "BUSDT"}
    await repair.look()
    await repair.look()
    assert books.refreshed == ["AUSDT", "BUSDT"]


async def test_holes_of_earlier_runs_are_left_alone() -> None:
    ledger, books, repair = bench()
    ledger.unreadable = {7: "AUSDT"}
    await repair.look()
    await repair.look()
    assert books.refreshed == []


async def test_a_database_that_is_away_is_waited_for() -> None:
    ledger, books, repair = bench()
    await repair.look()
    ledger.away = True
    await repair.look()
    ledger.away, ledger.unreadable = False, {7: "AUSDT"}
    await repair.look()
    assert books.refreshed == ["AUSDT"]
