"""The healer against the simulator's REST: what is asked for, journaled and refused."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import msgspec
import pytest

from orderflow_recorder.binance.rest import BinanceVenue
from orderflow_recorder.collector import Healer, Intake
from orderflow_recorder.core.budget import RequestBudget
from orderflow_recorder.domain.errors import SinkUnavailableError
from orderflow_recorder.domain.events import EventKind
from orderflow_recorder.domain.market import Market
from orderflow_recorder.ports.venue import RestAnswer
from orderflow_recorder.sim.frames import PlayedFrame
from orderflow_recorder.sim.server import Simulator
from tests.support.fake_clock import FakeClock
from tests.support.memory_journal import MemoryJournal
from tests.support.memory_ledger import MemoryLedger
from tests.unit.sim.tools import SPOT, USDM, InstantClock, ScriptedSource, played, trade

HOUR_MS = 3_600_000
NOW_MS = 1_700_000_000_000


def agg_trade(number: int, *, age_ms: int = 0) -> PlayedFrame:
    payload = {"e": "aggTrade", "E": NOW_MS, "s": "BTCUSDT", "a": number, "p": "1.0", "q": "2", "f": 1, "l": 1}
    return played(USDM, "btcusdt@aggTrade", payload | {"T": NOW_MS - age_ms, "m": False})


class Bench:
    """A healer of one market beside a simulator that knows its trades."""

    def __init__(self, market: Market, simulator: Simulator) -> None:
        """Start with nothing missing."""
        self.market = market
        self.simulator = simulator
        self.clock = FakeClock()
        self.ledger = MemoryLedger()
        self.journal = MemoryJournal()
        self.budget = RequestBudget(1920, now=0)
        self.venue = BinanceVenue(
            market,
            simulator.base_rest_url(market),
            clock=self.clock,
            budget=self.budget,
            verify=True,
            random=lambda: 0.0,
        )
        intake = Intake(self.journal, self.clock, instance="main", run_id="r")
        self.healer = Healer(market, self.venue, self.ledger, intake, self.clock, random=lambda: 0.5)

    def know(self, frames: Iterable[PlayedFrame]) -> None:
        for frame in frames:
            self.simulator.truth.apply(frame)

    def asked(self) -> list[tuple[str, str, str]]:
        """Return endpoint, first id and limit of every answer that was journaled."""
        return [(path_end(answer), answer.params["fromId"], answer.params["limit"]) for answer in self.journal.answers]

    def refused(self) -> list[tuple[int, int]]:
        events = [event for event in self.journal.events if event.event is EventKind.HEAL_REFUSED]
        assert all((event.market, event.symbol) == (self.market, "BTCUSDT") for event in events)
        return [(event.detail["first_id"], event.detail["last_id"]) for event in events]

    def reason(self) -> str:
        return str(self.journal.events[-1].detail["reason"])


def path_end(answer: RestAnswer) -> str:
    return answer.path.rpartition("/")[2]


@asynccontextmanager
async def bench_of(market: Market) -> AsyncIterator[Bench]:
    simulator = Simulator(ScriptedSource([trade(market, 1)]), clock=InstantClock(), speed=0)
    async with simulator:
        bench = Bench(market, simulator)
        try:
            yield bench
        finally:
            await bench.venue.close()


@pytest.fixture
async def spot() -> AsyncIterator[Bench]:
    async with bench_of(SPOT) as bench:
        bench.know(trade(SPOT, number) for number in range(100, 3300))
        yield bench


@pytest.fixture
async def usdm() -> AsyncIterator[Bench]:
    async with bench_of(USDM) as bench:
        yield bench


async def test_missing_trades_are_journaled_page_by_page_and_not_asked_for_again(spot: Bench) -> None:
    spot.ledger.miss(SPOT, "trade", 200, 1399)
    assert await spot.healer.look() == 2
    assert spot.asked() == [("historicalTrades", "200", "1000"), ("historicalTrades", "1200", "200")]
    rows = [row for answer in spot.journal.answers for row in msgspec.json.decode(answer.body)]
    assert [row["id"] for row in rows] == list(range(200, 1400))
    await spot.clock.advance(30)
    assert await spot.healer.look() == 0, "the answer is on its way through journal and loader"
    await spot.clock.advance(600)
    assert await spot.healer.look() == 2, "it never arrived"


async def test_ids_that_a_page_skips_are_refused(usdm: Bench) -> None:
    usdm.know(agg_trade(number) for number in range(1, 50) if number not in {20, 21, 30})
    usdm.ledger.miss(USDM, "aggTrade", 19, 22)
    usdm.ledger.miss(USDM, "aggTrade", 30, 30)
    await usdm.healer.look()
    assert usdm.asked() == [("aggTrades", "19", "12")]
    assert usdm.refused() == [(20, 21), (30, 30)]
    assert usdm.reason() == "the venue's answer skips them"


async def test_what_is_too_old_is_refused_up_to_the_first_that_is_served(usdm: Bench) -> None:
    usdm.know(agg_trade(number, age_ms=49 * HOUR_MS) for number in range(1, 3000))
    usdm.know(agg_trade(number) for number in range(3000, 4000))
    usdm.ledger.miss(USDM, "aggTrade", 500, 3500)
    await usdm.healer.look()
    assert usdm.refused() == [(500, 2999)]
    assert usdm.reason() == "the venue's answer begins at 3000"
    assert usdm.asked() == [("aggTrades", "500", "1000")]
    assert await usdm.healer.look() == 0, "the same page brought the rest"


async def test_an_empty_answer_about_old_ids_is_a_refusal_found_by_bisection(spot: Bench) -> None:
    spot.ledger.miss(SPOT, "trade", 1, 60)
    spot.ledger.miss(SPOT, "trade", 62, 3200)
    await spot.healer.look()
    # The simulator's tape begins at 100: for an older id it answers nothing at all.
    assert spot.refused() == [(1, 60), (62, 99)]
    assert spot.reason().startswith("the venue's answer is empty, though its newest id is 3299")
    brought = {row["id"] for answer in spot.journal.answers for row in msgspec.json.decode(answer.body)}
    assert brought >= set(range(100, 3201))


async def test_ids_that_rest_does_not_have_yet_are_asked_for_again_soon(spot: Bench) -> None:
    spot.ledger.miss(SPOT, "trade", 3290, 3310)
    await spot.healer.look()
    assert spot.refused() == []
    assert await spot.healer.look() == 0
    spot.know(trade(SPOT, number) for number in range(3300, 3320))
    await spot.clock.advance(10)
    await spot.healer.look()
    assert spot.asked()[-1] == ("historicalTrades", "3300", "11")
    assert spot.refused() == []


async def test_a_symbol_without_any_trade_in_the_venues_memory_is_asked_about_seldom(usdm: Bench) -> None:
    usdm.ledger.miss(USDM, "aggTrade", 5, 6)
    assert await usdm.healer.look() == 1
    await usdm.clock.advance(60)
    assert await usdm.healer.look() == 0
    await usdm.clock.advance(600)
    assert await usdm.healer.look() == 1
    assert usdm.refused() == []


async def test_a_refusal_is_on_record_in_the_venues_words(spot: Bench) -> None:
    spot.ledger.miss(SPOT, "trade", 200, 210)
    spot.ledger.gaps = [msgspec.structs.replace(gap, symbol="NOPEUSDT") for gap in spot.ledger.gaps]
    await spot.healer.look()
    assert [event.detail["reason"] for event in spot.journal.events] == [
        "venue answered 400 (code -1121): Invalid symbol."
    ]


async def test_a_rate_limit_is_waited_out_and_on_record(spot: Bench) -> None:
    spot.ledger.miss(SPOT, "trade", 200, 210)
    spot.simulator.control.rate_limit(status=429, retry_after=7)
    await spot.healer.look()
    assert spot.journal.kinds() == [EventKind.RATE_LIMITED]
    assert await spot.healer.look() == 0
    await spot.clock.advance(7)
    assert await spot.healer.look() == 1
    assert spot.asked() == [("historicalTrades", "200", "11")]


async def test_a_failing_endpoint_holds_its_stream_and_no_other(usdm: Bench) -> None:
    usdm.know(agg_trade(number) for number in range(1, 50))
    usdm.ledger.miss(USDM, "trade", 5, 6)
    usdm.ledger.miss(USDM, "aggTrade", 5, 6)
    await usdm.healer.look()
    assert usdm.asked() == [("aggTrades", "5", "2")]
    assert usdm.refused() == []


async def test_an_error_page_is_no_refusal_and_is_tried_again(spot: Bench) -> None:
    spot.ledger.miss(SPOT, "trade", 200, 210)
    spot.simulator.control.error_rest(status=503)
    await spot.healer.look()
    assert "HTTP 503" in (spot.healer.last_error or "")
    assert spot.journal.events == []
    await spot.clock.advance(2)
    await spot.healer.look()
    assert spot.asked() == [("historicalTrades", "200", "11")]
    assert spot.healer.last_error is None


async def test_a_database_that_is_away_only_makes_it_wait(spot: Bench) -> None:
    spot.ledger.miss(SPOT, "trade", 200, 210)
    spot.ledger.error = SinkUnavailableError("away")
    assert await spot.healer.look() == 0
    spot.ledger.error = None
    assert await spot.healer.look() == 1
