"""The symbol list is followed, and what changes is on record."""

from collections.abc import Sequence

from orderflow_recorder.collector.intake import Intake
from orderflow_recorder.collector.symbols import Change, SymbolFollower
from orderflow_recorder.core.shards import WHOLE, Shard, Work, shards
from orderflow_recorder.domain.errors import VenueUnreachableError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from tests.support.fake_clock import FakeClock
from tests.support.fake_venue import FakeVenue
from tests.support.memory_journal import MemoryJournal


def follower(
    venue: FakeVenue, configured: Sequence[str] | None, shard: Shard = WHOLE
) -> tuple[SymbolFollower, MemoryJournal]:
    journal = MemoryJournal()
    intake = Intake(journal, FakeClock(), instance="main", run_id="r")
    return SymbolFollower(Market.SPOT, configured, venue, intake, shard), journal


async def test_all_trading_symbols_are_recorded_and_followed() -> None:
    venue = FakeVenue(statuses={"AUSDT": "TRADING", "BUSDT": "BREAK", "CUSDT": "TRADING"})
    symbols, journal = follower(venue, None)
    assert await symbols.refresh() == Change(["AUSDT", "CUSDT"], [])
    venue.statuses = {"AUSDT": "TRADING", "BUSDT": "TRADING"}
    assert await symbols.refresh() == Change(["BUSDT"], ["CUSDT"])
    assert symbols.recorded == ["AUSDT", "BUSDT"]
    assert [(event.event, event.symbol) for event in journal.events] == [
        (EventKind.SYMBOL_LISTED, "BUSDT"),
        (EventKind.SYMBOL_DELISTED, "CUSDT"),
    ]


async def test_the_answer_is_journaled() -> None:
    symbols, journal = follower(FakeVenue(statuses={"AUSDT": "TRADING"}), None)
    await symbols.refresh()
    assert [answer.path for answer in journal.answers] == ["exchangeInfo"]


async def test_a_configured_symbol_that_is_unknown_or_halted_is_named() -> None:
    venue = FakeVenue(statuses={"AUSDT": "TRADING", "BUSDT": "BREAK", "XUSDT": "BREAK"})
    symbols, journal = follower(venue, ["AUSDT", "BUSDT", "NOPE"])
    assert await symbols.refresh() == Change((), ())
    assert [(event.event, event.symbol) for event in journal.events] == [
        (EventKind.SYMBOL_DELISTED, "BUSDT"),
        (EventKind.SYMBOL_UNKNOWN, "NOPE"),
    ]
    assert symbols.is_trading("AUSDT") is True
    assert symbols.is_trading("BUSDT") is False
    assert symbols.recorded == ["AUSDT", "BUSDT", "NOPE"]


async def test_a_symbol_that_was_asked_for_is_told_of_like_a_configured_one_but_for_an_unknown_one() -> None:
    venue = FakeVenue(statuses={"AUSDT": "TRADING", "BUSDT": "TRADING"})
    symbols, journal = follower(venue, ["AUSDT"])
    symbols.also = {"BUSDT", "NOPE"}
    assert symbols.is_listed("BUSDT") is None
    await symbols.refresh()
    assert [symbols.is_listed(symbol) for symbol in ("AUSDT", "BUSDT", "NOPE")] == [True, True, False]
    venue.statuses["BUSDT"] = "BREAK"
    await symbols.refresh()
    assert [(event.event, event.symbol) for event in journal.events] == [(EventKind.SYMBOL_DELISTED, "BUSDT")]


async def test_an_unreachable_venue_changes_nothing() -> None:
    venue = FakeVenue(statuses={"AUSDT": "TRADING"})
    symbols, journal = follower(venue, None)
    await symbols.refresh()
    venue.error = VenueUnreachableError("no route to host")
    assert await symbols.refresh() is None
    assert symbols.recorded == ["AUSDT"]
    assert len(journal.answers) == 1


async def test_before_the_list_was_read_nothing_is_said_about_trading() -> None:
    symbols, _ = follower(FakeVenue(), ["AUSDT"])
    assert symbols.is_trading("AUSDT") is None


async def test_of_all_that_trade_each_is_listed_and_delisted_in_one_shard() -> None:
    before = {f"{letter}USDT": "TRADING" for letter in "ABCDEFGH"}
    after = {f"{letter}USDT": "TRADING" for letter in "EFGHIJKL"}
    listed: list[str] = []
    delisted: list[str] = []
    said: list[str | None] = []
    for shard in shards(Work.COLLECT, 3):
        venue = FakeVenue(statuses=before)
        symbols, journal = follower(venue, None, shard)
        await symbols.refresh()
        venue.statuses = after
        change = await symbols.refresh()
        assert change is not None
        assert all(shard.takes(Market.SPOT, symbol) for symbol in symbols.recorded)
        listed += change.listed
        delisted += change.delisted
        said += [event.symbol for event in journal.events]
    assert sorted(listed) == ["IUSDT", "JUSDT", "KUSDT", "LUSDT"]
    assert sorted(delisted) == ["AUSDT", "BUSDT", "CUSDT", "DUSDT"]
    assert sorted(map(str, said)) == sorted([*listed, *delisted])


async def test_a_shard_without_any_symbol_is_nothing_to_complain_of() -> None:
    venue = FakeVenue(statuses={"AUSDT": "TRADING"})
    changes = [await follower(venue, None, shard)[0].refresh() for shard in shards(Work.COLLECT, 2)]
    assert sorted(map(str, changes)) == sorted(map(str, [Change(["AUSDT"], []), Change([], [])]))
